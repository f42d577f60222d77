"""Do a claimed job: a file in one transaction, accounts CHUNK at a time, one transaction each."""

import dataclasses
import logging
import threading
from collections.abc import Callable
from typing import Any, Self

from django.db import Error, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts import caller
from accounts.bulk import actions, standing
from accounts.bulk.queue import claim
from accounts.loading import account_table
from accounts.loading.account_table import TableFault
from accounts.models.account import Account
from accounts.models.audit_event import Ground
from accounts.models.job import Job
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.spreadsheets import reading, writing
from accounts.spreadsheets.sheet import Sheet

logger = logging.getLogger(__name__)

CHUNK = 200  # accounts in one transaction
AT_ONCE = 100  # accounts for which nobody has to wait for the process
SIGN_OF_LIFE = 1.0  # seconds
TRIES = 3  # of processes that die over a job, before it is given up

_CUT_OFF = gettext_noop(
    "Việc này bị dừng giữa chừng nhiều lần. Hãy báo người vận hành máy chủ xem nhật ký của máy chủ."
)
_FAILED = gettext_noop(
    "Có lỗi khi thực hiện nên việc đã dừng. Hãy báo người vận hành máy chủ xem nhật ký của máy chủ."
)

_DEEDS: dict[str, Callable[[list[Account], Account, dict[str, Any], int], int]] = {
    Job.Kind.LOCK: actions.lock_all,
    Job.Kind.UNLOCK: actions.unlock_all,
    Job.Kind.MARK_DEFAULT: actions.mark_default,
    Job.Kind.NOTICE: actions.send_notice,
}


def work_at_once(job: Job) -> None:
    """Do a confirmed job on few accounts here and now: who locks somebody must not wait."""
    if job.kind != Job.Kind.IMPORT and job.total <= AT_ONCE:
        mine = claim(job.pk)
        if mine:
            work(mine)


def work(job: Job) -> None:
    """Do a claimed job. What the database refuses is left for another try."""
    caller.enter(caller.Caller(job.request_id, job.client or ""))
    try:
        if not roles.still_may(job.actor, job.right):
            _end(job, Job.State.REFUSED, sentence=_("Người yêu cầu không còn quyền làm việc này."))
        elif job.tries > TRIES:
            _end(job, Job.State.REFUSED, sentence=_(_CUT_OFF))
        elif job.kind == Job.Kind.IMPORT:
            _import(job)
        else:
            while _do_some(job):
                pass
    except Error:
        raise
    except Exception:
        # One job that fails must not stop those behind it.
        logger.exception("job %s failed", job.pk)
        _end(job, Job.State.REFUSED, sentence=_(_FAILED))


def _import(job: Job) -> None:
    units = roles.units_of(job.actor)
    try:
        with _Progress(job) as progress:
            content = bytes(job.file or b"")
            table = account_table.read(content, sheet=job.options.get("sheet") or "")
            progress.expect(len(table.rows))
            outcome = account_table.run(
                table,
                apply=job.confirmed,
                actor=job.actor,
                scope=lambda account: units is None or account.unit_id in units,
                add_units=bool(job.options.get("add_units")),
                hidden_rows=job.options.get("hidden_rows"),
                hidden_sheet=bool(job.options.get("sheet")),
                vouched=_ground(job),
                shown=job.result.get("mark", "") if job.confirmed else "",
                progress=progress,
            )
            if outcome.faults:
                job.returned = _with_reasons(table, outcome.faults, content)
    except reading.Unreadable as error:
        _end(job, Job.State.REFUSED, sentence=str(error))
        return
    result = dataclasses.asdict(outcome)
    job.faults = [[fault.row, fault.address, fault.reason] for fault in outcome.faults]
    result["faults"] = len(outcome.faults)
    job.total = outcome.created + outcome.updated + outcome.unchanged
    if outcome.faults:
        _end(job, Job.State.REFUSED, **result)
    elif job.confirmed and not outcome.asks:
        _end(job, Job.State.DONE, **result)
    else:
        _end(job, Job.State.ASKING, **result)


def _ground(job: Job) -> Ground | None:
    """Give why the numbers of a file count at once; None where its sender may not say so."""
    why = job.options.get("vouched")
    if not why or not job.actor.has_perm(Right.CONFIRM_PHONES):
        return None
    return Ground(why)


def _with_reasons(table: Sheet, faults: list[TableFault], content: bytes) -> bytes:
    """Give a file back in its own kind, with a column that says what is wrong."""
    header, *rows = account_table.with_reasons(table, faults)
    if content.startswith(b"PK"):
        return writing.workbook(header, rows)
    return b"".join(writing.write_csv(header, rows))


def _do_some(job: Job) -> bool:
    """Do the next few accounts. Say whether there were any."""
    with transaction.atomic():
        # Another process may have taken it over, if this one was silent for long.
        current = Job.objects.select_for_update().filter(pk=job.pk, state=Job.State.WORKING)
        if current.values_list("done", flat=True).first() != job.done:
            return False
        keys = job.accounts[job.done : job.done + CHUNK]
        if not keys:
            _end(job, Job.State.DONE)
            return False
        people = Account.objects.filter(pk__in=keys, is_staff=False).order_by("pk")
        some = list(roles.within(job.actor, people.select_for_update(of=("self",))))
        changed = list(standing.changed_since(job, some, job.done))
        job.faults += [[0, each.address, standing.words_of(each)] for each in changed]
        stayed = [each for each in some if each not in changed]
        job.changed += _DEEDS[job.kind](stayed, job.actor, job.options, job.done)
        job.done += len(keys)
        job.tries = 0
        job.changed_at = timezone.now()
        job.save(update_fields=["changed", "done", "faults", "tries", "changed_at"])
    return True


def _end(job: Job, state: Job.State, **result: Any) -> None:
    job.state = state
    job.result = result
    job.changed_at = timezone.now()
    if state != Job.State.ASKING:
        job.file = None
        job.accounts, job.seen = [], None
        # The file is gone: its numbers are not to be guessed from what is left of it.
        job.result.pop("mark", None)
    columns = ["state", "result", "faults", "changed_at", "file", "returned", "accounts", "seen"]
    columns += ["total"]
    job.save(update_fields=columns)


class _Progress(threading.Thread):
    """Shows, while a file is read, how far it is and that somebody is at it."""

    def __init__(self, job: Job) -> None:
        super().__init__(daemon=True)
        self._job = Job.objects.filter(pk=job.pk, state=Job.State.WORKING)
        self._result = job.result  # of the trial, which the page goes on showing
        self._count = 0
        self._over = threading.Event()

    def expect(self, rows: int) -> None:
        """Say how many rows there are, and that they are begun with now."""
        began = timezone.now()
        result = {**self._result, "began": began.isoformat()}
        self._job.update(total=rows, done=0, changed_at=began, result=result)

    def __call__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._over.wait(SIGN_OF_LIFE):
                self._job.update(done=self._count, changed_at=Now())
        except Error:
            logger.warning("a job's progress could not be shown")
        finally:
            connection.close()
