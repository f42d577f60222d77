"""Breakers: after several failures in a row a gateway is paused until `paused_until`.

Messages then go another way at once, instead of each waiting for its time-out. After the pause
one message tries the gateway again.
"""

import threading
import time
from typing import Any

from django.db import Error, connection
from django.db.models import Q
from django.db.models.functions import Now

from otp.models import GatewayState

FAILURES = 5  # in a row, after which a gateway is paused …
SHORTEST_PAUSE, LONGEST_PAUSE = 30, 600  # … for so many seconds, doubled with each failed trial
_PAUSES = {"most": FAILURES, "shortest": SHORTEST_PAUSE, "longest": LONGEST_PAUSE}
_FRESH = 1.0  # seconds for which what was read or written is not read or written again

# While a gateway is paused, the failures of messages that were on their way already do not count:
# they tell of the same trouble, and would make the pause longer and longer.
_FAILED = """
INSERT INTO otp_gatewaystate AS state (name, failures, last_failure_at, last_reason)
VALUES (%(name)s, 1, statement_timestamp(), %(reason)s)
ON CONFLICT (name) DO UPDATE SET
    failures = state.failures
        + (coalesce(state.paused_until, '-infinity') <= statement_timestamp())::int,
    last_failure_at = statement_timestamp(),
    last_reason = excluded.last_reason,
    paused_until = CASE
        WHEN state.paused_until > statement_timestamp() THEN state.paused_until
        WHEN state.failures + 1 >= %(most)s
        THEN statement_timestamp() + %(shortest)s * interval '1 second' END
"""

# The trial counts as failed, with a longer pause, before it is made: whoever else asks finds the
# gateway paused, and a sender that dies over it leaves it so. Success then clears everything.
_TRY = """
UPDATE otp_gatewaystate SET failures = failures + 1, paused_until = statement_timestamp()
    + least(%(shortest)s * 2 ^ least(greatest(failures + 1 - %(most)s, 0), 9), %(longest)s)
      * interval '1 second'
WHERE name = %(name)s AND paused_until <= statement_timestamp()
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
        self._paused: dict[str, bool] = {}  # with whether the pause is over and a trial is due
        self._read_at = -_FRESH
        self._worked_at: dict[str, float] = {}

    def admits(self, name: str) -> bool:
        """Say whether a message may try this gateway now; after a pause, only one may."""
        with self._lock:
            if time.monotonic() - self._read_at >= _FRESH:
                self._read()
            if name not in self._paused:
                return True
            if not self._paused[name]:
                return False
            self._paused[name] = False
        return bool(_write(_TRY, {"name": name, **_PAUSES}))

    def failed(self, name: str, reason: str) -> None:
        """Note that a gateway could not be reached, or did not say what became of a message."""
        _write(_FAILED, {"name": name, "reason": reason, **_PAUSES})
        with self._lock:
            self._worked_at.pop(name, None)
            self._read_at = -_FRESH

    def worked(self, name: str) -> None:
        """Note that a gateway answered, be it with a refusal."""
        with self._lock:
            fresh = time.monotonic() - self._worked_at.get(name, -_FRESH) < _FRESH
            if fresh and name not in self._paused:
                return
            self._worked_at[name] = time.monotonic()
        _write(_WORKED, {"name": name})
        with self._lock:
            self._paused.pop(name, None)

    def _read(self) -> None:
        pauses = GatewayState.objects.exclude(paused_until=None)
        over = Q(paused_until__lte=Now())
        try:
            self._paused = dict(pauses.annotate(is_over=over).values_list("pk", "is_over"))
        except Error:
            connection.close()
        self._read_at = time.monotonic()


def _write(statement: str, parameters: dict[str, Any]) -> int:
    """Give the number of rows written; none where the database is away."""
    # What became of a message is known already, and must not be put in doubt by this note.
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)
    except Error:
        connection.close()
    return 0
