"""Numbers that nobody has any more, or somebody else: what suppliers say of them, by days.

One such answer is a telephone that is switched off; two on different days put a number in doubt.
"""

import datetime as dt
from collections import defaultdict

from django.conf import settings
from django.utils import timezone

from otp.models import OFFICE_ZONE, DeadNumberDay, Message

DAYS = 2  # different ones, on which a number has to be called dead
KEPT = dt.timedelta(days=90)  # after which the first of them counts no more

# Not a mobile number, unreachable, unknown, no network's: of the number, not the office's account.
DEAD = {
    "twilio": frozenset({"21211", "21614", "30003", "30005", "30006"}),
    "esms": frozenset({"108"}),
}

State = Message.State


def note(message_id: int, state: Message.State, *, gateway: str, reason: str) -> None:
    """Keep what became of a message, where it tells whether its number is anybody's."""
    if state == State.DELIVERED:
        keys = Message.objects.filter(pk=message_id).values("phone_key")
        DeadNumberDay.objects.filter(phone_key__in=keys).delete()
    elif state in (State.FAILED, State.REJECTED) and reason in _dead(gateway):
        for key, sent_at in Message.objects.filter(pk=message_id).values_list(
            "phone_key", "created_at"
        ):
            _note_dead(key, sent_at, reason)


def _dead(gateway: str) -> frozenset[str]:
    if gateway == "smpp":
        return settings.SMPP.dead
    described = settings.SMS_SUPPLIERS.get(gateway)
    return described.dead if described else DEAD.get(gateway, frozenset())


def _note_dead(key: str, sent_at: dt.datetime, reason: str) -> None:
    # The day of the message: a report may come twice, and late.
    day = DeadNumberDay(
        phone_key=key,
        local_day=timezone.localdate(sent_at, OFFICE_ZONE),
        sent_at=sent_at,
        reason=reason,
    )
    if key:
        DeadNumberDay.objects.bulk_create([day], ignore_conflicts=True)


def dead_days() -> dict[str, list[dt.datetime]]:
    """Give when each number was called dead, under its keyed name: on enough days, none too old."""
    days: dict[str, list[dt.datetime]] = defaultdict(list)
    since = timezone.now() - KEPT
    rows = DeadNumberDay.objects.filter(sent_at__gt=since).order_by("sent_at")
    for key, sent_at in rows.values_list("phone_key", "sent_at"):
        days[key].append(sent_at)
    return {key: times for key, times in days.items() if len(times) >= DAYS}


def forget_old() -> int:
    """Forget what counts no more. Give how many days there were."""
    return DeadNumberDay.objects.filter(sent_at__lte=timezone.now() - KEPT).delete()[0]
