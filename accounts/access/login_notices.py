"""What IT says on the log-in page for a while; the page itself asks the database nothing."""

import threading
import time
from dataclasses import dataclass

from django.db import Error
from django.utils import timezone

from accounts.models import LoginNotice

FRESH = 60  # seconds for which a process shows what it has read


@dataclass(frozen=True)
class _Read:
    at: float
    notices: tuple[LoginNotice, ...]


_lock = threading.Lock()
_last: _Read | None = None


def current() -> list[LoginNotice]:
    """Give the notices of now, the newest first; read at most once a minute by each process.

    Where the database does not answer, the page goes on with what was read before.
    """
    global _last
    kept = _last
    if (kept is None or time.monotonic() - kept.at > FRESH) and _lock.acquire(blocking=False):
        # One reads; all others go on with what there is.
        try:
            kept = _last = _Read(time.monotonic(), _read(kept.notices if kept else ()))
        finally:
            _lock.release()
    if kept is None:
        return []
    now = timezone.now()
    return [it for it in kept.notices if it.shown_from <= now < it.shown_until]


def forget() -> None:
    """Read anew at the next look."""
    global _last
    _last = None


def _read(before: tuple[LoginNotice, ...]) -> tuple[LoginNotice, ...]:
    # Also those whose time comes within the minute.
    ahead = LoginNotice.objects.filter(shown_until__gt=timezone.now()).order_by("-shown_from")
    try:
        return tuple(ahead[:10])
    except Error:
        return before
