"""What became of codes, as reports count them and lists show them: one rule for both."""

import datetime as dt

from django.db.models import FilteredRelation, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from otp import office
from otp.models import Code, Message, Purpose

State = Message.State

ASKED_FOR = (Purpose.RECOVERY, Purpose.PHONE)  # what reports count: no words for callers

SENT = (State.ACCEPTED, State.DELIVERED)
WENT_WRONG = (State.REJECTED, State.FAILED, State.UNKNOWN, State.EXPIRED)


class Fate(TextChoices):
    """How a code fared. One that was sent is also used or idle; all others are one thing only."""

    SENT = "sent", _("đã gửi")
    USED = "used", _("đã dùng")
    IDLE = "idle", _("đã gửi, không dùng")
    WRONG = "wrong", _("gửi không được")
    NOT_SENT = "not-sent", _("không gửi (không có ai nhận, hoặc bị chặn)")


CARRIER = "carrier"  # the message, among those of the day alone
_DAY = dt.timedelta(days=1)
# A message was never written so much later than its code: they are one transaction.
_LATER = dt.timedelta(hours=1)


def in_day(day: dt.date) -> "QuerySet[Code]":
    """Give the codes of one of the office's days, without what carried them."""
    since, until = office.midnight(day), office.midnight(day + _DAY)
    return Code.objects.filter(issued_at__gte=since, issued_at__lt=until, purpose__in=ASKED_FOR)


def of_day(day: dt.date) -> "QuerySet[Code]":
    """Give the codes of one of the office's days, each with its `CARRIER`."""
    return carried(in_day(day), since=day, until=day + _DAY)


def carried(codes: "QuerySet[Code]", *, since: dt.date, until: dt.date) -> "QuerySet[Code]":
    """Give codes of the days from `since` to the one before `until`, each with its `CARRIER`.

    The time of the message is asked for as well: else PostgreSQL reads the messages of all days.
    """
    first, end = office.midnight(since) - _LATER, office.midnight(until) + _LATER
    near = Q(message__created_at__gte=first, message__created_at__lt=end)
    return codes.annotate(**{CARRIER: FilteredRelation("message", condition=near)})


def with_fate(fate: Fate, message: str = "message") -> Q:
    """Keep the codes that fared like this; `message` leads to what carried them."""
    used, sent = Q(verified_at__isnull=False), Q(**{f"{message}__state__in": SENT})
    wrong = Q(**{f"{message}__state__in": WENT_WRONG})
    match fate:
        case Fate.SENT:
            return sent
        case Fate.USED:
            return used
        case Fate.IDLE:
            return sent & ~used
        case Fate.WRONG:
            return wrong & ~used
    elsewhere = ~Q(**{f"{message}__state__in": [*SENT, *WENT_WRONG]})
    nowhere = Q(**{f"{message}__isnull": True}) | elsewhere
    return nowhere & ~used
