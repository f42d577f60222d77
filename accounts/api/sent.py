"""What programs are told of what left the portal: its fates, and no number, address or word."""

import datetime as dt
from typing import Any

from django.db.models import Count
from django.utils import timezone

from accounts.api.answers import page_of
from otp import office
from otp.models import Message

LATELY = dt.timedelta(days=1)  # of which rows are given, where nobody says since when
_SKEW = 1_000  # rows that may have been queued in another order than they are numbered


def counts_of(day: dt.date) -> list[dict[str, Any]]:
    """Count the messages that were queued on one of the office's days."""
    since = office.midnight(day)
    rows = Message.objects.filter(created_at__gte=since, created_at__lt=since + dt.timedelta(1))
    kinds = rows.order_by("channel", "gateway", "state").values("channel", "gateway", "state")
    return list(kinds.annotate(count=Count("pk")))


def page(
    *, since: dt.datetime | None, channel: str, state: str, after: int, most: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Give the messages behind the one with the key `after`, and the key from which to go on."""
    rows = Message.objects.filter(created_at__gte=since or timezone.now() - LATELY)
    first = rows.order_by("created_at").values_list("pk", flat=True).first()
    if first is None:
        return [], None
    # Else PostgreSQL could walk over all that was before.
    after = max(after, first - _SKEW)
    if channel:
        rows = rows.filter(channel=channel)
    if state:
        rows = rows.filter(state=state)
    found, last = page_of(rows.select_related("code"), after=after, most=most)
    return [_told(message) for message in found], last


def _told(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "channel": message.channel,
        "purpose": message.code.purpose if message.code else "",
        "state": message.state,
        "reason": message.reason,
        "gateway": message.gateway,
        "tries": message.tries,
        "created_at": message.created_at,
        "changed_at": message.changed_at,
        "accepted_at": message.accepted_at,
    }
