"""A database role that could change the audit trail."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.db import connection

from accounts.audit import portal_role


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
