"""When a gateway is left alone for a while, and what IT sees of each.

A gateway that fails several times in a row is paused, so that messages go another way at once
instead of each waiting for its time-out. After the pause it is tried again.
"""

import threading
import time
from typing import Any

from django.db import Error, connection

from otp.models import GatewayState

FAILURES = 5  # in a row, after which a gateway is paused …
SHORTEST_PAUSE, LONGEST_PAUSE = 30, 600  # … for so many seconds, doubled with each failure after
_FRESH = 1.0  # seconds for which what was read or written is not read or written again

_FAILED = """
INSERT INTO otp_gatewaystate AS state (name, failures, last_failure_at, last_reason)
VALUES (%(name)s, 1, statement_timestamp(), %(reason)s)
ON CONFLICT (name) DO UPDATE SET
    failures = state.failures + 1,
    last_failure_at = statement_timestamp(),
    last_reason = excluded.last_reason,
    paused_until = CASE WHEN state.failures + 1 >= %(failures)s THEN statement_timestamp()
        + least(%(shortest)s * 2 ^ least(state.failures + 1 - %(failures)s, 9), %(longest)s)
          * interval '1 second' END
"""

_WORKED = """
INSERT INTO otp_gatewaystate (name, failures, last_success_at, last_reason)
VALUES (%(name)s, 0, statement_timestamp(), '')
ON CONFLICT (name) DO UPDATE SET
    failures = 0, paused_until = NULL, last_success_at = statement_timestamp()
"""


class Breakers:
    """One process's view of all gateways' states; the states themselves are in PostgreSQL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused: frozenset[str] = frozenset()
        self._read_at = -_FRESH
        self._worked_at: dict[str, float] = {}

    def is_paused(self, name: str) -> bool:
        with self._lock:
            if time.monotonic() - self._read_at >= _FRESH:
                self._read()
            return name in self._paused

    def failed(self, name: str, reason: str) -> None:
        """Note that a gateway could not be reached, or did not say what became of a message."""
        parameters = {
            "name": name,
            "reason": reason,
            "failures": FAILURES,
            "shortest": SHORTEST_PAUSE,
            "longest": LONGEST_PAUSE,
        }
        _write(_FAILED, parameters)
        with self._lock:
            self._worked_at.pop(name, None)
            self._read_at = -_FRESH

    def worked(self, name: str) -> None:
        """Note that a gateway answered, be it with a refusal."""
        with self._lock:
            if time.monotonic() - self._worked_at.get(name, -_FRESH) < _FRESH:
                return
            self._worked_at[name] = time.monotonic()
        _write(_WORKED, {"name": name})

    def _read(self) -> None:
        try:
            self._paused = frozenset(GatewayState.objects.paused().values_list("pk", flat=True))
        except Error:
            connection.close()
        self._read_at = time.monotonic()


def _write(statement: str, parameters: dict[str, Any]) -> None:
    # What became of the message is known already, and must not be put in doubt by this note.
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
    except Error:
        connection.close()
