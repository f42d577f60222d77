"""Shows that a sender lives, and clears up what is late or was left by one that died."""

import datetime as dt
import logging
from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from otp import codes
from otp.models import Code, Message
from otp.outbox import life
from otp.outbox.queue import ERASED
from otp.outbox.sending import can_send
from otp.suppliers import second_way

logger = logging.getLogger(__name__)

ABANDONED = dt.timedelta(minutes=2)  # "sending" without a sign of life from its sender
USUAL = dt.timedelta(seconds=5)  # within which a code is handed over while all is well

State = Message.State


def tend(in_flight: Collection[int]) -> None:
    """Show that a sender lives and what it is sending, and clear up after those that died.

    A sender calls it every few seconds: a message whose sender stays silent is given up.
    """
    life.show("sender")
    Message.objects.filter(pk__in=in_flight, state=State.SENDING).update(changed_at=Now())
    sweep()


def sweep() -> None:
    """Give up messages that are too late to send, or whose sender died while sending."""
    dead_code = Exists(Code.objects.filter(pk=OuterRef("code_id"), expires_at__lte=Now()))
    late = Message.objects.filter(Q(good_until__lte=Now()) | Q(dead_code), state=State.QUEUED)
    _end_waits()
    late = late.filter(receipt_due_at=None)
    _expire(late.filter(gateway=""))
    # One that waited to be repeated may have gone out the first time.
    late.exclude(gateway="").update(state=State.UNKNOWN, changed_at=Now(), **ERASED)
    _settle_decoys()
    left = Message.objects.filter(state=State.SENDING, changed_at__lt=Now() - ABANDONED)
    # The one thing that may be done twice.
    left.filter(channel=Message.Channel.KICK).update(state=State.QUEUED, changed_at=Now())
    given_up = _give_up_ways(left)
    left = left.filter(ways=[])
    given_up += left.update(state=State.UNKNOWN, reason="abandoned", changed_at=Now(), **ERASED)
    if given_up:
        logger.warning("%s messages were left by a sender that died", given_up)


def _end_waits() -> None:
    """End what waits for its second way, and need not any more: the code is used, or dead."""
    over = Q(good_until__lte=Now()) | Q(code__expires_at__lte=Now())
    over |= Q(code__verified_at__isnull=False)
    waiting = Message.objects.filter(over, state=State.QUEUED, receipt_due_at__isnull=False)
    for pk in waiting.values_list("pk", flat=True):
        second_way.end(pk)


def _give_up_ways(left: QuerySet[Message]) -> int:
    """Put the way in doubt by which a dead sender was sending; another may follow it."""
    rows = left.exclude(ways=[]).values_list("pk", "tries", "ways")
    tolds = [
        (pk, tries, second_way.Told(ways[0], State.UNKNOWN, "abandoned"))
        for pk, tries, ways in rows
    ]
    return sum(second_way.settle(pk, tries, told) for pk, tries, told in tolds)


def _expire(late: QuerySet[Message]) -> None:
    """Give up what never left; a code among it gives its place in the day back."""
    with transaction.atomic():
        rows = list(late.select_for_update(skip_locked=True, of=("self",)).values("pk", "code_id"))
        Message.objects.filter(pk__in=[row["pk"] for row in rows]).update(
            state=State.EXPIRED, changed_at=Now(), **ERASED
        )
        codes.give_places_back([row["code_id"] for row in rows if row["code_id"]])


def _settle_decoys() -> None:
    """Let what is never sent fare as what is: handed over while that works, else given up.

    Then pages say the same of both, and both give their place in the day back or neither (EN-05).
    """
    open_ones = Message.objects.filter(
        state=State.SKIPPED,
        code__isnull=False,
        changed_at=F("created_at"),
        created_at__gt=Now() - dt.timedelta(days=1),
    )
    given_up = open_ones.filter(good_until__lte=Now())
    with transaction.atomic():
        rows = list(
            given_up.select_for_update(skip_locked=True, of=("self",)).values("pk", "code_id")
        )
        Message.objects.filter(pk__in=[row["pk"] for row in rows]).update(changed_at=Now())
        codes.give_places_back([row["code_id"] for row in rows])
    waiting = Message.objects.filter(
        state__in=[State.QUEUED, State.SENDING],
        code__isnull=False,
        created_at__lte=Now() - USUAL,
        receipt_due_at=None,  # else it was handed over, by its first way
    )
    if can_send() and not waiting.exists():
        open_ones.filter(created_at__lte=Now() - USUAL).update(changed_at=Now())
