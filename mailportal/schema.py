"""Whether the database has every migration of this code."""

import functools

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

_known = {"current": False}  # of this process: what is there once stays


def is_current() -> bool:
    """Look whether every migration of this code is in the database; raises DatabaseError."""
    _known["current"] = (
        _newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()
    )
    return _known["current"]


def is_older() -> bool:
    """Say whether a migration is missing, at no cost once none is; raises DatabaseError."""
    return not (_known["current"] or is_current())


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    # Read from files, which do not change while the process lives.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
