"""The line to the operator's centre that all lanes of a sender share."""

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from django.views.decorators.debug import sensitive_variables

from otp.suppliers import http
from otp.suppliers.gateway import NotSent, Unknown
from otp.suppliers.smpp import SetUp, pdus
from otp.suppliers.smpp.pdus import HIGHEST_SEQUENCE, Command, Status, Unit
from otp.suppliers.smpp.wire import Gone, NotBound, Wire

logger = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two tries to bind, doubled each time
QUIET = 20.0  # seconds after which the centre is asked whether it is there
UNBINDING = 2.0  # seconds for the answer to an unbind
REMEMBERED = 10_000  # messages whose ids are known without asking the database
FULL = dt.timedelta(seconds=1)  # to wait for a place where the window has none

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Submitted:
    """A message on the line, and what the centre said of it."""

    message_id: int
    raw: bytes = field(repr=False)
    answered: threading.Event = field(default_factory=threading.Event)
    begun: bool = False  # some of it may have left
    given_up: bool = False  # nobody waits for the answer any more
    answer: Unit | None = None


class Line:
    """Binds, binds again when the line is lost, and carries what the lanes submit.

    `on_report` is given each report that comes in; `on_late` each message, and the centre's id of
    it, that was accepted when nobody waited for it any more. Both are called by the line's own
    thread, and must not wait.
    """

    def __init__(
        self,
        set_up: SetUp,
        *,
        on_report: Callable[[Unit], None],
        on_late: Callable[[int, str], None],
    ) -> None:
        self._set_up = set_up
        self._on_report, self._on_late = on_report, on_late
        self._changed = threading.Condition()
        self._places = threading.BoundedSemaphore(set_up.window)
        self._wire: Wire | None = None
        self._thread: threading.Thread | None = None
        self._ending = False
        self._wanted = False
        self._tries, self._failed_at, self._reason = 0, -SHORTEST_PAUSE, "connect"
        self._sequence = 0
        self._outgoing: deque[Submitted | bytes] = deque()
        self._submitted: dict[int, Submitted] = {}
        self._ids: dict[str, int] = {}

    def begin(self) -> None:
        """Bind, without waiting for it, and stay bound until `end`."""
        with self._changed:
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._run, name="smpp", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Unbind and close."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            if self._wire is not None:
                self._wire.wake()
        if self._thread is not None:
            self._thread.join(sum(http.TIMEOUTS) + UNBINDING)

    @sensitive_variables()
    def submit(self, message_id: int, fields: dict[str, object]) -> Unit:
        """Hand one part over and give the answer, within the time for answers.

        `message_id` is 0 for a part whose answer does not tell what became of the whole.
        Raises `NotSent` where nothing has left, and `Unknown` where it may have.
        """
        self.begin()
        give_up_at = time.monotonic() + sum(http.TIMEOUTS)
        self._wait_until_bound(give_up_at)
        if not self._places.acquire(timeout=max(0.0, give_up_at - time.monotonic())):
            raise NotSent("window", retry_after=FULL)
        try:
            return self._carried(message_id, fields)
        finally:
            self._places.release()

    def answer(self, raw: bytes) -> None:
        """Send the answer to a report, if the line is still there."""
        with self._changed:
            if self._wire is not None:
                self._outgoing.append(raw)
                self._wire.wake()

    def message_of(self, gateway_id: str) -> int:
        """Give the message that got this id lately; 0 where it is not known here."""
        return self._ids.get(gateway_id, 0)

    @sensitive_variables()
    def _carried(self, message_id: int, fields: dict[str, object]) -> Unit:
        with self._changed:
            if self._wire is None:
                raise NotSent(self._reason)
            sequence = self._next()
            submitted = Submitted(message_id, pdus.submit(sequence, **fields))
            _put(self._submitted, sequence, submitted)
            self._outgoing.append(submitted)
            self._wire.wake()
        submitted.answered.wait(http.TIMEOUTS[1])
        with self._changed:
            submitted.given_up = True
            answer, begun = submitted.answer, submitted.begun
        if answer is not None:
            return answer
        raise Unknown("no-answer") if begun else NotSent("connect")

    def _wait_until_bound(self, give_up_at: float) -> None:
        """Wait for the try that is under way, or that this asks for; raise why there is no line."""
        with self._changed:
            if self._wire is None and time.monotonic() - self._failed_at >= SHORTEST_PAUSE:
                tries, self._wanted = self._tries, True
                self._changed.notify_all()
                self._changed.wait_for(
                    lambda: self._wire or self._tries > tries or self._ending,
                    give_up_at - time.monotonic(),
                )
            if self._wire is None:
                raise NotSent(self._reason)

    def _next(self) -> int:
        """Give a unit's number; two of one number would get each other's answers."""
        with self._changed:
            self._sequence = self._sequence % HIGHEST_SEQUENCE + 1
            return self._sequence

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        while not self._ending:
            begun_at = time.monotonic()
            try:
                self._bind_and_serve()
            except Exception as error:  # noqa: BLE001  (the line's loop)
                # Our own fault, without its words: they may repeat a number.
                logger.error("smpp: the line failed with %s", type(error).__name__)  # noqa: TRY400
                self._lost("fault")
            if time.monotonic() - begun_at > LONGEST_PAUSE:
                pause = SHORTEST_PAUSE
            self._rest(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _bind_and_serve(self) -> None:
        try:
            wire = Wire(self._set_up, self._next())
        except NotBound as error:
            logger.warning("smpp: no line: %s", error.reason)
            self._failed_at = time.monotonic()
            self._lost(error.reason)
            return
        logger.info("smpp: bound")
        with self._changed:
            self._wire, self._wanted = wire, False
            self._changed.notify_all()
        try:
            self._serve(wire)
        except Gone:
            logger.log(logging.INFO if self._ending else logging.WARNING, "smpp: the line is over")
        finally:
            self._lost("connect")

    def _lost(self, reason: str) -> None:
        """Say to all who wait that there is no line, and how far their messages got."""
        with self._changed:
            if self._wire is not None:
                self._wire.close()
            self._wire, self._wanted, self._reason = None, False, reason
            self._tries += 1
            self._outgoing.clear()
            for submitted in self._submitted.values():
                submitted.answered.set()
            self._submitted.clear()
            self._changed.notify_all()

    def _rest(self, pause: float) -> None:
        """Wait before the next try; a message that waits for one makes it shorter."""
        until = time.monotonic() + pause
        with self._changed:
            while not self._ending and not self._wanted and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def _serve(self, wire: Wire) -> None:
        """Carry what waits and take what comes, until `Gone`."""
        heard_at = asked_at = time.monotonic()
        unbind_at = 0.0
        while True:
            for unit in wire.units(min(1.0, QUIET / 4)):
                heard_at = time.monotonic()
                self._take(wire, unit)
            self._send_what_waits(wire)
            now = time.monotonic()
            if self._ending and not unbind_at:
                unbind_at = now
                wire.send(pdus.bare(Command.UNBIND, self._next()))
            if unbind_at and now - unbind_at > UNBINDING:
                raise Gone
            if now - heard_at > QUIET + http.TIMEOUTS[1]:
                raise Gone
            if now - max(heard_at, asked_at) > QUIET:
                asked_at = now
                wire.send(pdus.bare(Command.ENQUIRE, self._next()))

    @sensitive_variables()
    def _send_what_waits(self, wire: Wire) -> None:
        while self._outgoing:
            each = self._outgoing.popleft()
            raw = each if isinstance(each, bytes) else self._begun(each)
            if raw:
                wire.send(raw)

    @sensitive_variables()
    def _begun(self, submitted: Submitted) -> bytes:
        """Give what to send, unless nobody waits for it any more; it is kept no longer."""
        with self._changed:
            if submitted.given_up:
                return b""
            submitted.begun = True
            raw, submitted.raw = submitted.raw, b""
            return raw

    @sensitive_variables()
    def _take(self, wire: Wire, unit: Unit) -> None:
        if unit.command in (Command.SUBMIT_ANSWER, Command.NACK):
            self._answered(unit)
        elif unit.command in (Command.DELIVER, Command.DATA):
            self._on_report(unit)
        elif unit.command == Command.ENQUIRE:
            wire.send(pdus.answer(unit))
        elif unit.command == Command.UNBIND:
            wire.send(pdus.answer(unit))
            raise Gone
        elif unit.command == Command.UNBIND_ANSWER:
            raise Gone
        elif unit.is_request and unit.command != Command.ALERT:
            wire.send(pdus.nack(unit))

    def _answered(self, unit: Unit) -> None:
        with self._changed:
            submitted = self._submitted.pop(unit.sequence, None)
            if submitted is None:
                return
            submitted.answer = unit
            submitted.answered.set()
        if unit.status == Status.OK and unit.command == Command.SUBMIT_ANSWER:
            gateway_id = unit.text("message_id")
            # Its report may be here before the sender has written the id down.
            _put(self._ids, gateway_id, submitted.message_id)
            if submitted.given_up and submitted.message_id:
                self._on_late(submitted.message_id, gateway_id)


def _put(kept: dict[K, V], key: K, value: V) -> None:
    """Keep it, and let the oldest go where there are too many."""
    kept[key] = value
    while len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
