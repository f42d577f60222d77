"""How many requests at once, and how long each may take."""

import ctypes
import itertools
import os
import re
import select
import selectors
import shutil
import socket
import sys
import threading
import time
from concurrent import futures
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client import values

# systemd and Docker each say where to listen with --bind; this is Docker's.
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
if workers < 1:
    # gunicorn would start, and answer nobody.
    sys.exit("WEB_CONCURRENCY must be at least 1.")
threads = 4

# A whole request, so that whoever sends half of one holds up nothing.
_SIGN_OF_LIFE = re.compile(rb"(GET|HEAD) /healthz[? ].*\r\n\r\n", re.DOTALL)

# nginx knows no time for the whole of a form: what comes in drops is waited for here.
WHOLE_WITHIN = 20  # seconds from the first byte of a request to the last of its form
_READ_WITHIN = 0.2  # seconds in which what the portal left unread is there, if it was sent whole
_HANGING_UP = 2  # seconds in which who was answered for good may do so
_LONGEST_HEAD = 32 * 1024  # bytes, as nginx takes them
_LONGEST_FORM = 64 * 1024  # bytes; what is longer is refused, or a file that staff send
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
# As mailportal/language.py keeps what the visitor has chosen.
_ENGLISH = re.compile(
    rb"\r\ncookie:(?:[^\r]*[; ])?(?:__Host-)?language=en(?:[; \r]|$)", re.IGNORECASE
)


def _page_of_the_slow(language: str, title: str, words: str) -> bytes:
    page = (
        f"<!DOCTYPE html><html lang={language}><meta charset=utf-8><title>{title}</title>"
        f"<h1>{title}</h1><p>{words}"
    ).encode()
    return b"\r\n".join(
        (
            b"HTTP/1.1 408 Request Timeout",
            b"Connection: close",
            b"Content-Type: text/html; charset=utf-8",
            b"Cache-Control: no-store",
            b"Content-Length: %d" % len(page),
            b"",
            page,
        )
    )


_TOO_SLOW = _page_of_the_slow(
    "vi",
    "Gửi quá chậm",
    "Nội dung chưa đến đủ nên chưa có gì được lưu. Hãy quay lại và gửi lại.",
)
_TOO_SLOW_IN_ENGLISH = _page_of_the_slow(
    "en",
    "Sent too slowly",
    "Not all of it arrived, so nothing was saved. Please go back and send it again.",
)

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

    A request gets a thread once all of it is there, so who sends nothing, or sends slowly, takes
    none; what is not whole in time is refused. The portal is told how long a request has waited
    for its thread. A worker that stops leaves its port at once, so that the proxy asks another
    container.
    """

    def init_process(self) -> None:
        self.spare = futures.ThreadPoolExecutor(max_workers=1)
        self.turn = threading.local()
        self.begun: dict[Any, _Begun] = {}  # the connections whose requests are not whole
        self.left: dict[Any, float] = {}  # those that were answered for good, and when
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

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Say whether another request may come here: not where this one has not come to its end."""
        with suppress(Exception):  # an end that cannot be read: the answer has gone out already
            deadline = time.monotonic() + _READ_WITHIN
            return bool(keepalive and conn.parser.finish_body(deadline=deadline))
        return False

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
        came = self._what_came(conn)
        if came is None:
            conn.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(conn)
            reading = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, reading)
            return
        size, begun = size_of_request(came), self.begun.pop(conn, None)
        if size > len(came):
            if _has_ended(conn.sock):
                self._leave(conn)
                return
            # The system wakes us with less than asked for where it has no room for more.
            if begun is None or len(came) >= begun.awaited:
                self._wait_for(conn, _Begun(begun.at if begun else time.monotonic(), size))
                return
        conn.came_at = time.monotonic()
        conn.data_ready = True  # the thread need not wait for it
        pool = self.spare if _SIGN_OF_LIFE.match(came) else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda end: self.method_queue.defer(self.finish_request, conn, end))

    def _what_came(self, conn: Any) -> bytes | None:
        """Look at a request without taking it; None where nothing has come yet."""
        before = _came_before(conn)
        conn.sock.settimeout(0)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        try:
            return before + conn.sock.recv(_LONGEST_HEAD + _LONGEST_FORM, socket.MSG_PEEK)
        except BlockingIOError:
            return before or None
        except OSError:
            return b""  # the thread finds it closed

    def _wait_for(self, conn: Any, begun: "_Begun") -> None:
        """Come back once so many bytes are there, or the connection has ended; nothing is taken."""
        self.begun[conn] = begun
        awaited = begun.awaited - len(_came_before(conn))
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, awaited)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._go_on, conn))

    def _go_on(self, conn: Any, sock: Any) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def murder_pending(self) -> None:
        """End also the requests that are not whole in time, and whoever does not hang up."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, begun in self.begun.items() if begun.at + WHOLE_WITHIN < now]:
            del self.begun[conn]
            self.poller.unregister(conn.sock)
            with suppress(OSError):
                head = (self._what_came(conn) or b"").partition(b"\r\n\r\n")[0]
                conn.sock.send(_TOO_SLOW_IN_ENGLISH if _ENGLISH.search(head) else _TOO_SLOW)
            self._leave(conn)
        for conn in [conn for conn, at in self.left.items() if at + _HANGING_UP < now]:
            self._close(conn)

    def finish_request(self, conn: Any, end: Any) -> None:
        """Leave who was answered for good without waiting for them, as the base class would."""
        if end.cancelled() or end.exception() or end.result():
            super().finish_request(conn, end)
        else:
            self._leave(conn)

    def _leave(self, conn: Any) -> None:
        """Say that nothing more comes, and read on for a moment: else the answer could be lost."""
        try:
            conn.sock.settimeout(0)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_on, conn))
        except (OSError, ValueError):  # it is closed already
            self.nr_conns -= 1
            conn.close()
        else:
            self.left[conn] = time.monotonic()

    def _read_on(self, conn: Any, sock: Any) -> None:
        try:
            has_ended = not sock.recv(_LONGEST_FORM)
        except BlockingIOError:
            return
        except OSError:
            has_ended = True
        if has_ended:
            self._close(conn)

    def _close(self, conn: Any) -> None:
        del self.left[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()


class _Begun(NamedTuple):
    at: float
    awaited: int  # bytes


def _came_before(conn: Any) -> bytes:
    """Give what was taken along with the request before."""
    return bytes(conn.parser.unreader.buf.getvalue()) if conn.initialized else b""


def _has_ended(sock: socket.socket) -> bool:
    """Say whether no more can come."""
    poll = select.poll()
    poll.register(sock, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def size_of_request(came: bytes) -> int:
    """Give the bytes of which a request consists at least, by those that have come.

    What is too long, or no request, counts as whole: a thread refuses it. So does what comes in
    chunks, which the portal does not read.
    """
    # An empty line may come before a request.
    lines = 2 if came.startswith(b"\r\n") else 0
    head, end, _ = came[lines:].partition(b"\r\n\r\n")
    if not came or len(head) >= _LONGEST_HEAD:
        return 0
    if not end:
        return len(came) + 1
    length = _LENGTH.search(head + b"\r\n")
    form_length = int(length[1]) if length else 0
    return lines + len(head) + len(end) + form_length if form_length <= _LONGEST_FORM else 0


worker_class = Worker

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)


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
    _keep_memory_of_hashes()


def on_exit(server: Arbiter) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _keep_memory_of_hashes() -> None:
    """Let threads hash in the same memory, one after another: new pages cost a fifth of a hash.

    Left alone, glibc asks the system anew for each (19 MiB), or keeps some for every thread. The
    last one to hash gives it back (accounts/credentials/hashers.py).
    """
    libc = ctypes.CDLL(None)
    with suppress(AttributeError):  # another C library
        libc.mallopt(M_ARENA_MAX, 1)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024)  # bytes; the most that it takes
        libc.mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024)  # what is more goes back at once
