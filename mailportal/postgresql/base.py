"""Django's PostgreSQL, with connections that give up a server which does not answer at all."""

import select
import time
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from mailportal import postgresql
from mailportal.postgresql import COMMAND, GRACE, LONG_PAGE, UNLIKE

RV = TypeVar("RV")

FRESH = 1  # seconds after its last answer for which a server is not asked whether it is there


class Connection(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than `longest` seconds (None: for ever).

    PostgreSQL keeps its own limits only while it runs: one that is stopped, or a network that
    swallows everything, would hold a page's thread for good.
    """

    longest: float | None = None
    answered_at = 0.0  # by the clock that only goes on

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        bound = self.longest if timeout is None else timeout
        try:
            answer = super().wait(gen, interval, bound)
        except psycopg.OperationalError:
            # Given up in the middle of an answer, which must not be taken for that of another.
            if timeout is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
        self.answered_at = time.monotonic()
        return answer

    def answered_lately(self) -> bool:
        """Whether the server has answered a moment ago, and neither failed nor hung up since."""
        if self.closed or time.monotonic() - self.answered_at > FRESH:
            return False
        if self.pgconn.transaction_status not in (
            TransactionStatus.IDLE,
            TransactionStatus.INTRANS,
        ):
            return False
        # Where it has hung up, its last words wait in the socket.
        waiting = select.poll()
        waiting.register(self.pgconn.socket, select.POLLIN)
        return not waiting.poll(0)


class DatabaseWrapper(base.DatabaseWrapper):
    connection: Connection | None
    takes_long = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        connection = Connection.connect(**conn_params)
        connection.longest = _longest(self._statement)
        return connection

    def is_usable(self) -> bool:
        """Whether the connection will answer. Under load that is seen without a question."""
        lately = self.connection is not None and self.connection.answered_lately()
        return lately or super().is_usable()

    @property
    def _statement(self) -> int:
        return int(self.settings_dict.get("STATEMENT", postgresql.patience.statement))

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.settings_dict.get("LIMITS_BY_SET"):
            with self.cursor() as cursor:
                for name, value in (UNLIKE | postgresql.patience.parameters()).items():
                    cursor.execute(f"SET {name} = '{value}'")

    def take_long(self) -> None:
        """Let the statements of this page take longer, until `take_short`.

        Behind a pooler of transactions, where nothing may be set for a session, nothing changes.
        """
        if not self.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
            self.takes_long = True
            self._limit(LONG_PAGE)

    def take_short(self) -> None:
        if self.takes_long:
            self.takes_long = False
            self._limit(postgresql.patience.statement)

    def _limit(self, seconds: int) -> None:
        with self.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{seconds}s'")
        assert self.connection is not None
        self.connection.longest = _longest(seconds)


def _longest(statement: int) -> float | None:
    return None if postgresql.patience is COMMAND else statement + GRACE
