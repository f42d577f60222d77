"""Read mailboxes, aliases and redirections from dumps of the SQL of mail systems.

These are PostfixAdmin, iRedMail, mailcow, modoboa, and the tables of most tutorials.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.loading.mailbox import (
    Found,
    LeftOut,
    Mailbox,
    MailboxFault,
    MailList,
    Redirection,
    State,
    unlocked,
)
from accounts.loading.sql_dumps import BadRow, rows

Row = dict[str, str]

_ADDRESS_COLUMNS = ("username", "email")
_STATES = {
    **dict.fromkeys(("1", "t", "true", "y", "yes", "\1"), State.OPEN),
    **dict.fromkeys(("0", "f", "false", "n", "no", "\0", ""), State.OFF),
    "2": State.LOCKED,  # mailcow's: receives mail, and opens to nobody
}
_RESOURCES = ("location", "thing", "group")  # kinds of mailcow's mailboxes
_NOWHERE = ("@localhost", "@autoreply.")  # where mailcow and PostfixAdmin send what nobody reads
_OWN_PASSWORDS = ("", "mailcow")  # of mailcow's sources: with another one it has none


def sql(lines: Iterable[str]) -> Iterator[Found]:
    """Read what pg_dump (COPY, INSERT), mysqldump or phpMyAdmin wrote of TABLES."""
    aliases: dict[str, tuple[str, bool]] = {}  # modoboa's, by their numbers
    for row in rows(lines, TABLES):
        if isinstance(row, BadRow):
            if not row.table or row.table in _OF_MAILBOXES:
                yield MailboxFault(row.place, row.reason)
            else:
                yield LeftOut(row.place, row.table, row.reason)
        elif row.table == "admin_alias":
            values = row.values
            aliases[values.get("id", "")] = values.get("address", ""), _is_on(values, "enabled")
        elif row.table == "admin_aliasrecipient":
            address, is_on = aliases.get(row.values.get("alias_id", ""), ("", False))
            if is_on:
                yield Redirection(row.place, address, (row.values.get("address", ""),))
        elif found := _READERS[row.table](row.place, row.values):
            yield found


def _mailbox(place: str, row: Row) -> Found:
    address = next((row[name] for name in _ADDRESS_COLUMNS if name in row), None)
    if address is None or "password" not in row:
        return MailboxFault(place, "has no column for the address or for the password")
    if row.get("kind") in _RESOURCES:
        return LeftOut(place, address, "a room or another resource")
    return _read_mailbox(place, address, row)


def _user_of_modoboa(place: str, row: Row) -> Found:
    address = next((row[name] for name in _ADDRESS_COLUMNS if "@" in row.get(name, "")), "")
    if not address:
        return LeftOut(place, row.get("username", ""), "an administrator without a mailbox")
    return _read_mailbox(place, address, row)


def _read_mailbox(place: str, address: str, row: Row) -> Found:
    hashed, off = unlocked(row.get("password", ""))
    attributes = _attributes(row)
    may_read = _is_on(attributes, "imap_access")
    try:
        state = State.worst(_state(row), off, State.OPEN if may_read else State.LOCKED)
    except ValueError as error:
        return MailboxFault(place, str(error), address)
    names = (row.get("first_name", ""), row.get("last_name", ""))
    phones = (row.get(name, "") for name in ("mobile", "phone", "phone_number", "telephone"))
    is_kept = row.get("authsource", "") in _OWN_PASSWORDS
    return Mailbox(
        place,
        address,
        (hashed,) if hashed and is_kept else (),
        row.get("name", "") or " ".join(filter(None, names)),
        tuple(filter(None, phones)),
        state,
        must_change=_is_on({"force_pw_update": "0", **attributes}, "force_pw_update"),
        unit=row.get("department", "").strip(),
    )


def _attributes(row: Row) -> Row:
    """Read mailcow's attributes, which are JSON: numbers there, or texts of numbers."""
    try:
        found = json.loads(row.get("attributes", "") or "{}")
    except ValueError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _state(row: Row) -> State:
    """Read the columns of all these systems; ValueError where a state is not known."""
    states = [State.OPEN]
    for name in ("active", "is_active", "enabled"):
        raw = row.get(name, "1").strip().lower()
        if raw not in _STATES:
            raise ValueError(f"has a state in {name} that is not known")
        states.append(_STATES[raw])
    expires = parse_datetime(row.get("expired", "")) if _is_a_time(row.get("expired", "")) else None
    if expires and timezone.make_aware(expires.replace(tzinfo=None)) <= timezone.now():
        states.append(State.LOCKED)
    if not (_is_on(row, "enableimap") and _is_on(row, "enableimapsecured")):
        states.append(State.LOCKED)
    return State.worst(*states)


def _is_a_time(raw: str) -> bool:
    """Whether it is a time, and not MySQL's 0000-00-00 or the end of all days, which are never."""
    return bool(re.match(r"(?:19|20|21)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]) ", raw))


def _is_on(row: Row, name: str) -> bool:
    return _STATES.get(row.get(name, "1").strip().lower(), State.OFF) is State.OPEN


def _alias(place: str, row: Row) -> Found | None:
    address = row.get("address", row.get("source", ""))
    if not _is_on(row, "active") or not _is_on(row, "enabled"):
        return LeftOut(place, address, "an alias that is switched off")
    if "goto" not in row and "destination" not in row:
        return MailList(place, address, row.get("name", ""))  # iRedMail's
    return _redirection(place, address, row.get("goto", row.get("destination", "")))


def _forwarding(place: str, row: Row) -> Found | None:
    if not _is_on(row, "active"):
        return None
    return _redirection(place, row.get("address", ""), row.get("forwarding", ""))


def _redirection(place: str, address: str, targets: str) -> Found | None:
    several = (target.strip() for target in targets.split(","))
    kept = tuple(each for each in several if each and not any(end in each for end in _NOWHERE))
    return Redirection(place, address, kept) if kept else None


_READERS: dict[str, Callable[[str, Row], Found | None]] = {
    "mailbox": _mailbox,
    "virtual_users": _mailbox,
    "core_user": _user_of_modoboa,
    "alias": _alias,
    "virtual_aliases": _alias,
    "forwardings": _forwarding,
    "maillists": lambda place, row: MailList(place, row.get("address", ""), row.get("name", "")),
}
_OF_MAILBOXES = ("mailbox", "virtual_users", "core_user")
TABLES = (*_READERS, "admin_alias", "admin_aliasrecipient")
