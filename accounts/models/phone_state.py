"""How the number of an account stands: none, in doubt, not confirmed, confirmed long ago, good."""

import calendar
import datetime as dt
from typing import Protocol

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from otp import office


class PhoneState(models.TextChoices):
    NONE = "none", _("chưa có số")
    DOUBTED = "doubted", _("có thể không còn của chủ hộp thư")
    UNCONFIRMED = "unconfirmed", _("số chưa xác thực")
    OLD = "old", _("số xác thực đã lâu")
    GOOD = "good", _("số đã xác thực")


def months_before(day: dt.date, months: int) -> dt.datetime:
    """Give the beginning of the office's day that lies so many months before `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    then = dt.date(year, month + 1, min(day.day, last))
    return office.midnight(then)


def in_state(state: PhoneState, since: dt.datetime | None = None, *, of: str = "") -> Q:
    """Keep accounts whose number stands like this; `of` leads to the account, as `account__`.

    A confirmation before `since` is old; without `since` none is.
    """
    has_none = Q(**{f"{of}phone": ""})
    doubted = Q(**{f"{of}phone_doubted_at__isnull": False})
    confirmed = Q(**{f"{of}phone_confirmed_at__isnull": False})
    old = confirmed & Q(**{f"{of}phone_confirmed_at__lt": since}) if since else _nobody(of)
    match state:
        case PhoneState.NONE:
            return has_none
        case PhoneState.DOUBTED:
            return ~has_none & doubted
        case PhoneState.UNCONFIRMED:
            return ~has_none & ~doubted & ~confirmed
        case PhoneState.OLD:
            return ~doubted & old
    return ~doubted & confirmed & ~old


class Number(Protocol):
    """What is asked of an account here."""

    phone: str
    phone_confirmed_at: dt.datetime | None
    phone_doubted_at: dt.datetime | None


def state_of(number: Number, since: dt.datetime | None) -> PhoneState:
    """Say of one account what `in_state` asks of many."""
    if not number.phone:
        return PhoneState.NONE
    if number.phone_doubted_at is not None:
        return PhoneState.DOUBTED
    if number.phone_confirmed_at is None:
        return PhoneState.UNCONFIRMED
    return PhoneState.OLD if since and number.phone_confirmed_at < since else PhoneState.GOOD


def missing(since: dt.datetime | None, *, of: str = "") -> Q:
    """Keep accounts whose owner has to do something about the number.

    Where the office wants no confirmation, any number will do that is in no doubt.
    """
    found = in_state(PhoneState.NONE, of=of) | in_state(PhoneState.DOUBTED, of=of)
    if settings.PHONE_CONFIRMATION:
        found |= in_state(PhoneState.UNCONFIRMED, of=of)
        found |= in_state(PhoneState.OLD, since, of=of)
    return found


def _nobody(of: str) -> Q:
    return Q(**{f"{of}pk__in": []})


def confirmed_too_long_ago() -> dt.datetime | None:
    """Give the moment before which a number's confirmation counts as old; None where none does."""
    months = settings.PHONE_RECONFIRM_MONTHS
    if not (months and settings.PHONE_CONFIRMATION):
        return None
    return months_before(office.today(), months)
