"""Read the mailboxes of another mail system: LDIF, a Dovecot passwd-file, or a dump of its SQL.

Each reader gives a `Mailbox` for each that it finds, in the file's own spelling, and a
`MailboxFault` for what it cannot read. No reason repeats the file: what stands in the wrong place
may be a password. docs/dependencies.md says which libraries were tried instead.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

TABLES = ("mailbox", "virtual_users")  # PostfixAdmin's, and that of most tutorials

_ADDRESS_COLUMNS = ("username", "email")
_ATTRIBUTES = ("mail", "userpassword", "displayname", "cn", "mobile", "changetype")  # of LDIF
_ON = ("1", "t", "true", "y", "yes")


@dataclass(frozen=True)
class Mailbox:
    """One mailbox, in the other system's spelling; "" for what is not told."""

    place: str
    address: str
    password: str = field(default="", repr=False)
    full_name: str = ""
    phone: str = field(default="", repr=False)
    is_active: bool = True


@dataclass(frozen=True)
class MailboxFault:
    """A place in the file that cannot be taken over, and why."""

    place: str
    reason: str


Reader = Callable[[Iterable[str]], Iterator[Mailbox | MailboxFault]]


def ldif(lines: Iterable[str]) -> Iterator[Mailbox | MailboxFault]:
    """Read RFC 2849: every entry with a `mail`. Others (units, services) are no mailboxes."""
    for place, entry in _entries(_unfolded(lines)):
        try:
            values = dict(reversed([_attribute(line) for line in entry]))
        except ValueError as error:
            yield MailboxFault(place, str(error))
            continue
        if values.get("changetype", "add") != "add":
            yield MailboxFault(place, "is a change, not an entry")
        elif values.get("mail"):
            yield Mailbox(
                place,
                values["mail"],
                values.get("userpassword", ""),
                values.get("displayname") or values.get("cn", ""),
                values.get("mobile", ""),
            )


def passwd(lines: Iterable[str]) -> Iterator[Mailbox | MailboxFault]:
    """Read `user:password:uid:gid:name:home:shell:extra`; all but the first two may be missing."""
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        user, *others = line.split(":", 7)
        password, _, _, name, _, _, extra = (*others, *[""] * 7)[:7]
        if not others:
            yield MailboxFault(f"line {number}", "has no colon")
            continue
        closed = re.search(r"(?:^|\s)(?:user_)?nologin(?:=[^\s]*)?(?:\s|$)", extra)
        yield Mailbox(
            f"line {number}", user, password, name.partition(",")[0], is_active=not closed
        )


def sql(lines: Iterable[str]) -> Iterator[Mailbox | MailboxFault]:
    """Read what pg_dump (COPY, INSERT) or mysqldump wrote of one of TABLES."""
    columns: dict[str, list[str]] = {}  # of tables whose INSERTs do not repeat them
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        if opened := _CREATE.match(line):
            columns[opened["table"].lower()] = _created(numbered)
        elif copied := _COPY.match(line):
            yield from _copied(_names(copied["columns"]), numbered)
        elif inserted := _INSERT.match(line):
            statement = _statement(line[inserted.end() :], numbered)
            known = columns.get(inserted["table"].lower(), [])
            names = _names(inserted["columns"]) if inserted["columns"] else known
            yield from _inserted(names, statement, number)


FORMATS: dict[str, Reader] = {"ldif": ldif, "passwd": passwd, "sql": sql}


def _unfolded(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Join what LDIF has broken over several lines; give where each begins."""
    begun, kept = 0, ""
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n")
        if line.startswith(" ") and begun:
            kept += line[1:]
            continue
        if begun:
            yield begun, kept
        begun, kept = number, line
    if begun:
        yield begun, kept


def _entries(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, list[str]]]:
    begun, entry = 0, []
    for number, line in chain(lines, [(0, "")]):
        if line.startswith(("#", "version:")):
            continue
        if line:
            begun = begun or number
            entry.append(line)
        elif entry:
            yield f"line {begun}", entry
            begun, entry = 0, []


def _attribute(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.partition(";")[0].lower()
    if not colon:
        raise ValueError("has a line without a colon")
    if value.startswith("<"):
        if name in _ATTRIBUTES:
            raise ValueError("refers to another file")
        return name, ""
    if not value.startswith(":"):
        return name, value.strip(" ")
    try:
        return name, base64.b64decode(value[1:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        if name in _ATTRIBUTES:
            raise ValueError("has a value that is not text in base64") from None
        return name, ""


_TABLE = r'(?:[`"]?\w+[`"]?\.)?[`"]?(?P<table>' + "|".join(TABLES) + r')[`"]?'
_CREATE = re.compile(rf"CREATE TABLE (?:IF NOT EXISTS )?{_TABLE}\s*\(\s*$", re.IGNORECASE)
_COPY = re.compile(rf"COPY {_TABLE} \((?P<columns>[^)]*)\) FROM stdin", re.IGNORECASE)
_INSERT = re.compile(
    rf"(?:INSERT|REPLACE)(?: IGNORE)? INTO {_TABLE}\s*(?:\((?P<columns>[^)]*)\))?\s*VALUES\s*",
    re.IGNORECASE,
)
_COLUMN = re.compile(r'\s+[`"]?(?P<name>\w+)[`"]?\s+\w')
_NO_COLUMN = ("PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "FOREIGN", "CHECK", "FULLTEXT")
_VALUE = re.compile(
    r"\s*(?:_\w+\s+)?(?:[EN]?'(?P<text>(?:[^'\\]|\\.|'')*)'|b'(?P<bits>[01]+)'"
    r"|(?:0x|x')(?P<bytes>(?:[0-9a-f]{2})+)'?|(?P<bare>[^\s,()']+))"
    r"(?:::[\w ]+)?\s*(?P<end>[,)])",
    re.DOTALL | re.IGNORECASE,
)
_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_ROW = re.compile(r"\s*,?\s*\(")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "b": "\b"}


def _names(columns: str) -> list[str]:
    return [name.strip(' `"').lower() for name in columns.split(",")]


def _created(lines: Iterator[tuple[int, str]]) -> list[str]:
    names = []
    for _, line in lines:
        column = _COLUMN.match(line)
        if line.startswith(")") or not column:
            break
        if column["name"].upper() not in _NO_COLUMN:
            names.append(column["name"].lower())
    return names


def _copied(names: list[str], lines: Iterator[tuple[int, str]]) -> Iterator[Mailbox | MailboxFault]:
    for number, line in lines:
        row = line.rstrip("\r\n")
        if row == "\\.":
            return
        values = ["" if value == "\\N" else _plain(value) for value in row.split("\t")]
        yield _mailbox(f"line {number}", names, values)


def _statement(begun: str, lines: Iterator[tuple[int, str]]) -> str:
    """Join the lines of a statement: up to a semicolon at the end of one, outside of any text."""
    parts: list[str] = []
    text = ""  # that goes on in the next line
    for line in chain([begun], (line for _, line in lines)):
        parts.append(line)
        _, quote, rest = _TEXT.sub("", text + line).partition("'")
        text = quote + rest
        if not text and line.rstrip().endswith(";"):
            break
    return "".join(parts)


def _inserted(names: list[str], statement: str, number: int) -> Iterator[Mailbox | MailboxFault]:
    for row, values in enumerate(_rows(statement), 1):
        place = f"line {number}, row {row}"
        if values is None:
            yield MailboxFault(place, "cannot be read from here on")
        else:
            yield _mailbox(place, names, values)


def _rows(statement: str) -> Iterator[list[str] | None]:
    """Give the values of each row in brackets; None for one that is none, and then nothing more."""
    at = 0
    while begun := _ROW.match(statement, at):
        at = begun.end()
        row: list[str] = []
        while value := _VALUE.match(statement, at):
            at = value.end()
            row.append(_sql_text(value))
            if value["end"] == ")":
                break
        else:
            yield None
            return
        yield row
    if statement[at:].strip() not in ("", ";"):
        yield None


def _sql_text(value: re.Match[str]) -> str:
    if value["text"] is not None:
        return "'".join(map(_plain, value["text"].split("''")))
    if value["bits"]:
        return str(int(value["bits"], 2))
    if value["bytes"]:
        content = bytes.fromhex(value["bytes"])
        # mysqldump --hex-blob writes a BIT(1) so, too.
        return str(content[0]) if content in (b"\0", b"\1") else content.decode(errors="replace")
    return "" if value["bare"].upper() == "NULL" else str(value["bare"])


def _plain(escaped: str) -> str:
    return _ESCAPED.sub(lambda sign: _SIGNS.get(sign[1], sign[1]), escaped)


def _mailbox(place: str, names: list[str], values: list[str]) -> Mailbox | MailboxFault:
    if len(values) != len(names):
        return MailboxFault(place, f"has {len(values)} values for {len(names)} columns")
    row = dict(zip(names, values, strict=True))
    address = next((row[name] for name in _ADDRESS_COLUMNS if name in row), None)
    if address is None or "password" not in row:
        return MailboxFault(place, "has no column for the address or for the password")
    return Mailbox(
        place,
        address,
        row["password"],
        row.get("name", ""),
        row.get("phone", ""),
        row.get("active", "1").lower() in _ON,
    )
