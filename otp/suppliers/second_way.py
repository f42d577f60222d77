"""What becomes of a code that may go by several ways: one after the other, in one row.

`ways` names the way that the row's own columns tell of, and those that may still follow it.
`other_ways` keeps what became of each other one. `receipt_due_at` is set once the code may have
gone by some way: until then its receipt is waited for.

1. A way that fails while nothing has left hands on at once: the row is queued, due now, with the
   ways that follow.
2. A way that took the code, or may have, hands on to the next way alone, and nothing follows that
   one. The row is queued, due once the receipt is. So what may have gone is repeated at most once.
3. No way is ever begun twice after it may have gone, because it is no longer in `ways`.
4. The sender takes what is due by its usual claim, whose row lock decides between two senders, and
   between a sender and a receipt: a receipt that comes first ends the row, one that comes later is
   written beside what goes already. The claim passes over codes that are used or dead; those are
   ended here.
5. A sender that dies leaves its way in doubt: rule 2, without a wait.
6. A row that is through forgets number and wording, and tells of the way that did best: a code
   that one way delivered is no failure of the other's.

Each change is made under the row's lock, in one short transaction.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from django.db import transaction
from django.db.models.functions import Coalesce, Least, Now

from otp import codes
from otp.models import Message
from otp.suppliers import dead_numbers
from otp.suppliers.code_ways import SMS, VOICE, ZNS

State = Message.State

# How long the receipt of a way is waited for. A call rings for longer before it is given up.
ZALO_WAIT, CALL_WAIT = dt.timedelta(seconds=20), dt.timedelta(seconds=40)
_WAITS = {ZNS: ZALO_WAIT, VOICE: CALL_WAIT}

_RANKS = {State.DELIVERED: 4, State.ACCEPTED: 3, State.UNKNOWN: 2, State.FAILED: 1}
_HANDS_ON = (State.ACCEPTED, State.UNKNOWN, State.FAILED, State.REJECTED, State.SKIPPED)
_IN_DOUBT = (State.ACCEPTED, State.UNKNOWN)
_UNDER_WAY = (State.QUEUED, State.SENDING)
# What a report may move on, and to what.
BEFORE = {
    State.ACCEPTED: [State.SENDING, State.UNKNOWN],
    State.DELIVERED: [State.QUEUED, State.SENDING, State.UNKNOWN, State.ACCEPTED],
    State.FAILED: [State.QUEUED, State.SENDING, State.UNKNOWN, State.ACCEPTED],
}


@dataclass(frozen=True)
class Told:
    """What became of a code by one way."""

    way: str
    state: str
    reason: str = ""
    gateway: str = ""
    gateway_id: str = ""

    @classmethod
    def by(cls, row: Message) -> Self:
        """Read what the row's own columns tell."""
        return cls(row.ways[0], row.state, row.reason, row.gateway, row.gateway_id)

    @property
    def rank(self) -> int:
        return _RANKS.get(State(self.state), 0)


def way_of(gateway: str) -> str:
    """Name the way of a gateway: calls and Zalo have one each."""
    return gateway if gateway in (ZNS, VOICE) else SMS


def settle(message_id: int, tries: int, told: Told) -> bool:
    """Write down what a claim came to, and queue the next way; False where it is over."""
    with transaction.atomic():
        row = _locked(message_id, (State.SENDING, State.UNKNOWN), tries=tries)
        if row is None or row.ways[0] != told.way:
            return False
        if row.state == State.UNKNOWN and row.reason != "abandoned":
            return False
        _enter_own(row, told)
    return True


def report(message_id: int, told: Told) -> bool:
    """Write down a supplier's report; False where it says nothing new."""
    with transaction.atomic():
        row = _locked(message_id, tuple(State))
        if row is None:
            return False
        if row.ways[0] != told.way:
            return _enter_other(row, told)
        if row.state not in BEFORE[State(told.state)]:
            return False
        _enter_own(row, told)
    return True


def end(message_id: int) -> bool:
    """End a row whose code is used or dead while it waited; False where it waits no more."""
    with transaction.atomic():
        row = _locked(message_id, (State.QUEUED,), skip=True)
        if row is None:
            return False
        # A way that was never begun is told of by nothing.
        if row.reason:
            _finish(row, _left_by(row, State.EXPIRED))
        else:
            _tell_of_best(row, with_own=False)
            _save(row)
    return True


def _locked(
    message_id: int, states: Sequence[State], *, tries: int | None = None, skip: bool = False
) -> Message | None:
    rows = Message.objects.select_for_update(skip_locked=skip).filter(
        pk=message_id, state__in=states, ways__len__gt=0
    )
    return rows.filter(tries=tries).first() if tries is not None else rows.first()


def _enter_own(row: Message, told: Told) -> None:
    follow = row.ways[1:]
    if follow and told.state in _HANDS_ON and row.state in _UNDER_WAY:
        _hand_on(row, told, follow)
    else:
        _finish(row, told)


def _hand_on(row: Message, told: Told, follow: list[str]) -> None:
    """Queue the row for its next way."""
    _note_dead(row, told)
    in_doubt = told.state in _IN_DOUBT
    wait = _WAITS[told.way] if told.state == State.ACCEPTED else dt.timedelta()
    row.other_ways = [*row.other_ways, asdict(told)]
    row.ways = follow[:1] if in_doubt else follow
    row.state, row.reason, row.gateway, row.gateway_id = State.QUEUED, "", "", ""
    row.due_at = Now() + wait
    if in_doubt:
        row.receipt_due_at = row.due_at
    if told.state == State.ACCEPTED:
        row.accepted_at = Coalesce("accepted_at", Now())
    _save(row)


def _finish(row: Message, told: Told) -> None:
    """Let the row be through, and tell of the way that did best."""
    _note_dead(row, told)
    row.state, row.reason = told.state, told.reason
    row.gateway, row.gateway_id = told.gateway, told.gateway_id
    if told.state == State.ACCEPTED:
        row.accepted_at = Coalesce("accepted_at", Now())
    _tell_of_best(row)
    _save(row)
    # Only what certainly did not leave by any way has a place to give back.
    if row.code_id and row.state == State.REJECTED:
        codes.void(row.code_id)
    elif row.code_id and row.state == State.EXPIRED:
        codes.give_places_back([row.code_id])


def _enter_other(row: Message, told: Told) -> bool:
    """Write down what came of a way that the row does not tell of itself."""
    ways = [each["way"] for each in row.other_ways]
    if told.way not in ways:
        return False
    place = ways.index(told.way)
    if row.other_ways[place]["state"] not in BEFORE[State(told.state)]:
        return False
    _note_dead(row, told)
    row.other_ways[place] = asdict(told)
    if row.state == State.QUEUED and told.state == State.DELIVERED:
        _tell_of_best(row, with_own=bool(row.reason))
    elif row.state == State.QUEUED and told.state == State.FAILED and not row.reason:
        row.due_at = Least("due_at", Now())
    elif row.state not in _UNDER_WAY:
        _tell_of_best(row)
    _save(row)
    return True


def _tell_of_best(row: Message, *, with_own: bool = True) -> None:
    """Have the row tell of the way that did best; where two did alike, of the later one."""
    told = [Told(**each) for each in row.other_ways]
    own = _left_by(row, State.SKIPPED) if row.state in _UNDER_WAY else Told.by(row)
    best = max(told, key=lambda each: each.rank, default=own)
    if with_own and best.rank <= own.rank:
        row.to = row.subject = row.text = ""
        return
    others = [each for each in told if each is not best] + ([own] if with_own else [])
    row.other_ways = [asdict(each) for each in others]
    row.ways = [best.way]
    row.state, row.reason = best.state, best.reason
    row.gateway, row.gateway_id = best.gateway, best.gateway_id
    row.to = row.subject = row.text = ""


def _left_by(row: Message, otherwise: State) -> Told:
    """Say how the way under way is left that was tried before and waits to be tried again."""
    state = State.UNKNOWN if row.gateway else otherwise
    return Told(row.ways[0], state, row.reason, row.gateway, row.gateway_id)


def _note_dead(row: Message, told: Told) -> None:
    # Zalo knows accounts, which outlive the number that they were made with.
    if told.way != ZNS:
        dead_numbers.note(row.pk, State(told.state), gateway=told.gateway, reason=told.reason)


def _save(row: Message) -> None:
    row.changed_at = Now()
    row.save(
        update_fields=[
            *("state", "reason", "gateway", "gateway_id", "ways", "other_ways", "receipt_due_at"),
            *("due_at", "accepted_at", "changed_at", "to", "subject", "text"),
        ]
    )
