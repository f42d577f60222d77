"""A database role that could change the audit trail, and places that could not get it."""

import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import connection

from accounts.audit import portal_role, syslog


@register(Tags.database)
def trail_is_out_of_reach(
    *, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Warn in a deployment whose pages are served by the owner of the tables (AD-11)."""
    serves = databases and settings.DATABASE_URL and not settings.DATABASE_SERVING_ROLE
    if not serves or "accounts_auditevent" not in connection.introspection.table_names():
        return []
    if not portal_role.can_tamper():
        return []
    return [
        Warning(
            "The role of DATABASE_URL may change the audit trail: it owns the tables, or is a"
            " superuser.",
            hint="Let DATABASE_OWNER_URL name the owner, DATABASE_URL another role, and migrate:"
            " docs/operate.md.",
            id="portal.W020",
        )
    ]


@register(Tags.security)
def places_of_the_trail(**_: Any) -> list[CheckMessage]:
    """Refuse places to which the trail could never be brought (LG-09)."""
    faults: list[CheckMessage] = []
    path = settings.AUDIT_FILE
    if path and not (Path(path).is_absolute() and not Path(path).is_dir()):
        faults.append(
            Error(
                "AUDIT_FILE names no file.",
                hint="It is a whole path, such as /var/log/mailportal/audit.jsonl.",
                id="portal.E026",
            )
        )
    its_own = (settings.AUDIT_SYSLOG_CA, settings.AUDIT_SYSLOG_CERT, settings.AUDIT_SYSLOG_KEY)
    if settings.AUDIT_SYSLOG or any(its_own):
        faults += _of_syslog()
    return faults


def _of_syslog() -> list[CheckMessage]:
    try:
        syslog.where()
    except ValueError:
        hint = "It is host:port of a server that takes syslog by TLS."
        return [Error("AUDIT_SYSLOG names no server.", hint=hint, id="portal.E027")]
    if bool(settings.AUDIT_SYSLOG_CERT) != bool(settings.AUDIT_SYSLOG_KEY):
        return [
            Error(
                "AUDIT_SYSLOG_CERT and AUDIT_SYSLOG_KEY go together.",
                hint="Set both, where the server asks for a certificate, or neither.",
                id="portal.E028",
            )
        ]
    hint = "It is a file in PEM; a key has no password."
    return [
        Error(f"{name} cannot be used: {why}.", hint=hint, id="portal.E029")
        for name, why in _unusable_files()
    ]


def _unusable_files() -> Iterator[tuple[str, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        name = "AUDIT_SYSLOG_CA"
        if settings.AUDIT_SYSLOG_CA:
            context.load_verify_locations(settings.AUDIT_SYSLOG_CA)
        name = "AUDIT_SYSLOG_CERT"
        if settings.AUDIT_SYSLOG_CERT:
            syslog.show_certificate(context)
    except OSError as error:
        yield name, getattr(error, "reason", "") or error.strerror or type(error).__name__
