"""Backups: dumped, encrypted to a public key, tried out by a restore, and kept for some days.

No dump is ever on disk in clear: it goes through pipes to the encryption and, at the same time,
into the scratch database in which it is tried out.
"""

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db import connection, transaction

from accounts.upkeep import pipes
from accounts.upkeep.pipes import Failed, Program

# What must be in the scratch database as it was in ours.
TABLES = (
    "accounts_account",
    "accounts_auditevent",
    "accounts_auditlink",
    "accounts_session",
    "otp_code",
    "otp_message",
    "otp_meter",
)
SCRATCH = "scratch"  # stands in the name of a database that may be emptied
_FILE = re.compile(r"mailportal-(\d{8}T\d{6}Z)\.dump\.(age|gpg)")
_PART = ".mailportal-*.part"  # of a backup that is being made, or that was killed
_A_DAY = dt.timedelta(days=1)
_OTHER = re.compile(r"DATABASE_.*")  # variables that lead to the portal's own database
_STAMP = "%Y%m%dT%H%M%SZ"

# From a dump to the statements that make it anew, and to what carries them out.
SCRIPT = ["pg_restore", "--no-owner", "--no-privileges", "--file=-"]
PSQL = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
# What pg_restore of PostgreSQL 17 and later begins with, and servers before it refuse.
FOR_OLDER = (
    b"\nSET transaction_timeout = 0;\n",
    b"\nSELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout';\n",
)

# Everything but what is PostgreSQL's own.
EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
END $$;
CREATE SCHEMA public;
"""
_WHERE = "SELECT system_identifier, current_database() FROM pg_control_system()"


class Refused(Exception):
    """Something is not set up as a backup needs it; the text says what."""


def make(directory: Path) -> Path:
    """Write a backup and try it out; give its file. Raises Refused or Failed."""
    suffix, encrypt = _encryption()
    if not directory.is_dir():
        raise Refused(f"{directory} is no directory: make it, or change BACKUP_DIR.")
    name = f"mailportal-{dt.datetime.now(dt.UTC):{_STAMP}}.dump.{suffix}"
    part = directory / f".{name}.part"
    try:
        with open(part, "xb", opener=_for_us_alone) as file:
            _dump(encrypt, file)
            os.fsync(file.fileno())
        part.replace(directory / name)
    except OSError as error:
        raise Refused(f"{directory}: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    return directory / name


def drop_old(directory: Path) -> int:
    """Delete backups older than BACKUP_KEEP_DAYS, but never the newest; give their number.

    What is left of those that were killed goes too: nobody sees it, and disks fill up with it.
    """
    now = dt.datetime.now(dt.UTC)
    for part in directory.glob(_PART):
        if part.stat().st_mtime < (now - _A_DAY).timestamp():
            part.unlink()
    oldest = now - dt.timedelta(days=settings.BACKUP_KEEP_DAYS)
    files = sorted(file for file in directory.iterdir() if _FILE.fullmatch(file.name))
    old = [file for file in files[:-1] if _made_at(file) < oldest]
    for file in old:
        file.unlink()
    return len(old)


def programs_environment(at: dict[str, Any]) -> dict[str, str]:
    """Tell PostgreSQL's programs where to go; not on their command lines, which all may read."""
    options = at.get("OPTIONS", {})
    given = {
        "PGHOST": at.get("HOST"),
        "PGPORT": at.get("PORT"),
        "PGUSER": at.get("USER"),
        "PGPASSWORD": at.get("PASSWORD"),
        "PGDATABASE": at.get("NAME"),
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
        "PGTARGETSESSIONATTRS": options.get("target_session_attrs"),
        "PGCONNECT_TIMEOUT": options.get("connect_timeout"),
    }
    return {name: str(value) for name, value in given.items() if value}


def _encryption() -> tuple[str, list[str]]:
    key = settings.BACKUP_RECIPIENT
    if not key:
        raise Refused(
            "BACKUP_RECIPIENT is not set: give the public key (age1…) or the name of the GnuPG key"
            " that backups are encrypted to."
        )
    if key.startswith(("age1", "ssh-")):
        return "age", ["age", "--encrypt", "--recipient", key]
    return "gpg", ["gpg", "--batch", "--trust-model=always", "--encrypt", f"--recipient={key}"]


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _made_at(file: Path) -> dt.datetime:
    found = _FILE.fullmatch(file.name)
    assert found
    return dt.datetime.strptime(found[1], _STAMP).replace(tzinfo=dt.UTC)


def _dump(encrypt: list[str], file: IO[bytes]) -> None:
    ours = programs_environment(connection.settings_dict)
    with _snapshot() as (snapshot, counts), _scratch() as scratch:
        with (
            Program(["pg_dump", "--format=custom", f"--snapshot={snapshot}"], ours) as dump,
            Program(encrypt, takes=True, gives=file) as encrypted,
            _restored(scratch) as restored,
        ):
            pipes.pour(dump, encrypted, restored)
        if scratch:
            _compare(scratch, counts)
            _verify_chain(scratch)


@contextmanager
def _restored(scratch: dict[str, str]) -> Iterator[Program]:
    """Give what reads a dump to its end, into the scratch database where there is one."""
    if not scratch:
        with Program(SCRIPT, takes=True, gives=subprocess.DEVNULL) as read:
            yield read
        return
    with (
        Program(SCRIPT, takes=True) as script,
        Program(PSQL, scratch, takes=True, gives=subprocess.DEVNULL) as psql,
        pipes.pouring(script, psql, change=FOR_OLDER),
    ):
        yield script


@contextmanager
def _snapshot() -> Iterator[tuple[str, dict[str, int]]]:
    """Give what pg_dump is to see by name, and how many rows there are in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
        yield name, _count(cursor)


def _count(cursor: Any) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  (names of ours)
        (counts[table],) = cursor.fetchone()
    return counts


@contextmanager
def _scratch() -> Iterator[dict[str, str]]:
    """Empty the scratch database before and after; nothing, where there is none."""
    at = settings.BACKUP_SCRATCH
    if not at:
        yield {}
        return
    if SCRATCH not in at["NAME"]:
        raise Refused(
            f"BACKUP_SCRATCH_URL: the name of the database must hold {SCRATCH!r}: it is emptied."
        )
    environment = programs_environment(at)
    try:
        _refuse_ours(environment)
        _run(environment, EMPTY)
        try:
            yield environment
        finally:
            with suppress(psycopg.Error):  # else it would hide what went wrong
                _run(environment, EMPTY)
    except psycopg.OperationalError as error:
        first_line = str(error).partition("\n")[0]
        raise Refused(f"BACKUP_SCRATCH_URL: {first_line}") from None


def _refuse_ours(environment: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_WHERE)
        ours = cursor.fetchone()
    with _connect(environment) as scratch:
        if scratch.execute(_WHERE).fetchone() == ours:
            raise Refused("BACKUP_SCRATCH_URL is the portal's own database, which is not emptied.")


def _connect(environment: dict[str, str]) -> "psycopg.Connection[Any]":
    names = {"PGDATABASE": "dbname", "PGCONNECT_TIMEOUT": "connect_timeout"}
    names |= {"PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"}
    names |= {"PGTARGETSESSIONATTRS": "target_session_attrs"}
    given: dict[str, Any] = {
        names.get(name, name[2:].lower()): value for name, value in environment.items()
    }
    return psycopg.connect(**given)


def _run(environment: dict[str, str], statements: str) -> None:
    with _connect(environment) as scratch:
        scratch.execute(statements)


def _compare(environment: dict[str, str], counts: dict[str, int]) -> None:
    with _connect(environment) as scratch, scratch.cursor() as cursor:
        restored = _count(cursor)
    wrong = [table for table, count in counts.items() if restored[table] != count]
    if wrong:
        raise Failed(f"The restored backup lacks rows of {', '.join(wrong)}.")


def _verify_chain(environment: dict[str, str]) -> None:
    whole = {name: value for name, value in os.environ.items() if not _OTHER.fullmatch(name)}
    whole["DATABASE_URL"] = settings.BACKUP_SCRATCH_URL
    manage = str(settings.BASE_DIR / "manage.py")
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, manage, "verify_audit", "--all"]
        code = subprocess.run(command, env=whole, stdout=said, stderr=said, check=False).returncode
    if code:
        raise Failed("In the restored backup the audit trail is not whole.")
