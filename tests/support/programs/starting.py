"""Starts Python programs, by one that has loaded their libraries already."""

import atexit
import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings

from tests.support.waiting import wait_for

ROOT = settings.BASE_DIR

_PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
_one_at_a_time = threading.Lock()


class Program:
    """A program of Python, started here: a child of this process, like one of subprocess.Popen."""

    def __init__(self, *arguments, env, at=ROOT, stdout=None, stderr=None, anew=False):
        """Start it. `arguments` are those of Python: a file, or -m or -c and what follows.

        `anew` is for what the C library reads of the environment as a process begins.
        """
        start = {
            "arguments": list(map(str, arguments)),
            "at": str(at),
            "environment": dict(env),
        }
        self.returncode = None
        self._waiting = threading.Lock()
        with Path(os.devnull).open() as nothing:
            said = [file.fileno() if file else own for file, own in ((stdout, 1), (stderr, 2))]
            # Another release wants its own choice of libraries.
            can_ask = sys.platform == "linux" and at == ROOT and not anew
            begin = _ask if can_ask else _start_anew
            self.pid = begin(start, [nothing.fileno(), *said])

    def poll(self):
        """Give the code with which it has ended; None while it runs."""
        with self._waiting:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self):
        wait_for(lambda: self.poll() is not None, f"the end of process {self.pid}")
        return self.returncode

    def send_signal(self, number):
        with self._waiting:
            if self.returncode is None:
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def _start_anew(start, files):
    """Start it in a new interpreter, also where the system cannot give away a child."""
    started = subprocess.Popen(
        [sys.executable, *start["arguments"]],
        cwd=start["at"],
        env=start["environment"],
        stdin=files[0],
        stdout=files[1],
        stderr=files[2],
    )
    started.returncode = 0  # it is waited for by its number
    return started.pid


def _ask(start, files):
    with _one_at_a_time, _adopting():
        socket.send_fds(_starter(), [json.dumps(start).encode()], files)
        return int(_starter().recv(20))


@contextlib.contextmanager
def _adopting():
    """Let grandchildren whose parents end be children of this process (Linux)."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@functools.cache
def _starter():
    """Start the one program that starts others for all tests of this process; give its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    starter = subprocess.Popen(
        [sys.executable, "-m", "tests.support.programs.starts"],
        cwd=ROOT,
        # What it needs to learn which libraries a portal loads; nobody answers at that address.
        env=os.environ
        | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PYTHONUNBUFFERED": "1"},
        stdin=theirs,
    )
    theirs.close()
    atexit.register(starter.wait)
    atexit.register(ours.close)
    return ours
