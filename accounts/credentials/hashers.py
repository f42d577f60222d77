"""How a password is hashed: Argon2id, a few at a time in a process."""

import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

P = ParamSpec("P")
R = TypeVar("R")

_places = threading.BoundedSemaphore(settings.HASHES_AT_ONCE)
_LIBC = ctypes.CDLL(None)


class Busy(Exception):
    """So many passwords are being hashed that there was no place in time (DS-01)."""


class _Crowd:
    """Those who hash or wait for a place. The last one out of a web process gives its memory back.

    Meanwhile it is kept for the next (deploy/gunicorn.conf.py). Commands and jobs, which hash one
    after another, keep it until they end.
    """

    gives_back = False  # set by mailportal.wsgi

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                is_last = not self._count
            if is_last and self.gives_back:
                with suppress(AttributeError):  # another C library
                    _LIBC.malloc_trim(0)


crowd = _Crowd()


def bounded(function: Callable[P, R]) -> Callable[P, R]:
    """Let only a few run at a time, each while it holds a place; raises `Busy` for the others."""

    @functools.wraps(function)
    def in_a_place(*args: P.args, **kwargs: P.kwargs) -> R:
        with crowd.joined():
            if not _places.acquire(timeout=settings.HASH_QUEUE):
                raise Busy
            try:
                return function(*args, **kwargs)
            finally:
                _places.release()

    return in_a_place


class BoundedArgon2Hasher(Argon2PasswordHasher):
    """Argon2id at 19 MiB, two passes, one lane (OWASP), a few at a time.

    So many log-ins at once as a process has threads must not need so many times the memory.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    encode = bounded(Argon2PasswordHasher.encode)
    verify = bounded(Argon2PasswordHasher.verify)
