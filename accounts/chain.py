"""Whether the audit trail is whole: every row where the chain says, and as it was written."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction

from accounts.audit import AuditEvent, AuditLink

BATCH = 5_000  # rows fetched at once

# In the order of the chain; without a row, what was deleted. As in the migration that chains.
_LINKS = """
SELECT link.seq, link.event_id, link.digest, event.event, event.detail ->> 'through',
    jsonb_build_array(
        event.id, to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), event.event,
        event.ok, event.reason, event.account_id, event.actor_id, event.address_key,
        host(event.client), event.request_id, event.detail)::text
FROM accounts_auditlink AS link LEFT JOIN accounts_auditevent AS event ON event.id = link.event_id
ORDER BY link.seq
"""

_OUTSIDE = """
SELECT event.id FROM accounts_auditevent AS event
WHERE NOT EXISTS (SELECT 1 FROM accounts_auditlink AS link WHERE link.event_id = event.id)
ORDER BY event.id
"""


@dataclass
class Report:
    """What a walk along the chain found."""

    rows: int = 0
    pruned: int = 0  # rows that went by the office's rule on keeping
    head: str = "0:"  # the last link, as SEQ:DIGEST; to be kept elsewhere
    faults: list[str] = field(default_factory=list)


def verify(anchor: str = "") -> Report:
    """Walk along the whole chain, and check that it passes through `anchor` (SEQ:DIGEST).

    Whoever may write everything can forge a whole chain, but not one through a link that was
    noted elsewhere: that is what the anchor is for.
    """
    report = Report()
    missing: list[int] = []
    before, expected, through = "", 1, 0
    anchored = not anchor
    for seq, event_id, digest, event, pruned_through, text in _rows(_LINKS):
        if seq != expected:
            report.faults.append(f"links {expected} to {seq - 1} are missing")
        expected = seq + 1
        if event is None:
            missing.append(seq)
        elif hashlib.sha256(f"{before}\n{text}".encode()).hexdigest() != digest:
            report.faults.append(f"row {event_id} (link {seq}) was changed, or one before it")
        elif event == AuditEvent.Event.AUDIT_PRUNED:
            through = max(through, int(pruned_through or 0))
        anchored = anchored or f"{seq}:{digest}" == anchor
        report.rows += event is not None
        report.head = f"{seq}:{digest}"
        before = digest
    report.pruned = sum(seq <= through for seq in missing)
    report.faults += [f"the row of link {seq} is missing" for seq in missing if seq > through]
    report.faults += [f"row {pk} stands outside the chain" for (pk,) in _rows(_OUTSIDE)]
    if not anchored:
        report.faults.append(f"the chain does not pass through {anchor}")
    return report


def prune(*, before: dt.datetime) -> int:
    """Delete rows that are older, and put on record up to which link; the links stay.

    PostgreSQL refuses rows that are younger than a year, whatever is asked for.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL mailportal.pruning = 'on'")
        old = AuditEvent.objects.filter(at__lt=before)
        last = AuditLink.objects.filter(event_id__in=old.values("pk")).order_by("-seq").first()
        if last is None:
            return 0
        # What goes is a beginning of the chain, so that nothing can be taken from its middle.
        cursor.execute(
            "DELETE FROM accounts_auditevent AS event USING accounts_auditlink AS link"
            " WHERE link.event_id = event.id AND link.seq <= %s AND event.at < %s",
            [last.seq, before],
        )
        count: int = cursor.rowcount
        AuditEvent.record(AuditEvent.Event.AUDIT_PRUNED, "", through=last.seq, count=count)
    return count


def _rows(query: str) -> Iterator[tuple]:  # type: ignore[type-arg]  # of whatever is asked for
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            yield from rows
