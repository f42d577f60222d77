"""Who did something of a kind, be they staff still or no longer: read from the edge of an index.

PostgreSQL has no such walk of its own: DISTINCT would read every row of the trail.
"""

from django.db import connection

# From each actor to the next: as many steps as there are actors, whatever each has done.
_ACTORS = """
WITH RECURSIVE acted (pk) AS (
    (SELECT actor_id FROM accounts_auditevent
     WHERE {kind} AND actor_id IS NOT NULL ORDER BY actor_id LIMIT 1)
    UNION ALL
    SELECT (SELECT actor_id FROM accounts_auditevent
            WHERE {kind} AND actor_id > acted.pk ORDER BY actor_id LIMIT 1)
    FROM acted WHERE acted.pk IS NOT NULL
)
SELECT pk FROM acted WHERE pk IS NOT NULL
"""
# As the indexes audit_staff_at and audit_locked_by say. The first is what only staff do.
_AS_STAFF = "event IN ('looked-up', 'viewed', 'audit-viewed')"
_LOCKED_BY_HAND = "event = 'locked' AND reason <> 'campaign'"


def acted_as_staff() -> list[int]:
    """Name the accounts that did what only staff do."""
    return _actors(_AS_STAFF)


def locked_somebody() -> list[int]:
    """Name the accounts that locked somebody, and not by a campaign."""
    return _actors(_LOCKED_BY_HAND)


def _actors(kind: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_ACTORS.format(kind=kind))
        return [pk for (pk,) in cursor.fetchall()]
