"""Whether the database may be served: it has every migration of this code, and is whole."""

import functools

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from accounts.upkeep import restoring

_known = {"current": False}  # of this process: what is there once stays


def is_restored() -> bool:
    """Look whether no restore of a backup was broken off; raises DatabaseError."""
    is_whole = not restoring.unfinished()
    _known["current"] &= is_whole
    return is_whole


def is_current() -> bool:
    """Look whether every migration of this code is in the database; raises DatabaseError."""
    _known["current"] = (
        _newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()
    )
    return _known["current"]


def to_be_run() -> str:
    """Name the command that pages wait for, "" at no cost once there is none.

    Raises DatabaseError.
    """
    if _known["current"]:
        return ""
    if not is_restored():
        return "restore"
    return "" if is_current() else "migrate"


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    # Read from files, which do not change while the process lives.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
