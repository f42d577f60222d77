"""Reports on messages that come in on the line, written down by a thread of their own."""

import logging
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import Error, connection
from django.views.decorators.debug import sensitive_variables

from otp.models import Message
from otp.suppliers import receipts
from otp.suppliers.smpp import pdus
from otp.suppliers.smpp.pdus import Status, Unit

logger = logging.getLogger(__name__)

State = Message.State
WAITING = 1_000  # reports at once; more are asked to come again
LOOK_AGAIN, LOOKS = 2.0, 4  # seconds, times: the sender may not have written an id down yet
TICK = 0.2  # seconds between two looks for what is due again
TIMEOUT = 3.0  # seconds for the last reports at the end

IS_REPORT, KIND = 0x04, 0x3C  # of esm_class
_BY_NUMBER = {
    2: State.DELIVERED,
    3: State.FAILED,  # expired
    4: State.FAILED,  # deleted
    5: State.FAILED,  # undeliverable
    8: State.FAILED,  # rejected
}
_BY_WORD = {
    "DELIVRD": State.DELIVERED,
    "EXPIRED": State.FAILED,
    "DELETED": State.FAILED,
    "UNDELIV": State.FAILED,
    "REJECTD": State.FAILED,
}
_WORD = r"(?:^|\s){}:\s*([\w.-]{{1,64}})"
_ID, _STAT, _ERR = (re.compile(_WORD.format(name), re.ASCII) for name in ("id", "stat", "err"))


@dataclass(frozen=True)
class Report:
    """What a report says of a message: the centre's ids for it, the first that fits counts."""

    ids: list[str]
    state: Message.State
    reason: str


@dataclass
class _Job:
    """Something to write down, and the unit that brought it, which is answered then."""

    report: Report
    message_id: int = 0
    unit: Unit | None = None
    looks: int = 0
    due_at: float = field(default_factory=time.monotonic)


@sensitive_variables()
def read(unit: Unit, *, decimal: bool) -> Report | None:
    """Read a report; None where it is none, or tells of no end.

    A text that somebody sent to the office may look like one; only `esm_class` tells.
    """
    if unit.number("esm_class") & KIND != IS_REPORT:
        return None
    text = unit.text("short_message", "message_payload")
    state = _BY_NUMBER.get(unit.number("message_state")) or _BY_WORD.get(_found(_STAT, text))
    same = unit.text("receipted_message_id")
    ids = [same] if same else list(_forms(_found(_ID, text), decimal=decimal))
    if state is None or not ids:
        return None
    reason = "" if state == State.DELIVERED else _found(_ERR, text)
    return Report([receipts.clean_id(each) for each in ids], state, reason)


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _forms(given: str, *, decimal: bool) -> Iterator[str]:
    """Give the id as the answer may have written it: some centres write one number in two ways."""
    if decimal and given.isdigit():
        number = int(given)
        yield from (f"{number:x}", f"{number:X}", f"{number:08x}", f"{number:08X}")
    elif given:
        yield given


class Reports:
    """Writes down what became of messages, in the order in which it came.

    A report is answered once it is written down, so that none is lost with this process.
    """

    def __init__(
        self,
        gateway: str,
        *,
        decimal: bool,
        message_of: Callable[[str], int],
        answer: Callable[[bytes], None],
    ) -> None:
        self._gateway, self._decimal = gateway, decimal
        self._message_of, self._answer = message_of, answer
        self._jobs: queue.Queue[_Job] = queue.Queue(WAITING)
        self._again: deque[_Job] = deque()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="smpp-reports", daemon=True)
        self._begun = threading.Lock()

    def begin(self) -> None:
        with self._begun:
            if self._thread.ident is None:
                self._thread.start()

    def end(self) -> None:
        """Write down what has come, and end; what comes later is asked to come again."""
        self._ending = True
        if self._thread.ident is not None:
            self._thread.join(TIMEOUT)

    @sensitive_variables()
    def came(self, unit: Unit) -> None:
        """Take a unit from the line; what is no report is answered at once."""
        report = read(unit, decimal=self._decimal)
        if report is None:
            self._answer(pdus.answer(unit))
        else:
            self._put(_Job(report, unit=unit))

    def accepted(self, message_id: int, gateway_id: str) -> None:
        """Take that a message was accepted after its sender had given it up as unknown."""
        self._put(_Job(Report([gateway_id], State.ACCEPTED, ""), message_id))

    def _put(self, job: _Job) -> None:
        if not self._ending:
            with suppress(queue.Full):
                self._jobs.put_nowait(job)
                return
        self._close(job, Status.NOT_NOW)

    def _run(self) -> None:
        try:
            while not (self._ending and self._jobs.empty()):
                job = self._next()
                if job is not None:
                    self._do(job)
        finally:
            connection.close()

    def _next(self) -> _Job | None:
        if self._again and self._again[0].due_at <= time.monotonic():
            return self._again.popleft()
        try:
            return self._jobs.get(timeout=TICK)
        except queue.Empty:
            if not self._again:
                connection.close()
        return None

    def _do(self, job: _Job) -> None:
        try:
            found = self._written(job)
        except Error:
            connection.close()
            self._close(job, Status.NOT_NOW)
            return
        except Exception as error:  # noqa: BLE001  (the thread's loop)
            # Our own fault, without its words: they may repeat a number. It would come again.
            logger.error("smpp: a report failed with %s", type(error).__name__)  # noqa: TRY400
            self._close(job, Status.NEVER)
            return
        if found or job.looks >= LOOKS or len(self._again) >= WAITING:
            self._close(job, Status.OK)
            return
        job.looks += 1
        job.due_at = time.monotonic() + LOOK_AGAIN
        self._again.append(job)

    def _written(self, job: _Job) -> bool:
        """Write it down where its message is known, and say whether it is."""
        report = job.report
        for gateway_id in report.ids:
            number = (
                job.message_id
                or self._message_of(gateway_id)
                or receipts.message_of(self._gateway, gateway_id)
            )
            if number:
                receipts.report(
                    number,
                    report.state,
                    gateway=self._gateway,
                    gateway_id=gateway_id,
                    reason=report.reason,
                )
                return True
        return False

    def _close(self, job: _Job, status: Status) -> None:
        if job.unit is not None:
            self._answer(pdus.answer(job.unit, status))
