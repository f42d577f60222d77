"""`make run`: the portal, its sender, its worker and demo people, until Ctrl-C."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from accounts import demo

HOST = "127.0.0.1"
TIMEOUT = 10  # seconds for a process to end by itself
LEFT_BEHIND = 30  # seconds for those of a run that was killed, all at once
_PR_SET_PDEATHSIG = 1  # of prctl(2)


class Command(BaseCommand):
    help = "Starts the portal, its helpers and demo people on this machine; Ctrl-C ends all."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("PORTAL_DEMO is not set: start the demonstration with `make run`.")
        note = _Note()
        _refuse_busy_port(note)
        try:
            _migrate()
            call_command("collectstatic", verbosity=0, interactive=False)
            demo.make_people()
            note.write([os.getpid()])
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from None
        stop = _Stop()
        processes = [_start("gunicorn")]
        try:
            note.write([os.getpid(), *(process.pid for process in processes)])
            # Before the others begin, so that the first page does not share the processors with
            # what they have to load.
            if _wait_for_an_answer(processes, stop):
                processes += [_start("sender"), _start("worker")]
                note.write([os.getpid(), *(process.pid for process in processes)])
                self._welcome()
            _watch(processes, stop)
        finally:
            _end(processes)
            note.remove()

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


class _Note:
    """The numbers of a run's processes, its own first, kept for the next run on the same port."""

    def __init__(self) -> None:
        self._file = settings.VAR_DIR / f"run-{settings.PORT}"

    def write(self, numbers: list[int]) -> None:
        self._file.write_text(" ".join(map(str, numbers)))

    def remove(self) -> None:
        self._file.unlink(missing_ok=True)

    def living(self) -> tuple[bool, list[int]]:
        """Say whether that run itself lives, and which of its processes do.

        They work on this directory, which a reused number does not.
        """
        try:
            numbers = [int(number) for number in self._file.read_text().split()]
        except (OSError, ValueError):
            return False, []
        left = [number for number in numbers if _works_here(number)]
        return left[:1] == numbers[:1], left


def _works_here(number: int) -> bool:
    try:
        return Path("/proc", str(number), "cwd").samefile(settings.BASE_DIR)
    except OSError:
        # Elsewhere than on Linux there is no /proc; the number is then all that is known.
        return not Path("/proc").is_dir() and _lives(number)


def _lives(number: int) -> bool:
    with suppress(OSError):
        os.kill(number, 0)
        return True
    return False


def _refuse_busy_port(note: _Note) -> None:
    """Raise CommandError where the port is taken, once what a killed run left has had its time."""
    give_up_at = time.monotonic() + LEFT_BEHIND
    while fault := _fault_of_port():
        runs, left = note.living()
        if not left:
            raise CommandError(
                f"Port {settings.PORT} cannot be used ({fault}). Choose another: PORT=8001 make run"
            )
        if runs or time.monotonic() > give_up_at:
            numbers = " ".join(map(str, left))
            raise CommandError(
                f"The demonstration runs here already, on port {settings.PORT}. End it by"
                f" `kill {numbers}`, or choose another port: PORT=8001 make run"
            )
        time.sleep(0.1)


def _fault_of_port() -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, settings.PORT))
        except OSError as error:
            return error.strerror or str(error)
    return ""


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
    python = [sys.executable, "deploy/web_server.py", "-c", "deploy/gunicorn.conf.py"]
    arguments = {
        "gunicorn": [*python, "--bind", f"{HOST}:{settings.PORT}", "mailportal.wsgi"],
        "sender": [sys.executable, "manage.py", "deliver_messages"],
        "worker": [sys.executable, "manage.py", "work_jobs"],
    }[what]
    # A session of its own: Ctrl-C reaches this process only, which then ends the others in order.
    return subprocess.Popen(
        arguments,
        cwd=settings.BASE_DIR,
        start_new_session=True,
        env=os.environ,
        preexec_fn=_end_with_the_command,
    )


def _end_with_the_command() -> None:
    """Have this process asked to end when the command is gone, also by kill -9; on Linux."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_for_an_answer(processes: list["subprocess.Popen[bytes]"], stop: _Stop) -> bool:
    while not stop.asked and _all_live(processes):
        with suppress(OSError), socket.create_connection((HOST, settings.PORT), timeout=0.5) as web:
            web.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            if web.recv(1):
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
