"""The clock of a test: one for Python and for every connection to PostgreSQL."""

import datetime as dt
from typing import Any
from unittest import TestCase

import time_machine
from django.db import connection

from otp.models import OFFICE_ZONE

# Found before PostgreSQL's own, because pg_catalog is named last in the search path. What is made
# goes into the schema that is named first.
_INSTALL = """
CREATE SCHEMA IF NOT EXISTS clock;
CREATE TABLE IF NOT EXISTS clock.hands AS
    SELECT NULL::timestamptz AS stands_at, interval '0' AS ahead;
CREATE OR REPLACE FUNCTION clock.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT coalesce(stands_at, pg_catalog.statement_timestamp() + ahead) FROM clock.hands $$;
"""
_SET = "UPDATE clock.hands SET stands_at = %s, ahead = %s"


def install() -> None:
    """Give the database of the tests hands that a test may move."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALL)
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET search_path = public, clock, pg_catalog")
    connection.close()  # the next connection finds them


class Clock:
    """Stands still at a moment of the office's time, or runs on from now where none is given.

    A clock that stands is for the edges, and for days: a test of "today" must not fail at midnight.
    """

    def __init__(self, test: TestCase, *moment: int) -> None:
        self._ahead = dt.timedelta()
        self._stands_at = dt.datetime(*moment, tzinfo=OFFICE_ZONE) if moment else None
        machine = time_machine.travel(dt.datetime.now(dt.UTC))
        self._python: Any = machine.start()
        test.addCleanup(machine.stop)
        test.addCleanup(_put_right)
        self._set()

    def to(self, *moment: int) -> None:
        self.stand_at(dt.datetime(*moment, tzinfo=OFFICE_ZONE))

    def stand_at(self, moment: dt.datetime) -> None:
        self._stands_at = moment
        self._set()

    def forward(self, **by: float) -> None:
        if self._stands_at is None:
            self._ahead += dt.timedelta(**by)
        else:
            self._stands_at += dt.timedelta(**by)
        self._set()

    def _now(self) -> dt.datetime:
        real = time_machine.escape_hatch.datetime.datetime.now(dt.UTC)
        return self._stands_at or real + self._ahead

    def _set(self) -> None:
        self._python.move_to(self._now(), tick=self._stands_at is None)
        _turn(self._stands_at, self._ahead)


def let_pass(test: Any, **by: float) -> None:
    """Let so much time pass in `test`, on its own clock where it has one."""
    if not hasattr(test, "clock"):
        test.clock = Clock(test)
    test.clock.forward(**by)


def go_on_to_noon(test: Any) -> None:
    """Begin at the hour of the next noon: what passes in minutes then is of one day."""
    now = dt.datetime.now(OFFICE_ZONE)
    let_pass(test, hours=(12 - now.hour) % 24)


def _put_right() -> None:
    # Inside a test's transaction the rollback does it.
    if not connection.in_atomic_block:
        _turn(None, dt.timedelta())


def _turn(stands_at: dt.datetime | None, ahead: dt.timedelta) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET, [stands_at, ahead])
