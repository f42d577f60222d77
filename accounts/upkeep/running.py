"""The tasks as procrastinate runs them: each a command in a process of its own.

No argument of a job holds anything but a moment, so its log and its tables hold no person.
"""

import asyncio
import datetime as dt
import logging
import sys
from contextlib import suppress

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from procrastinate import App, RetryStrategy
from procrastinate.job_context import JobContext

from accounts.bulk import queue as bulk
from accounts.models import Removal
from accounts.models.job import Job
from accounts.upkeep import records, schedule

logger = logging.getLogger(__name__)

AT_ONCE = 4  # processes beside the worker
TICK = 1.0  # seconds between two looks for what waited for another task to end
PATIENCE = 10  # seconds for a process that was told to end
KEPT = 7 * 24  # hours; what failed or was broken off
RETRY = RetryStrategy(max_attempts=3, wait=300)


class Failed(Exception):
    """A command ended with a fault; its own lines in the log say which."""


class _Bulk:
    """One process at a time does what IT asked for; who asks meanwhile is not forgotten."""

    def __init__(self) -> None:
        self._busy = self._asked = False

    async def work(self) -> None:
        self._asked = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._asked:
                self._asked = False
                await _run("work_jobs", "--once")
        finally:
            self._busy = False


_bulk = _Bulk()


def register(app: App) -> None:
    """Tell procrastinate of every task that the worker runs."""
    for task in schedule.tasks():
        _register(app, task)
    app.task(name=Job.WORKED_OFF_BY)(_work_off)
    app.task(name=Removal.WORKED_OFF_BY, lock=Removal.WORKED_OFF_BY, retry=RETRY)(_remove_accounts)
    tend = app.task(name="tend", queueing_lock="tend", pass_context=True)(_tend)
    app.periodic(cron="* * * * *", periodic_id="tend")(tend)


def _register(app: App, task: schedule.Task) -> None:
    async def do(timestamp: int) -> None:
        due = dt.datetime.fromtimestamp(timestamp, dt.UTC)
        if await sync_to_async(_is_due)(task.name, due):
            await _run(task.name, *task.arguments)

    # One lock for all: at night, one after the other, and places are left for what IT asks for.
    registered = app.task(name=task.name, lock="upkeep", retry=RETRY)(do)
    app.periodic(cron=task.cron, periodic_id=task.name)(registered)


async def _work_off() -> None:
    """Do what waits in the list of jobs; asked for in the transaction that writes a job."""
    await _bulk.work()


async def _remove_accounts() -> None:
    """Carry out the removals that were confirmed; asked for in the transaction that confirms."""
    await _run("run_removals")


async def _tend(context: JobContext, timestamp: int) -> None:
    """Take up again what a dead worker had, and what nobody was told of."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        await manager.retry_job(job)
    await manager.delete_old_jobs(
        nb_hours=KEPT, include_failed=True, include_cancelled=True, include_aborted=True
    )
    if await sync_to_async(_bulk_waits)():
        await _bulk.work()


def _is_due(name: str, at: dt.datetime) -> bool:
    close_old_connections()
    return records.is_due(name, at)


def _bulk_waits() -> bool:
    close_old_connections()
    return bulk.to_do().exists()


async def _run(*command: str) -> None:
    """Run a command of `manage.py` to its end; raise Failed where it does not end well."""
    manage = str(settings.BASE_DIR / "manage.py")
    child = await asyncio.create_subprocess_exec(sys.executable, manage, *command)
    try:
        code = await child.wait()
    except asyncio.CancelledError:
        await _end(child)
        raise
    if code:
        logger.error("worker: %s ended with %s", command[0], code)
        raise Failed(command[0])


async def _end(child: asyncio.subprocess.Process) -> None:
    # What is half done is undone by the database, and begun again later.
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), PATIENCE)
    except TimeoutError:
        child.kill()
        await child.wait()


async def run_worker(app: App, stop: asyncio.Event) -> None:
    """Run what is due and what is asked for, until told to stop or the database goes away."""
    worker = asyncio.create_task(
        app.run_worker_async(
            concurrency=AT_ONCE,
            fetch_job_polling_interval=TICK,
            delete_jobs="successful",
            install_signal_handlers=False,
            shutdown_graceful_timeout=0,
        )
    )
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([worker, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not worker.done():
        worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker
