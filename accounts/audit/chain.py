"""Whether the audit trail is whole: every row where the chain says, and as it was written."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models.audit_event import AuditEvent, AuditHead, AuditLink

BATCH = 5_000  # rows fetched at once

PRUNED_FROM = dt.timedelta(days=365)  # the age below which PostgreSQL lets no row go

WHOLE_EVERY = dt.timedelta(days=7)  # from one walk along the whole chain to the next

# In the order of the chain, behind a link; the last is None where the row was deleted. As the
# migration writes.
_LINKS = """
SELECT link.seq, link.event_id, link.at, accounts_audit_time(link.at), link.row, link.digest,
    entry.event, entry.at, entry.account_id, entry.seal <> '', entry.detail ->> 'through',
    CASE entry.event WHEN 'audit-forgotten' THEN entry.detail::text END, accounts_audit_text(entry)
FROM accounts_auditlink AS link LEFT JOIN accounts_auditevent AS entry ON entry.id = link.event_id
WHERE link.seq > %s
ORDER BY link.seq
"""

_OUTSIDE = """
SELECT event.id FROM accounts_auditevent AS event
WHERE NOT EXISTS (SELECT 1 FROM accounts_auditlink AS link WHERE link.event_id = event.id)
ORDER BY event.id
"""

START = "0:"  # the head of a chain without links


@dataclass
class Verification:
    """What a walk along the chain found."""

    rows: int = 0
    pruned: int = 0  # rows that went by the office's rule on keeping
    head: str = START  # the last link, as SEQ:DIGEST; to be kept elsewhere
    faults: list[str] = field(default_factory=list)
    since: int = 0  # the link behind which it began; 0: the whole chain


def verify_due(*anchors: str, whole: bool = False) -> Verification:
    """Verify what was added since the last time, or the whole chain; note how far it is whole.

    The whole chain: where an anchor or `whole` asks for it, where the last walk along all of it
    was WHOLE_EVERY ago, and from a fault on until there is none any more.
    """
    noted = AuditHead.objects.first()
    if noted and not whole and not any(anchors) and not _whole_is_due(noted):
        report = _verify_since(noted)
    else:
        report = verify(*anchors, str(noted or ""))
    _note(report)
    return report


def _whole_is_due(noted: AuditHead) -> bool:
    if noted.whole_at is None:
        return True
    return timezone.localdate() - timezone.localdate(noted.whole_at) >= WHOLE_EVERY


def _verify_since(noted: AuditHead) -> Verification:
    """Verify what stands behind a link; where anything is wrong with that, the whole chain."""
    walk = _Walk(noted)
    for link in _rows(_LINKS, noted.seq):
        walk.pass_link(*link)
    walk.look_at_what_was_forgotten()
    is_there = AuditLink.objects.filter(pk=noted.seq, digest=noted.digest).exists()
    if not is_there or walk.missing or walk.report.faults or _outside():
        return verify(str(noted))
    return walk.report


def _note(report: Verification) -> None:
    """Keep how far the chain is whole, by functions that let the head go forward only."""
    with connection.cursor() as cursor:
        if report.faults:
            cursor.execute("SELECT accounts_audit_doubted()")
        elif report.head != START:
            seq, _, digest = report.head.partition(":")
            whole = not report.since
            cursor.execute("SELECT accounts_audit_verified(%s, %s, %s)", [seq, digest, whole])


def verify(*anchors: str) -> Verification:
    """Walk along the whole chain, and check that it passes through each anchor (SEQ:DIGEST).

    Whoever may write everything can forge a whole chain, but not one through a link that was
    noted elsewhere: that is what anchors are for. A row that is missing is excused only at the
    beginning, and only where a row of the chain says that it was pruned when it was old enough.
    """
    walk = _Walk()
    ahead = set(anchors) - {"", START}
    for link in _rows(_LINKS, 0):
        walk.pass_link(*link)
        ahead.discard(walk.report.head)
    walk.look_at_what_was_forgotten()
    report = walk.report
    for place, (seq, at) in enumerate(walk.missing, start=1):
        if seq == place and walk.was_pruned(seq, at):
            report.pruned += 1
        else:
            report.faults.append(f"the row of link {seq} is missing")
    report.faults += _outside()
    report.faults += [f"the chain does not pass through {anchor}" for anchor in sorted(ahead)]
    return report


def _outside() -> list[str]:
    return [f"row {pk} stands outside the chain" for (pk,) in _rows(_OUTSIDE)]


@dataclass(frozen=True)
class _Forgotten:
    """A row without its personal data."""

    seq: int
    event_id: int
    account: int | None
    remnant: str  # the hash of what is left, where the link was made of more; else ""


class _Forgettings:
    """What the chain itself says was forgotten: of which accounts, and which other rows."""

    def __init__(self) -> None:
        self._accounts: dict[int, int] = {}  # up to which link
        self._rows: dict[int, int] = {}
        self._remnants: dict[int, str] = {}

    def add(self, seq: int, detail: dict[str, Any]) -> None:
        self._accounts |= dict.fromkeys(detail["accounts"], seq)
        self._rows |= dict.fromkeys(detail["rows"], seq)
        self._remnants |= {int(pk): remnant for pk, remnant in detail["remnants"].items()}

    def excuse(self, row: _Forgotten) -> bool:
        through = max(self._accounts.get(row.account or 0, 0), self._rows.get(row.event_id, 0))
        return row.seq < through and row.remnant == self._remnants.get(row.event_id, "")


class _Walk:
    """Goes along the chain, one link after the other."""

    def __init__(self, behind: AuditHead | None = None) -> None:
        self.report = Verification()
        self.missing: list[tuple[int, dt.datetime]] = []
        self._prunings: list[tuple[int, dt.datetime]] = []
        self._forgotten: list[_Forgotten] = []
        self._forgettings = _Forgettings()
        self._before, self._expected = "", 1
        if behind:
            self.report.since, self.report.head = behind.seq, str(behind)
            self._before, self._expected = behind.digest, behind.seq + 1

    def pass_link(
        self,
        seq: int,
        event_id: int,
        at: dt.datetime,
        time: str,
        row: str,
        digest: str,
        *entry: Any,
    ) -> None:
        if seq != self._expected:
            self.report.faults.append(f"links {self._expected} to {seq - 1} are missing")
        if _sha256(f"{self._before}\n{time}\n{row}") != digest:
            self.report.faults.append(f"link {seq} was changed, or one before it")
        self._before, self._expected = digest, seq + 1
        self.report.head = f"{seq}:{digest}"
        self._look_at_row(seq, event_id, at, row, *entry)

    def _look_at_row(
        self,
        seq: int,
        event_id: int,
        at: dt.datetime,
        row: str,
        event: str | None,
        event_at: dt.datetime,
        account: int | None,
        is_forgotten: bool,  # noqa: FBT001  (a column)
        through: str | None,
        forgetting: str | None,
        text: str,
    ) -> None:
        if event is None:
            self.missing.append((seq, at))
            return
        self.report.rows += 1
        found = _sha256(text)
        if is_forgotten and event_at == at:
            remnant = found if found != row else ""
            self._forgotten.append(_Forgotten(seq, event_id, account, remnant))
        elif found != row or event_at != at:
            self.report.faults.append(f"row {event_id} (link {seq}) was changed")
        elif event == AuditEvent.Event.AUDIT_PRUNED and str(through).isdecimal():
            self._prunings.append((int(str(through)), at))
        elif forgetting:
            self._forgettings.add(seq, json.loads(forgetting))

    def look_at_what_was_forgotten(self) -> None:
        """Find rows that were made blank though no later row says so, or says another remnant."""
        for row in self._forgotten:
            if not self._forgettings.excuse(row):
                self.report.faults.append(f"row {row.event_id} (link {row.seq}) was changed")

    def was_pruned(self, seq: int, at: dt.datetime) -> bool:
        return any(seq <= through and at < then - PRUNED_FROM for through, then in self._prunings)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def prune(*, before: dt.datetime) -> int:
    """Delete rows that are older, and put on record up to which link; the links stay.

    What goes is a beginning of the chain, so that nothing can be taken from its middle.
    PostgreSQL refuses rows that are younger than a year, whatever is asked for.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT through, count FROM accounts_audit_prune(%s)", [before])
        through, count = cursor.fetchone()
        if count:
            AuditEvent.record(AuditEvent.Event.AUDIT_PRUNED, through=through, count=count)
    return int(count)


def _rows(query: str, *parameters: int) -> Iterator[tuple]:  # type: ignore[type-arg]  # of all kinds
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters or None)
        while rows := cursor.fetchmany(BATCH):
            yield from rows
