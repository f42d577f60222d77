"""The audit trail in places outside the portal: row after row of the chain, from a cursor on.

A link's number is its place in the chain, and there is no gap: what is behind the cursor is what is
missing outside, whatever was killed.
"""

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from accounts.audit import syslog
from accounts.models.audit_event import AuditLink, AuditShipment

BATCH = 500  # rows in one transaction, or over one connection
LONGEST = 8192  # bytes of a message: what syslog servers take unless they are told otherwise
_AUDIT = 13 * 8  # "log audit", a facility of RFC 5424
_INFORMATIONAL, _WARNING = 6, 4

Place = AuditShipment.Place

# In the order of the chain; without a row where that was pruned.
_ROWS = """
SELECT link.seq, link.digest, entry.id, entry.at, entry.event, entry.ok, entry.reason,
    entry.account_id, account.address, entry.actor_id, actor.address, host(entry.client),
    entry.request_id, entry.detail::text
FROM accounts_auditlink AS link
LEFT JOIN accounts_auditevent AS entry ON entry.id = link.event_id
LEFT JOIN accounts_account AS account ON account.id = entry.account_id
LEFT JOIN accounts_account AS actor ON actor.id = entry.actor_id
WHERE link.seq > %s
ORDER BY link.seq
LIMIT %s
"""


class NotShipped(Exception):
    """A place did not take what it should; says in a sentence why."""


@dataclass(frozen=True)
class Entry:
    """A row of the trail as it leaves the portal."""

    seq: int
    at: dt.datetime
    ok: bool
    told: dict[str, Any]

    @property
    def line(self) -> bytes:
        return json.dumps(self.told, ensure_ascii=False).encode() + b"\n"

    @property
    def message(self) -> bytes:
        """Give the row as a message of RFC 5424, whose id is the number of the row."""
        whole = self._message(self.told)
        if len(whole) <= LONGEST:
            return whole
        return self._message(self.told | {"detail": {"cut": True}})

    def _message(self, told: dict[str, Any]) -> bytes:
        priority = _AUDIT + (_INFORMATIONAL if self.ok else _WARNING)
        host = urlsplit(settings.PUBLIC_BASE_URL).hostname
        at = f"{self.at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        # Plain ASCII: nothing has to say which encoding it is in.
        return f"<{priority}>1 {at} {host} mailportal - {self.seq} - {json.dumps(told)}".encode()


def places() -> list[AuditShipment.Place]:
    """Give the places that this office has."""
    known = {Place.FILE: settings.AUDIT_FILE, Place.SYSLOG: settings.AUDIT_SYSLOG}
    return [place for place, address in known.items() if address]


def ship(place: AuditShipment.Place) -> int:
    """Bring a place up to date; say how many rows that took. Raises `NotShipped`."""
    AuditShipment.objects.get_or_create(place=place)
    ship_some: dict[AuditShipment.Place, Callable[[], int]] = {
        Place.FILE: _write_some,
        Place.SYSLOG: _send_some,
    }
    count = 0
    while some := ship_some[place]():
        count += some
    return count


def waiting() -> Iterator[tuple[AuditShipment.Place, int]]:
    """Say of each place how many rows of the chain it does not have yet."""
    newest = AuditLink.objects.aggregate(seq=Max("seq"))["seq"] or 0
    reached = dict(AuditShipment.objects.values_list("place", "seq"))
    for place in places():
        yield place, newest - reached.get(place, 0)


def _write_some() -> int:
    """Write the next rows into the file, and how long it is by then: both, or in effect neither.

    The cursor is held meanwhile, so two runs write one after the other.
    """
    with transaction.atomic():
        cursor = AuditShipment.objects.select_for_update().get(place=Place.FILE)
        newest, entries = _next(cursor.seq)
        if newest is None:
            return 0
        lines = b"".join(entry.line for entry in entries)
        try:
            cursor.length = _append(Path(settings.AUDIT_FILE), lines, at=cursor.length)
        except OSError as error:
            raise NotShipped(f"AUDIT_FILE cannot be written: {error.strerror}.") from error
        moved = newest - cursor.seq
        cursor.seq, cursor.shipped_at = newest, Now()
        cursor.save()
    return moved


def _append(path: Path, lines: bytes, *, at: int) -> int:
    """Write lines behind the first `at` bytes, down to the disk; give the new length.

    A file that is not there, or is empty, is a new one: the one before was put away.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    with os.fdopen(handle, "r+b") as file:
        length = file.seek(0, os.SEEK_END)
        if 0 < length < at:
            raise NotShipped(
                f"AUDIT_FILE is shorter than what was written to it ({length} of {at} bytes): put"
                " it away, so that a new one is begun."
            )
        kept = min(at, length)
        file.truncate(kept)
        file.seek(kept)
        file.write(lines)
        file.flush()
        os.fsync(handle)
        if not length:
            _sync_directory(path.parent)
    return kept + len(lines)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _send_some() -> int:
    """Send the next rows, then move the cursor: killed in between, they are sent once more."""
    reached = AuditShipment.objects.get(place=Place.SYSLOG).seq
    newest, entries = _next(reached)
    if newest is None:
        return 0
    try:
        if entries:
            syslog.send(entry.message for entry in entries)
    except syslog.NotTaken as error:
        raise NotShipped(f"The server of AUDIT_SYSLOG did not take the trail: {error}.") from error
    mine = AuditShipment.objects.filter(place=Place.SYSLOG, seq=reached)
    # Where another run was faster, it goes on; this one has sent what that one did.
    return newest - reached if mine.update(seq=newest, shipped_at=Now()) else 0


def _next(after: int) -> tuple[int | None, list[Entry]]:
    """Give the next rows that are there, and up to which link that is; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [after, BATCH])
        rows = cursor.fetchall()
    newest = rows[-1][0] if rows else None
    return newest, [_entry(*row) for row in rows if row[2] is not None]


def _entry(
    seq: int,
    digest: str,
    pk: int,
    at: dt.datetime,
    event: str,
    ok: bool,  # noqa: FBT001  (a column)
    reason: str,
    account: int | None,
    account_address: str | None,
    actor: int | None,
    actor_address: str | None,
    client: str | None,
    request_id: str,
    detail: str,
) -> Entry:
    told = {
        "seq": seq,
        "id": pk,
        "at": at.astimezone(dt.UTC).isoformat(),
        "event": event,
        "ok": ok,
        "reason": reason,
        "account": account,
        "account_address": account_address,
        "actor": actor,
        "actor_address": actor_address,
        "client": client,
        "request_id": request_id,
        "detail": json.loads(detail),
        "digest": digest,
    }
    return Entry(seq, at, ok, told)
