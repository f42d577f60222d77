"""A clock that stands still where a test puts it, for Python and for PostgreSQL alike."""

import datetime as dt
from typing import Any
from unittest import TestCase

import time_machine
from django.db import connection

from otp.models import OFFICE_ZONE

# Found before PostgreSQL's own, because pg_catalog is named last in the search path.
_FAKE = """
CREATE SCHEMA IF NOT EXISTS clock;
CREATE OR REPLACE FUNCTION clock.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT current_setting('clock.now')::timestamptz $$;
SET LOCAL search_path = clock, public, pg_catalog;
"""


class Clock:
    """Shows the office's time. All of it is undone with the test's transaction.

    `cast.wind_back` needs no such thing and is enough where a second more or less is the same;
    this is for the edges, and for days: a test of "today" must not fail at midnight. Without a
    moment it stands still now.
    """

    def __init__(self, test: TestCase, *moment: int) -> None:
        now = dt.datetime.now(OFFICE_ZONE)
        self._now = dt.datetime(*moment, tzinfo=OFFICE_ZONE) if moment else now
        self._machine = time_machine.travel(self._now, tick=False)
        self._python: Any = self._machine.start()
        test.addCleanup(self._machine.stop)
        with connection.cursor() as cursor:
            cursor.execute(_FAKE)
        self._set()

    def to(self, *moment: int) -> None:
        self._now = dt.datetime(*moment, tzinfo=OFFICE_ZONE)
        self._set()

    def forward(self, **by: float) -> None:
        self._now += dt.timedelta(**by)
        self._set()

    def _set(self) -> None:
        self._python.move_to(self._now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('clock.now', %s, true)", [self._now.isoformat()])
