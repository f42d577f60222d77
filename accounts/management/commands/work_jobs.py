"""The worker: a process of its own that does what IT asked for to many accounts."""

import logging
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection

from accounts.bulk import queue, worker

logger = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks for work
PAUSE = 3.0  # seconds between two tries to reach the database
TIDY = 600.0  # seconds between two looks for what is old
MEMORY = 2 * 1024**3  # bytes of addresses: whatever a file holds, the machine lives on


class Command(BaseCommand):
    help = "Do the imports and other work on many accounts that IT asked for, until told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what waits, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            while _work_one():
                pass
            return
        loop = _Loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, loop.stop)
        loop.run()


class _Loop:
    """Looks for work every second. Each time a new process does it, and takes its memory along."""

    def __init__(self) -> None:
        self.stopping = False
        self._away = False
        self._tidied_at = -TIDY

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Stop soon. What is half done is undone by the database, and begun again later."""
        self.stopping = True

    def run(self) -> None:
        logger.info("worker: started")
        while not self.stopping:
            try:
                self._tidy()
                waiting = queue.to_do().exists()
                self._away = False
            except Error as error:
                self._lost(error)
                waiting = False
            if waiting:
                self._work()
            time.sleep(PAUSE if self._away else TICK)
        logger.info("worker: stopped")

    def _work(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work_jobs", "--once"]
        child = subprocess.Popen(command, preexec_fn=_bound_memory)
        while child.poll() is None:
            if self.stopping:
                child.terminate()
            time.sleep(0.1)
        if child.returncode:
            logger.error("worker: a process ended with %s", child.returncode)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at >= TIDY:
            self._tidied_at = time.monotonic()
            queue.forget_old()

    def _lost(self, error: Error) -> None:
        connection.close()
        if not self._away:
            self._away = True
            first_line = str(error).partition("\n")[0]
            logger.error("worker: the database does not answer, trying on: %s", first_line)


def _bound_memory() -> None:
    # Some systems know no such limit.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _work_one() -> bool:
    job = queue.claim()
    if job is None:
        return False
    logger.info("job %s: %s, %s accounts", job.pk, job.kind, job.total)
    worker.work(job)
    logger.info("job %s: %s", job.pk, job.state)
    return True
