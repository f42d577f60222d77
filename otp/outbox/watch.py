"""The look-out of each process: whether the others live, and what IT should know.

Nobody watches over itself: the worker tells of a silent sender and the sender of a silent worker,
past the outbox, because it may be the outbox that stands still.
"""

import logging
import threading
import time

from django.db import Error, connection
from django.utils.translation import gettext as _

from otp.outbox import alerts, life

logger = logging.getLogger(__name__)

LOOK = 10.0  # seconds between two looks; who is silent at two of them is told of
DATABASE_AWAY = 60.0  # seconds after which the database is told of


class Watch(threading.Thread):
    """Looks around for the process whose name it is given, until `end`."""

    def __init__(self, mine: str) -> None:
        super().__init__(name="watch", daemon=True)
        self._mine = mine
        self._over = threading.Event()
        self._silent: set[str] = set()
        self._answered_at = time.monotonic()
        self._told_of_database = False

    def run(self) -> None:
        while not self._over.wait(LOOK):
            self._look()
        connection.close()

    def end(self) -> None:
        self._over.set()
        self.join()

    def _look(self) -> None:
        try:
            self._look_at_others()
            self._answered_at, self._told_of_database = time.monotonic(), False
            alerts.raise_due()
        except Error:
            connection.close()
            self._database_is_away()
        except Exception:
            # To look for trouble must not be the trouble: codes go on.
            logger.exception("%s: the look for trouble failed", self._mine)

    def _look_at_others(self) -> None:
        before, self._silent = self._silent, life.silent() - {self._mine}
        for name in self._silent:
            life.expect(name)
        for name in self._silent & before:
            line = _("Tiến trình %(name)s (manage.py %(command)s) không còn chạy") % {
                "name": name,
                "command": life.EXPECTED[name],
            }
            alerts.raise_past_the_outbox(f"silent-{name}", [line])

    def _database_is_away(self) -> None:
        away = time.monotonic() - self._answered_at
        if away > DATABASE_AWAY and not self._told_of_database:
            line = _("Cơ sở dữ liệu không trả lời đã %(seconds)d giây") % {"seconds": away}
            self._told_of_database = alerts.tell_past_the_outbox("database", [line])
