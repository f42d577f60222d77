"""`make run`: the portal, its sender, its worker and demo people, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from accounts import demo

HOST = "127.0.0.1"
TIMEOUT = 10  # seconds for a process to end by itself


class Command(BaseCommand):
    help = "Starts the portal, its helpers and demo people on this machine; Ctrl-C ends all."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("PORTAL_DEMO is not set: start the demonstration with `make run`.")
        _refuse_busy_port()
        _migrate()
        call_command("collectstatic", verbosity=0, interactive=False)
        demo.make_people()
        stop = _Stop()
        processes = [_start("gunicorn"), _start("sender"), _start("worker")]
        try:
            if _wait_until_open(processes, stop):
                self._welcome()
            _watch(processes, stop)
        finally:
            _end(processes)

    def _welcome(self) -> None:
        lines = [
            "",
            f"  {settings.PUBLIC_BASE_URL}/        the portal",
            f"  {settings.PUBLIC_BASE_URL}/demo/   the simulated phone, the staff's second factor",
            "",
            f"  Password of everybody: {demo.PASSWORD}",
            *(f"  {person['address']:<36} {person['shows']}" for person in demo.people()),
            "",
            "  Ctrl-C ends everything.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()  # also where it goes into a file or a pipe


class _Stop:
    """Set by Ctrl-C or a request to end."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def _refuse_busy_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, settings.PORT))
        except OSError as error:
            raise CommandError(
                f"Port {settings.PORT} cannot be used ({error.strerror})."
                " Choose another: PORT=8001 make run"
            ) from None


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0)
    except OperationalError as error:
        first_line = str(error).partition("\n")[0]
        raise CommandError(
            f"The database of DATABASE_URL does not answer: {first_line}. Mend that, or unset it"
            " to use the embedded PostgreSQL."
        ) from None


def _start(what: str) -> "subprocess.Popen[bytes]":
    python = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    arguments = {
        "gunicorn": [*python, "--bind", f"{HOST}:{settings.PORT}", "mailportal.wsgi"],
        "sender": [sys.executable, "manage.py", "deliver_messages"],
        "worker": [sys.executable, "manage.py", "work_jobs"],
    }[what]
    # A session of its own: Ctrl-C reaches this process only, which then ends the others in order.
    return subprocess.Popen(
        arguments, cwd=settings.BASE_DIR, start_new_session=True, env=os.environ
    )


def _wait_until_open(processes: list["subprocess.Popen[bytes]"], stop: _Stop) -> bool:
    while not stop.asked and _all_live(processes):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, settings.PORT)) == 0:
                return True
        time.sleep(0.05)
    return False


def _watch(processes: list["subprocess.Popen[bytes]"], stop: _Stop) -> None:
    while not stop.asked:
        if not _all_live(processes):
            raise CommandError("A process of the portal ended by itself; its last lines say why.")
        time.sleep(0.2)


def _all_live(processes: list["subprocess.Popen[bytes]"]) -> bool:
    return all(process.poll() is None for process in processes)


def _end(processes: list["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
