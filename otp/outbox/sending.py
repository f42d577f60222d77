"""Hands over what waits in the outbox: claimed by one, sent at most once, never late."""

import datetime as dt
import logging
import time
import traceback
import uuid
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from django.db import Error, connection, transaction
from django.db.models import Min
from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from otp import codes, gateways
from otp.counting import tightening
from otp.models import Message, Purpose
from otp.outbox import life
from otp.outbox.queue import CODE_PLACE
from otp.suppliers import dead_numbers, doveadm, second_way, webhook
from otp.suppliers.code_ways import SMS
from otp.suppliers.gateway import GatewayRefused, Mail, NotSent, Sms, SmsError, Unknown, send_mail
from otp.suppliers.route import Accepted, Route

logger = logging.getLogger(__name__)

KICKED_AGAIN = dt.timedelta(seconds=10)  # after the first time
LONGEST_WAIT = 60  # seconds between two tries
SUPPLIERS_WORDS = 64  # characters of what a supplier says that are kept

State = Message.State


# Each kind has an index in its order: of a hundred thousand that wait, one is read. The CTE is
# materialised because a plan that ran it twice would claim two.
_TAKE = """
UPDATE otp_message AS message
SET state = 'sending', tries = tries + 1, changed_at = statement_timestamp()
FROM due
WHERE message.id = due.id
RETURNING message.id, tries, channel, code_id, purpose, pepper_id, "to", subject, text, gateway,
    ways, due.good_until - statement_timestamp()
"""
# The code may have died before its message (codes.revoke), so the earlier of the two counts.
_CLAIM_CODE = f"""
WITH due AS MATERIALIZED (
    SELECT message.id, code.purpose, code.pepper_id,
        least(message.good_until, code.expires_at) AS good_until
    FROM otp_message AS message JOIN otp_code AS code ON code.id = message.code_id
    WHERE message.state = 'queued' AND message.code_id IS NOT NULL
      AND message.due_at <= statement_timestamp()
      AND least(message.good_until, code.expires_at) > statement_timestamp()
      AND (message.receipt_due_at IS NULL OR code.verified_at IS NULL)
    ORDER BY message.due_at
    LIMIT 1
    FOR UPDATE OF message SKIP LOCKED
) {_TAKE}"""  # noqa: S608  (our own constants)
_CLAIM_NOTICE = f"""
WITH due AS MATERIALIZED (
    SELECT id, NULL AS purpose, NULL AS pepper_id, good_until
    FROM otp_message
    WHERE state = 'queued' AND code_id IS NULL AND due_at <= statement_timestamp()
      AND good_until > statement_timestamp()
    ORDER BY channel = 'kick' DESC, due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) {_TAKE}"""  # noqa: S608  (our own constants)
# Only this very claim is marked: by now another sender may have given the message up, and one that
# was queued again may be in another sender's hands.
_SETTLE = """
UPDATE otp_message
SET state = %(state)s, reason = %(reason)s, gateway = %(gateway)s, gateway_id = %(gateway_id)s,
    changed_at = statement_timestamp(),
    accepted_at = CASE WHEN %(state)s = 'accepted' THEN statement_timestamp() END,
    "to" = '', subject = '', text = ''
WHERE id = %(id)s AND tries = %(tries)s AND state IN ('sending', 'unknown')
"""


@dataclass(frozen=True)
class Claimed:
    """A message that this process, and no other, may hand over. Its repr names no person."""

    good_until: float  # on this machine's monotonic clock
    id: int
    tries: int  # tells this claim from every other of the same message
    channel: str
    code_id: uuid.UUID | None
    purpose: str | None
    pepper_id: str | None
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    gateway: str  # the only one that may have it: it may have gone out by that one already
    ways: list[str]  # the one to take, and those that may follow; none where there is but SMS

    @property
    def left(self) -> dt.timedelta:
        """How long it is still worth sending."""
        return dt.timedelta(seconds=self.good_until - time.monotonic())


@dataclass(frozen=True)
class _Attempt:
    """What became of one attempt."""

    state: Message.State
    reason: str = ""
    gateway: str = ""
    gateway_id: str = ""
    again_in: dt.timedelta = dt.timedelta()  # where the state is "queued"

    def __str__(self) -> str:
        return f"{self.state.value} {self.reason}".rstrip()


def claim(*, codes_only: bool = False) -> Claimed | None:
    """Take the message that has been due longest: codes, then kicks, then notices. Or None.

    The claim is committed before anything is sent, so it refuses to run inside a transaction. From
    here on the caller hands the message over; should the caller die, nobody sends it again.
    """
    asked_at = time.monotonic()
    # By itself a statement is committed at once. In a transaction of somebody's, this raises.
    alone = transaction.atomic(durable=True) if connection.in_atomic_block else nullcontext()
    with alone, connection.cursor() as cursor:
        cursor.execute(_CLAIM_CODE)
        row = cursor.fetchone()
        if row is None and not codes_only:
            cursor.execute(_CLAIM_NOTICE)
            row = cursor.fetchone()
    if row is None:
        return None
    *columns, left = row
    return Claimed(asked_at + left.total_seconds(), *columns)


def deliver(message: Claimed, route: Route) -> None:
    """Hand a claimed message over once, and keep what came of it."""
    outcome = _attempt(message, route)
    went_well = outcome.state == State.ACCEPTED or (outcome.gateway and not outcome.reason)
    logger.log(
        logging.INFO if went_well else logging.WARNING,
        "message %s by %s: %s",
        message.id,
        outcome.gateway or message.channel,
        outcome,
    )
    _settle(message, outcome)


def deliver_one(route: Route) -> bool:
    """Claim and deliver one due message. Say whether there was one."""
    message = claim()
    if message is None:
        return False
    deliver(message, route)
    return True


def sender_is_alive() -> bool:
    """Say whether some sender has shown a sign of life lately."""
    return life.is_shown("sender")


def can_send() -> bool:
    """Say whether what is queued now can leave: no sender is missed, and a gateway is not paused.

    One statement, which waits for nothing and nobody.
    """
    parameters = {"gateways": gateways.in_use()}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {tightening.CAN_SEND}", parameters)
        return bool(cursor.fetchone()[0])


def oldest_waiting() -> dt.timedelta | None:
    """Give how long the longest due message has been waiting, or None where none is due."""
    due = Message.objects.filter(state=State.QUEUED, due_at__lte=Now())
    waited: dt.timedelta | None = due.aggregate(waited=Now() - Min("due_at"))["waited"]
    return waited


# sensitive_variables keeps the digits and the number out of error reports (LG-02).
@sensitive_variables()
def _attempt(message: Claimed, route: Route) -> _Attempt:
    try:
        content = _content(message)
    except Exception as error:  # noqa: BLE001  (the sender's loop; nothing has left yet)
        _log_fault(message, error)
        return _again(message, "fault")
    if content is None or message.left <= dt.timedelta():
        return _Attempt(State.UNKNOWN if message.gateway else State.EXPIRED)
    try:
        accepted = _hand_over(message, content, route)
    except SmsError as error:
        return _failure(message, error)
    except Exception as error:  # noqa: BLE001  (the sender's loop; it may have left)
        _log_fault(message, error)
        return _Attempt(State.UNKNOWN, "fault")
    if message.channel == Message.Channel.KICK and not message.gateway:
        # Once more: who was about to log in with the old password had no session yet.
        return _Attempt(State.QUEUED, "", accepted.gateway, again_in=KICKED_AGAIN)
    return _Attempt(State.ACCEPTED, "", accepted.gateway, accepted.gateway_id)


def _failure(message: Claimed, error: SmsError) -> _Attempt:
    """Read what a failed attempt means for the message."""
    match error:
        case NotSent():
            return _again(message, error.reason, error.retry_after)
        case GatewayRefused() if not message.gateway:
            return _Attempt(State.REJECTED, error.reason, error.gateway)
        case Unknown() if error.repeat_by:
            return replace(_again(message, error.reason), gateway=error.repeat_by)
    # A repeat that is refused says nothing of the first time.
    return _Attempt(State.UNKNOWN, error.reason, error.gateway)


def _content(message: Claimed) -> str | None:
    """Give the digits or words that it carries; None where they can no longer be derived."""
    if message.code_id is None or message.purpose is None or message.pepper_id is None:
        return ""
    return codes.content_of(message.code_id, Purpose(message.purpose), message.pepper_id) or None


@sensitive_variables()
def _hand_over(message: Claimed, content: str, route: Route) -> Accepted:
    text = message.text.replace(CODE_PLACE, content) if content else message.text
    if message.channel == Message.Channel.MAIL:
        return Accepted("mail", send_mail(Mail(message.to, message.subject, text)))
    if message.channel == Message.Channel.KICK:
        return Accepted(doveadm.NAME, doveadm.kick(message.to))
    if message.channel == Message.Channel.HOOK:
        return Accepted("webhook", webhook.post(text))
    sms = Sms(message.to, text, message.left, message_id=message.id, code=content)
    return route.send(sms, only=message.gateway, way=message.ways[0] if message.ways else SMS)


def _again(message: Claimed, reason: str, wait: dt.timedelta | None = None) -> _Attempt:
    pause = dt.timedelta(seconds=min(2 ** (message.tries - 1), LONGEST_WAIT))
    return _Attempt(State.QUEUED, reason, message.gateway, again_in=max(pause, wait or pause))


def _settle(message: Claimed, outcome: _Attempt) -> None:
    """Write an outcome down, even where the database is away for a moment.

    Should it stay away, the message is found abandoned later: in doubt, but never sent twice.
    """
    for pause in (0.1, 0.2, 0.5, 1, 2, 5, 10, 10, 10, 10):
        try:
            _mark(message, outcome)
        except Error:
            connection.close()
            time.sleep(pause)
        else:
            return
    logger.error("message %s: the database does not take the outcome", message.id)


def _mark(message: Claimed, outcome: _Attempt) -> None:
    if message.ways and (outcome.state != State.QUEUED or message.ways[1:]):
        _mark_way(message, outcome)
        return
    if outcome.state == State.QUEUED:
        _queue_again(message, outcome)
        return
    # Only what was certainly not sent has more to it than its row.
    more = outcome.state in (State.REJECTED, State.EXPIRED)
    with transaction.atomic() if more else nullcontext():
        if _settled(message, outcome) and more:
            if message.code_id:
                _give_place_back(message.code_id, outcome.state)
            dead_numbers.note(
                message.id, outcome.state, gateway=outcome.gateway, reason=outcome.reason
            )


def _mark_way(message: Claimed, outcome: _Attempt) -> None:
    """Write down what one of several ways came to. Where another follows, none is tried again."""
    told = second_way.Told(
        message.ways[0],
        State.SKIPPED if outcome.state == State.QUEUED else outcome.state,
        outcome.reason[:SUPPLIERS_WORDS],
        outcome.gateway,
        outcome.gateway_id[:SUPPLIERS_WORDS],
    )
    second_way.settle(message.id, message.tries, told)


def _queue_again(message: Claimed, outcome: _Attempt) -> None:
    claimed = Message.objects.filter(pk=message.id, tries=message.tries, state=State.SENDING)
    claimed.update(
        state=State.QUEUED,
        reason=outcome.reason[:SUPPLIERS_WORDS],
        gateway=outcome.gateway,
        due_at=Now() + outcome.again_in,
        changed_at=Now(),
    )


def _settled(message: Claimed, outcome: _Attempt) -> bool:
    """Mark the claim; False where it is no longer this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "state": outcome.state.value,
                "reason": outcome.reason[:SUPPLIERS_WORDS],
                "gateway": outcome.gateway,
                "gateway_id": outcome.gateway_id[:SUPPLIERS_WORDS],
                "id": message.id,
                "tries": message.tries,
            },
        )
        return bool(cursor.rowcount)


def _give_place_back(code_id: uuid.UUID, state: Message.State) -> None:
    if state == State.REJECTED:
        codes.void(code_id)
    elif state == State.EXPIRED:
        codes.give_places_back([code_id])


def _log_fault(message: Claimed, error: Exception) -> None:
    """Log where our own code failed, without the error's words: they may repeat a number."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    logger.error(
        "message %s: %s at %s:%s", message.id, type(error).__name__, frame.filename, frame.lineno
    )
