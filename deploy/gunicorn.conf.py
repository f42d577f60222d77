"""How many requests at once, and how long each may take."""

import ctypes
import itertools
import os
import re
import selectors
import shutil
import socket
import threading
import time
from concurrent import futures
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client import values

# systemd and Docker each say where to listen with --bind; this is Docker's.
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4

# A whole request, so that whoever sends half of one holds up nothing.
_SIGN_OF_LIFE = re.compile(rb"(GET|HEAD) /healthz[? ].*\r\n\r\n", re.DOTALL)

# Ends a process whose main loop hangs, and no request: those end because nothing that they wait for
# goes on for long (the database: mailportal/postgresql; a directory: 23 s; no gateway at all).
timeout = 30  # seconds
graceful_timeout = 25  # seconds, less than Docker and systemd wait
keepalive = 5  # seconds
max_requests = 5000
max_requests_jitter = 500

# No header of a request becomes a variable of the server's own: SCRIPT_NAME would say where the
# portal is mounted.
forwarder_headers = ""

limit_request_line = 2048  # bytes
limit_request_fields = 50
limit_request_field_size = 8190  # bytes

# The proxy writes the access log, without query strings; the portal writes its
# own log to standard error.
accesslog = None
errorlog = "-"
# Heartbeats are files: keep them off a slow disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True


class Worker(ThreadWorker):  # type: ignore[misc]  # it has no types
    """gthread, with a thread of its own for /healthz: it answers also where all others wait.

    A connection gets a thread once something has come by it, so those that say nothing take none.
    The portal is told how long a request has waited for its thread. A worker that stops leaves its
    port at once, so that the proxy asks another container.
    """

    def init_process(self) -> None:
        self.spare = futures.ThreadPoolExecutor(max_workers=1)
        self.turn = threading.local()
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        portal = self.wsgi

        def told(environ: dict[str, Any], start_response: Any) -> Any:
            environ["mailportal.waited"] = self.turn.waited
            return portal(environ, start_response)

        self.wsgi = told

    def handle(self, conn: Any) -> Any:
        self.turn.waited = time.monotonic() - conn.came_at
        return super().handle(conn)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  (of the base class)
        super().set_accept_enabled(enabled and self.alive)
        if self.alive:
            return
        for listener in self.sockets:
            listener.setblocking(False)  # noqa: FBT003
            self._take_what_has_come(listener)
            listener.close()
        self.sockets = []

    def _take_what_has_come(self, listener: Any) -> None:
        """Take the connections that the system has opened already: to close would break them."""
        before = None
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        begun = self._what_came(conn)
        if begun is None:
            conn.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(conn)
            reading = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, reading)
            return
        conn.came_at = time.monotonic()
        pool = self.spare if _SIGN_OF_LIFE.match(begun) else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda end: self.method_queue.defer(self.finish_request, conn, end))

    def _what_came(self, conn: Any) -> bytes | None:
        """Look at the start of a request without taking it; None where nothing has come yet."""
        if conn.initialized and conn.parser.unreader.buf.getvalue():
            return b""  # it came along with the one before
        conn.sock.settimeout(0)
        try:
            return bytes(conn.sock.recv(limit_request_line, socket.MSG_PEEK))
        except BlockingIOError:
            return None
        except OSError:
            return b""  # the thread finds it closed


worker_class = Worker

M_MMAP_THRESHOLD = -3  # of mallopt(3)


def on_starting(server: Arbiter) -> None:
    """Make a place where the workers count their requests, for /metrics."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = mkdtemp(prefix="mailportal-", dir=worker_tmp_dir)


def on_reload(server: Arbiter) -> None:
    """Do what the release that started this server has not done."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        on_starting(server)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give a worker the lowest number that no living one has.

    It goes on counting in the files of one that has ended, so that they do not grow in number.
    """
    # Those of the release before, which are about to end after a reload, may have none.
    taken = {getattr(other, "number", None) for other in server.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)


def post_fork(server: Arbiter, worker: Worker) -> None:
    values.ValueClass = values.MultiProcessValue(lambda: worker.number)
    _give_memory_back()


def on_exit(server: Arbiter) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _give_memory_back() -> None:
    """Give the memory of each password hash (19 MiB) back as soon as it is computed.

    Left alone, glibc learns from such blocks to keep them, once for every thread.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1024 * 1024)
