"""A copy of the portal in a directory of its own, run by `manage.py demo` as people run it."""

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ("manage.py", "mailportal", "accounts", "otp", "templates", "static", "deploy", "locale")
PATIENCE = 120  # seconds for a start or an end, on a busy machine

Memory = namedtuple("Memory", "rss pss")  # MiB, over all processes


class Portal:
    """Web server, sender and database, with everything they write below `directory`."""

    def __init__(self, directory):
        self.home = directory / "portal"
        for part in filter(Path.exists, (ROOT / name for name in PARTS)):
            copy = shutil.copytree if part.is_dir() else shutil.copy2
            (self.home / part.name).parent.mkdir(exist_ok=True)
            copy(part, self.home / part.name)
        self.port = free_port()
        self.texts = self.home / "var" / "sms.jsonl"
        # Nothing of the surroundings but the way to the programs: a DATABASE_URL would be used.
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "PORTAL_DEMO": "1",
            "PORT": str(self.port),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "OTP_PEPPER": secrets.token_urlsafe(48),
            "RATELIMIT_ENABLE": "0",
            "LOG_LEVEL": "ERROR",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # as deploy/systemd and the image have it
        }
        self.log = (directory / "log").open("wb")
        self.process = None

    def start(self):
        """Start it, and give the seconds until a first page could be read."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(Path(self.log.name).read_text())
            time.sleep(0.01)
        return time.monotonic() - began

    def stop(self):
        """End the processes, and wait until the database that nobody uses any more has ended."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        give_up_at = time.monotonic() + PATIENCE
        while self.database_runs() and time.monotonic() < give_up_at:
            time.sleep(0.05)

    def database_runs(self):
        return (self.home / "var" / "postgres" / "data" / "postmaster.pid").exists()

    def memory(self, of=""):
        """Sum up the processes with this in their commands; the `demo` that watches is no part."""
        rss = pss = 0
        for process in descendants(self.process.pid):
            with suppress(OSError):
                if of.encode() not in Path(f"/proc/{process}/cmdline").read_bytes():
                    continue
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
                kib = {name.rstrip(":"): int(value) for name, value, *_ in map(str.split, lines)}
                rss, pss = rss + kib["Rss"], pss + kib["Pss"]
        return Memory(rss / 1024, pss / 1024)

    def _answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/dang-nhap/")
            return connection.getresponse().read() and True
        except OSError:
            return False
        finally:
            connection.close()


def descendants(pid):
    """Name the processes that `pid` started, and those that they started."""
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if not _is_keeper(child):
                    found += [child, *descendants(child)]
    return found


def _is_keeper(pid):
    """Say whether it is the embedded database's, which is no part of a deployment."""
    with suppress(OSError):
        return b"mailportal.embedded" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
