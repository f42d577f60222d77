"""Hands over what webhooks are to be told: at least once, one at a time for each of them."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
import threading
import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.views.decorators.debug import sensitive_variables

from accounts.hooks.rules import key_of
from accounts.models import Hook, HookMessage
from accounts.models.program import HookMessageQuerySet
from otp.suppliers import direct
from otp.suppliers.direct import NotTaken

logger = logging.getLogger(__name__)

POSTS = 8  # of a sender at once; a receiver that is silent keeps one of them
TICK = 1.0  # seconds between two looks
LEASE = dt.timedelta(minutes=1)  # of a claim, after which another sender begins anew
GOOD_FOR = dt.timedelta(days=1)  # a message, after which it is given up
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=5), dt.timedelta(minutes=15)
PASSED_AFTER = 8  # tries of one message, after which those behind it go first
_SWEEP = 60.0  # seconds

State = HookMessage.State

# The one whose last try is longest ago, so that none waits for another that has much to say. A row
# that a sender took meanwhile is looked at anew by PostgreSQL, and left. Of a hundred thousand that
# wait for one, one is read: by its LIMIT the subquery goes along its index. The key is left to what
# queues: it never waits for a sender.
_CLAIM = """
UPDATE accounts_hook AS hook
SET claim = hook.claim + 1, tried_at = statement_timestamp(),
    claimed_until = statement_timestamp() + %s * interval '1 second'
FROM (
    SELECT free.id FROM accounts_hook AS free, LATERAL (
        SELECT FROM accounts_hookmessage AS message
        WHERE message.hook_id = free.id AND message.state = 'waiting'
          AND message.due_at <= statement_timestamp()
        ORDER BY message.due_at, message.id LIMIT 1
    ) AS waiting
    WHERE is_on AND ended_at IS NULL
      AND coalesce(paused_until, '-infinity') <= statement_timestamp()
      AND coalesce(claimed_until, '-infinity') <= statement_timestamp()
    ORDER BY tried_at NULLS FIRST
    LIMIT 1
    FOR NO KEY UPDATE OF free SKIP LOCKED
) AS due
WHERE hook.id = due.id
RETURNING hook.id, hook.claim, hook.url, hook.seed
"""


@dataclass(frozen=True)
class Claimed:
    """A message that this process, and until the lease is over no other, hands over."""

    hook: int
    claim: int
    url: str = field(repr=False)
    seed: str = field(repr=False)
    pk: int
    uid: uuid.UUID
    event: str
    happened_at: dt.datetime
    data: dict[str, object] = field(repr=False)
    tries: int

    @property
    def public_id(self) -> str:
        """Give the id by which the receiver, the page and the log know it."""
        return f"msg_{self.uid.hex}"

    @property
    def body(self) -> bytes:
        """Write it, the same at each try."""
        said = {
            "type": self.event,
            "timestamp": self.happened_at.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
            "portal": settings.PUBLIC_BASE_URL,
            "data": self.data,
        }
        return json.dumps(said, ensure_ascii=False).encode()


def claim() -> Claimed | None:
    """Take what is due for a webhook that nobody is sending to; None where there is nothing."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [LEASE.total_seconds()])
            row = cursor.fetchone()
        if row is None:
            return None
        hook, number, url, seed = row
        due = HookMessage.objects.waiting().filter(hook=hook, due_at__lte=Now())
        message = due.filter(event=Hook.PING).first() or due.order_by("due_at", "pk").first()
        if message is None:  # it was taken or given up in this very moment
            Hook.objects.filter(pk=hook).update(claimed_until=None)
            return None
        HookMessage.objects.filter(pk=message.pk).update(tries=F("tries") + 1)
    return Claimed(
        hook=hook,
        claim=number,
        url=url,
        seed=seed,
        pk=message.pk,
        uid=message.uid,
        event=message.event,
        happened_at=message.happened_at,
        data=message.data,
        tries=message.tries + 1,
    )


@dataclass(frozen=True)
class Answer:
    """What came of a try: taken, or not before some time has passed."""

    outcome: str
    taken: bool
    wait: dt.timedelta = dt.timedelta()


def post(message: Claimed) -> Answer:
    """Post a claimed message once; needs no database."""
    try:
        status = direct.post(message.url, message.body, _signed(message))
    except NotTaken as error:
        return Answer(error.reason, taken=False, wait=error.wait or dt.timedelta())
    return Answer(f"http-{status}", taken=True)


def keep(message: Claimed, answer: Answer) -> None:
    """Keep what came of it."""
    logger.log(
        logging.INFO if answer.taken else logging.WARNING,
        "webhook %s, message %s, try %s: %s",
        message.hook,
        message.public_id,
        message.tries,
        answer.outcome,
    )
    if answer.taken:
        _keep_taken(message, answer.outcome)
    else:
        _keep_failed(message, answer.outcome, answer.wait)


@sensitive_variables()
def _signed(message: Claimed) -> dict[str, str]:
    """Give the headers, as Standard Webhooks names and signs them."""
    uid, at = message.public_id, str(int(time.time()))
    text = f"{uid}.{at}.".encode() + message.body
    digest = hmac.digest(key_of(message.seed), text, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "mailportal",
        "webhook-id": uid,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _keep_taken(message: Claimed, outcome: str) -> None:
    with transaction.atomic():
        Hook.objects.filter(pk=message.hook, claim=message.claim).update(
            claimed_until=None,
            failures=0,
            failing_since=None,
            paused_until=None,
            taken_at=Now(),
            outcome=outcome,
        )
        # Also where the lease was over: it was taken, whoever else sends it by now.
        _settle(HookMessage.objects.filter(pk=message.pk), State.TAKEN, outcome)


def _keep_failed(message: Claimed, outcome: str, wait: dt.timedelta) -> None:
    """Pause the webhook, longer each time; what was tried often lets those behind it pass."""
    with transaction.atomic():
        mine = Hook.objects.filter(pk=message.hook, claim=message.claim)
        hook = mine.select_for_update(no_key=True).first()
        if hook is None:
            return
        hook.failures += 1
        pause = max(min(FIRST_PAUSE * 2 ** min(hook.failures - 1, 20), LONGEST_PAUSE), wait)
        mine.update(
            claimed_until=None,
            failures=hook.failures,
            failing_since=Coalesce("failing_since", Now()),
            paused_until=Now() + pause,
            outcome=outcome,
        )
        waiting = HookMessage.objects.waiting().filter(pk=message.pk)
        if message.event == Hook.PING:
            _settle(waiting, State.GIVEN_UP, outcome)
        elif message.tries >= PASSED_AFTER:
            waiting.update(outcome=outcome, due_at=Now() + LONGEST_PAUSE)
        else:
            waiting.update(outcome=outcome)


def give_up_old() -> int:
    """Give up what nobody took in time; give the number.

    What was queued at the very end of a webhook goes as all that waited with it.
    """
    HookMessage.objects.filter(hook__ended_at__isnull=False).delete()
    late = HookMessage.objects.waiting().filter(happened_at__lt=Now() - GOOD_FOR)
    return _settle(late, State.GIVEN_UP, None)


def forget_old() -> int:
    """Delete what became of messages long ago; give the number."""
    old = HookMessage.objects.filter(happened_at__lt=Now() - HookMessage.KEPT)
    return old.exclude(state=State.WAITING).delete()[0]


def _settle(messages: HookMessageQuerySet, state: State, outcome: str | None) -> int:
    known = {} if outcome is None else {"outcome": outcome}
    return messages.waiting().update(state=state, settled_at=Now(), data={}, **known)


class Webhooks(threading.Thread):
    """Sends beside the sender's lanes, by a connection of its own and posts that need none."""

    def __init__(self) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._over = threading.Event()
        self._on_way: dict[Future[Answer], Claimed] = {}
        self._swept_at = -_SWEEP

    def end(self) -> None:
        """Begin no more, and wait for those on their way; each has its time."""
        self._over.set()
        self.join(direct.WITHIN + TICK)

    @staticmethod
    def drain() -> None:
        """Send what is due now."""
        give_up_old()
        while (message := claim()) is not None:
            keep(message, post(message))

    def run(self) -> None:
        pool = ThreadPoolExecutor(POSTS, "webhook")
        while not self._over.is_set() or self._on_way:
            try:
                self._sweep()
                self._begin(pool)
                self._finish()
            except Error:
                connection.close()
                self._over.wait(TICK)
            except Exception:
                logger.exception("sender: the webhooks failed")
                self._over.wait(TICK)
        connection.close()
        pool.shutdown(wait=False)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at > _SWEEP:
            give_up_old()
            self._swept_at = time.monotonic()

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        while not self._over.is_set() and len(self._on_way) < POSTS:
            message = claim()
            if message is None:
                return
            self._on_way[pool.submit(post, message)] = message

    def _finish(self) -> None:
        """Keep what came of those that are back, or look around anew after a moment."""
        if not self._on_way:
            self._over.wait(TICK)
            return
        back, _ = wait(self._on_way, TICK, FIRST_COMPLETED)
        for future in back:
            # What cannot be kept is sent again once the lease is over.
            keep(self._on_way.pop(future), future.result())
