"""Today's codes of an address, what became of each, and from when the next may be asked for."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from otp.codes.reasons import fate_in_words, in_words
from otp.codes.rule import GRANT, STREAK, next_code_at, streak_keys
from otp.counting import keyed_names
from otp.models import (
    CALLER_TRIES,
    CODES_A_DAY,
    GUESSES,
    OFFICE_ZONE,
    Code,
    Message,
    Meter,
    Purpose,
)

State = Message.State


@dataclass(frozen=True)
class Fate:
    """What became of one code, for staff to read: no digits, no number."""

    id: uuid.UUID
    purpose: str
    issued_at: dt.datetime
    expires_at: dt.datetime
    voided: bool  # its place in the day was given back
    sent: str  # what became of the SMS
    reason: str
    gateway: str
    told_at: dt.datetime | None  # when the SMS came to that state
    wrong: int  # guesses
    outcome: str  # what became of the code itself
    refused: int  # asks that came too soon after it
    refused_first_at: dt.datetime | None
    refused_last_at: dt.datetime | None


@dataclass(frozen=True)
class CodeStatus:
    """Today's codes of one purpose, and from when the next may be asked for."""

    fates: list[Fate]  # the newest first
    taken: int  # places of the day in use
    next_at: dt.datetime | None  # None: at once
    closed_until: dt.datetime | None

    @property
    def most(self) -> int:
        return CODES_A_DAY

    @property
    def is_spent(self) -> bool:
        return self.taken >= CODES_A_DAY


def status_of(address: str, purpose: Purpose = Purpose.RECOVERY) -> CodeStatus:
    """Give the status of `address`, which need not exist."""
    keys = keyed_names.names_of("address", address)
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        (now,) = cursor.fetchone()
    recent = (
        Code.objects.filter(
            address_key__in=keys, purpose=purpose, issued_at__gt=now - dt.timedelta(days=2)
        )
        .select_related("message")
        .order_by("-issued_at")
    )
    rows = list(recent)
    day = timezone.localtime(now, OFFICE_ZONE).date()
    today = [code for code in rows if code.local_day == day]
    taken = sum(not code.voided for code in today)
    gap_until = max([now, *(code.gap_until for code in rows)])
    next_at = next_code_at(day=day, taken=taken, gap_until=gap_until)
    return CodeStatus(
        fates=[_fate(code, now) for code in today],
        taken=taken,
        next_at=next_at if next_at > now else None,
        closed_until=_closed_until(keys, purpose),
    )


def _closed_until(keys: list[str], purpose: Purpose) -> dt.datetime | None:
    return (
        Meter.objects.filter(
            pk__in=streak_keys(purpose, keys), count__gte=STREAK, until__gt=timezone.now()
        )
        .values_list("until", flat=True)
        .first()
    )


def _fate(code: Code, now: dt.datetime) -> Fate:
    message = getattr(code, "message", None)
    # Where there are several ways, each is told of with its own.
    reason = message.reason if message and not message.other_ways else ""
    return Fate(
        id=code.pk,
        purpose=code.get_purpose_display(),
        issued_at=code.issued_at,
        expires_at=code.expires_at,
        voided=code.voided,
        sent=fate_in_words(message) if message else "",
        reason=in_words(reason),
        gateway=message.gateway if message else "",
        told_at=message.changed_at if message else None,
        wrong=code.attempts - (code.verified_at is not None),
        outcome=str(
            _outcome_of_words(code, now) if code.purpose == Purpose.CALLER else _outcome(code, now)
        ),
        refused=code.refused,
        refused_first_at=code.refused_first_at,
        refused_last_at=code.refused_last_at,
    )


def _outcome(code: Code, now: dt.datetime) -> object:
    if code.verified_at is not None:
        if code.used_at is not None:
            return _("đã nhập đúng và đã dùng")
        if now < code.verified_at + GRANT:
            return _("đã nhập đúng, đang ở bước tiếp theo")
        return _("đã nhập đúng nhưng không làm tiếp")
    if code.attempts >= GUESSES:
        return _("nhập sai %(guesses)s lần, không dùng được nữa") % {"guesses": GUESSES}
    if now >= code.expires_at:
        return _("hết hiệu lực, chưa dùng")
    return _("còn hiệu lực")


def _outcome_of_words(code: Code, now: dt.datetime) -> object:
    if code.verified_at is not None:
        return _("người gọi đã đọc đúng")
    if code.attempts >= CALLER_TRIES:
        return _("đọc sai %(tries)s lần, không dùng được nữa") % {"tries": CALLER_TRIES}
    if now >= code.expires_at:
        return _("hết hiệu lực, chưa đọc đúng")
    return _("đang chờ người gọi đọc")
