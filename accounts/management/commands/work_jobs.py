"""The worker: what is due by itself, and what IT asked for to many accounts."""

import asyncio
import logging
import resource
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException

from accounts.bulk import queue, worker
from accounts.upkeep import running
from otp.outbox import life
from otp.outbox.watch import Watch

logger = logging.getLogger(__name__)

SIGN_OF_LIFE = 5.0  # seconds
PAUSE = 3.0  # seconds between two tries to reach the database
MEMORY = 2 * 1024**3  # bytes of addresses: whatever a file holds, the machine lives on


class Command(BaseCommand):
    help = (
        "Run what is due every hour and every night, and the imports and other work on many"
        " accounts that IT asked for, until told to stop. Any number of hosts may do so."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what IT asked for, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            with _bounded_memory():
                while _work_one():
                    pass
            return
        asyncio.run(_work())


async def _work() -> None:
    """Run the worker, and begin anew whenever the database was away."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running.register(app)
    logger.info("worker: started")
    look_out = Watch("worker")
    look_out.start()
    living = asyncio.create_task(_show_life())
    await _work_until(stop)
    living.cancel()
    await asyncio.to_thread(look_out.end)
    logger.info("worker: stopped")


async def _show_life() -> None:
    while True:
        await asyncio.to_thread(_show_sign)
        await asyncio.sleep(SIGN_OF_LIFE)


def _show_sign() -> None:
    # Where the database is away, the worker's own work says so.
    with suppress(Error), closing(connection):
        life.show("worker")


async def _work_until(stop: asyncio.Event) -> None:
    away = False
    while not stop.is_set():
        try:
            await _work_while_it_answers(stop)
            away = False
        except ConnectorException as error:
            if not away:
                _say_away(error)
            away = True
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE)


async def _work_while_it_answers(stop: asyncio.Event) -> None:
    assert isinstance(app.connector, DjangoConnector)
    connector = app.connector.get_worker_connector()
    with app.replace_connector(connector) as working:
        async with working.open_async():
            await running.run_worker(working, stop)


def _say_away(error: ConnectorException) -> None:
    # Only the first line: those after it may repeat values.
    first_line = str(error.__cause__ or error).partition("\n")[0]
    logger.error("worker: the database does not answer, trying on: %s", first_line)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    # Some systems know no such limit.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    try:
        yield
    finally:
        # What else this process has to do is not bound by it.
        resource.setrlimit(resource.RLIMIT_AS, before)


def _work_one() -> bool:
    job = queue.claim()
    if job is None:
        return False
    logger.info("job %s: %s, %s accounts", job.pk, job.kind, job.total)
    worker.work(job)
    logger.info("job %s: %s", job.pk, job.state)
    return True
