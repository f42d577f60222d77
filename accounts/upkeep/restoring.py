"""Restoring a backup in one transaction, which is committed only when all of it was read.

With the rows a mark is committed, which says that they are neither migrated nor verified yet: the
comment of the schema, which goes with it, and which every role may read and none but the owner
change. Until it is taken away no page is served, and sender and worker do not start.
"""

import subprocess
from typing import Any

from django.db import connection
from psycopg.sql import Literal

from accounts.upkeep import pipes
from accounts.upkeep.backups import EMPTY, FOR_OLDER, PSQL, SCRIPT, programs_environment
from accounts.upkeep.pipes import Failed, Program

# Of sessions of other roles the owner of the database is told no kind, but whose they are.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
AND coalesce(backend_type, 'client backend') = 'client backend'
"""
_QUIETLY = "SET LOCAL client_min_messages = warning;\n"  # what it says first is then what failed
_UNFINISHED = "restored and not finished: "
_MARK = """
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public'
"""
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
_REFUSED = 3  # how psql ends over a statement that fails


def other_sessions() -> int:
    """Count who else uses the database."""
    return _ask(_OTHERS)


def is_in_use() -> bool:
    """Say whether there is anything that would be lost."""
    return bool(_ask(_TABLES))


class Doubtful(Exception):
    """The commit was asked for and not answered: all was changed, or nothing."""


def restore(decrypt: list[str], at: dict[str, Any], name: str) -> None:
    """Replace all there is by what a decrypting program gives, with a mark that has a name.

    Raises Failed where nothing was changed, Doubtful where that is not known.
    """
    mark = Literal(_UNFINISHED + name).as_string()
    asked = False
    try:
        with Program(PSQL, programs_environment(at), takes=True, gives=subprocess.DEVNULL) as psql:
            pipes.give(psql, f"BEGIN;\n{_QUIETLY}{EMPTY}\n".encode())
            with (
                Program(decrypt) as decrypted,
                Program(SCRIPT, takes=decrypted.process.stdout) as restored,
            ):
                pipes.pour(restored, psql, change=FOR_OLDER)
            pipes.give(psql, f"COMMENT ON SCHEMA public IS {mark};\n".encode())
            # Only now is it known that nothing is missing at the end.
            asked = True
            pipes.give(psql, b"COMMIT;\n")
    except Failed as error:
        if asked and psql.process.returncode != _REFUSED:
            raise Doubtful(str(error)) from None
        raise


def unfinished() -> str:
    """Name the backup that was put back and is not migrated and verified yet; "" for none."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        row = cursor.fetchone()
    mark = (row and row[0]) or ""
    return mark.removeprefix(_UNFINISHED) if mark.startswith(_UNFINISHED) else ""


def finish() -> None:
    """Take the mark away."""
    with connection.cursor() as cursor:
        cursor.execute("COMMENT ON SCHEMA public IS NULL")


def _ask(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        (count,) = cursor.fetchone()
    return int(count)
