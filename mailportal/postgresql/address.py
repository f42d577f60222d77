"""The address of the database, with one host or several: postgresql://u:p@h1:5432,h2:5433/name."""

import re
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv

from mailportal import postgresql

PORT = "5432"
_HOSTS = re.compile(r"(?P<before>[a-z]+://(?:[^@/?#]*@)?)(?P<hosts>[^@/?#]+)(?P<after>.*)")
# The first is of no use without the second.
_NEEDS = (
    ("DATABASE_POOLER", "DATABASE_DIRECT_URL"),
    ("DATABASE_POOLER", "DATABASE_URL"),
    ("DATABASE_DIRECT_URL", "DATABASE_URL"),
    ("DATABASE_REPLICA_URL", "DATABASE_URL"),
)
_HOST = re.compile(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?")


def database(env: FileAwareEnv, name: str, *, pooler: str = "") -> dict[str, Any]:
    """Read a variable as a whole database of Django's, with the limits of this process."""
    found = read(env, name)
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must be a postgresql:// address.")
    return with_limits(found | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}, pooler=pooler)


def replica(env: FileAwareEnv, name: str) -> dict[str, Any]:
    """Read the address of a standby, from which reports are read: never written to."""
    found = database(env, name)
    options = found["OPTIONS"]
    options["options"] += (
        f" -c default_transaction_read_only=on -c statement_timeout={postgresql.LONG_PAGE}s"
    )
    if "," in str(found["HOST"]):
        options["target_session_attrs"] = "prefer-standby"
    return found | {"STATEMENT": postgresql.LONG_PAGE}


def with_limits(database: dict[str, Any], *, pooler: str = "") -> dict[str, Any]:
    """Let sessions begin with limits on waiting, or as the pooler before the database allows.

    PgBouncer takes no start-up parameter `options`. One that gives whole sessions is told by SET;
    one that gives transactions passes a session's SET on to somebody else, so there the role has
    to have the limits, and no cursor outlives its transaction.
    """
    # A database host that vanishes must be noticed, or a request could hang for minutes.
    options = {
        "connect_timeout": 3,  # seconds
        "keepalives_idle": 30,  # seconds
        "tcp_user_timeout": 20_000,  # milliseconds
    } | database.get("OPTIONS", {})
    if not pooler:
        options["options"] = postgresql.patience.options(options.get("options", ""))
    return database | {
        "ENGINE": "mailportal.postgresql",
        "OPTIONS": options,
        "LIMITS_BY_SET": pooler == "session",
        "DISABLE_SERVER_SIDE_CURSORS": pooler == "transaction",
    }


def refuse_half(env: FileAwareEnv) -> None:
    """Raise ImproperlyConfigured, which names it, where an address is missing that others need.

    Without DATABASE_URL the embedded database would be served, or migrated, beside the real one.
    """
    needs = [*_NEEDS, ("DATABASE_OWNER_URL", "DATABASE_URL")] if postgresql.as_owner else _NEEDS
    for name, needed in needs:
        if env.str(name, "") and not env.str(needed, ""):
            raise ImproperlyConfigured(f"{name} needs {needed}, which is not set.")


def read(env: FileAwareEnv, name: str) -> dict[str, Any]:
    """Read a variable; raises ImproperlyConfigured, which names it and repeats no value."""
    parts = _HOSTS.fullmatch(env.str(name, ""))
    try:
        if parts and "," in parts["hosts"]:
            return _several(name, **parts.groupdict())
        return dict(env.dj_db_url(name))
    except EnvError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def _several(name: str, *, before: str, hosts: str, after: str) -> dict[str, Any]:
    """Give libpq a list of hosts, of which it takes the one that can be written to."""
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    if not all(found):
        raise ImproperlyConfigured(f"{name} must look like postgresql://…@h1:5432,h2:5432/name.")
    database: dict[str, Any] = {}
    try:
        database |= dj_database_url.parse(f"{before}host{after}")
    except (dj_database_url.ParseError, ValueError):
        raise ImproperlyConfigured(f"{name}: Not a valid database URL.") from None
    database["HOST"] = ",".join(host[1].strip("[]") for host in found if host)
    database["PORT"] = ",".join(host[2] or PORT for host in found if host)
    own = database.get("OPTIONS", {})
    database["OPTIONS"] = {"target_session_attrs": "read-write"} | own
    return database
