"""Restoring a backup in one transaction, which is committed only when all of it was read."""

import subprocess
from typing import Any

from django.db import connection

from accounts.upkeep import pipes
from accounts.upkeep.backups import EMPTY, programs_environment
from accounts.upkeep.pipes import Program

_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
_PSQL = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]


def other_sessions() -> int:
    """Count who else uses the database."""
    return _ask(_OTHERS)


def is_in_use() -> bool:
    """Say whether there is anything that would be lost."""
    return bool(_ask(_TABLES))


def restore(decrypt: list[str], at: dict[str, Any]) -> None:
    """Replace all there is by what a decrypting program gives, or change nothing: Failed."""
    with Program(_PSQL, programs_environment(at), takes=True, gives=subprocess.DEVNULL) as psql:
        pipes.give(psql, f"BEGIN;\n{EMPTY}\n".encode())
        with Program(decrypt) as decrypted:
            script = ["pg_restore", "--no-owner", "--no-privileges", "--file=-"]
            with Program(script, takes=decrypted.process.stdout) as restored:
                pipes.pour(restored, psql)
        # Only now is it known that nothing is missing at the end.
        pipes.give(psql, b"COMMIT;\n")


def _ask(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        (count,) = cursor.fetchone()
    return int(count)
