"""The rows of some tables of a dump: what pg_dump, mysqldump, phpMyAdmin and others write.

It reads CREATE TABLE for the names of the columns, INSERT or REPLACE, and COPY. It knows no table.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    place: str
    table: str
    values: dict[str, str] = field(repr=False)  # NULL is ""


@dataclass(frozen=True)
class BadRow:
    place: str
    table: str
    reason: str


Numbered = Iterator[tuple[int, str]]

_NAME = r'(?:[`"\[]?\w+[`"\]]?\.)*[`"\[]?(?P<table>\w+)[`"\]]?'
_CREATE = re.compile(rf"CREATE TABLE (?:IF NOT EXISTS )?{_NAME}\s*\(", re.IGNORECASE)
_COPY = re.compile(rf"COPY {_NAME} \((?P<columns>[^)]*)\) FROM stdin", re.IGNORECASE)
_INSERT = re.compile(
    r"(?:INSERT|REPLACE)(?: LOW_PRIORITY| DELAYED| IGNORE)* INTO "
    rf"{_NAME}\s*(?:\((?P<columns>[^)]*)\))?\s*(?:OVERRIDING \w+ VALUE\s*)?VALUES\s*",
    re.IGNORECASE,
)
_NO_COLUMN = (
    *("PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "FOREIGN", "CHECK", "FULLTEXT", "SPATIAL"),
    *("EXCLUDE", "LIKE"),
)
# How a text or comment ends that is still open at the end of a line.
_ENDS = {
    "\\": re.compile(r"[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'", re.DOTALL),
    "'": re.compile(r"[^']*+(?:''[^']*+)*+'"),
    '"': re.compile(r'[^"]*+(?:""[^"]*+)*+"'),
    "`": re.compile(r"[^`]*+`"),
    "/": re.compile(r".*?\*/", re.DOTALL),
}
# Escapes by a backslash are MySQL's, and PostgreSQL's only after E.
_PLAIN_TEXT = re.compile(r"standard_conforming_strings = on|^-- PostgreSQL|^PRAGMA ")
_MYSQL = r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_STANDARD = rf"(?:\bE{_MYSQL}|'[^']*+(?:''[^']*+)*+')"
_QUOTED = r'"[^"]*+(?:""[^"]*+)*+"|`[^`]*+`|/\*.*?\*/|(?<!\S)--\s[^\n]*'


def _pieces(text: str) -> re.Pattern[str]:
    """Find what a statement may hold that hides a semicolon; semicolons; what is not closed."""
    return re.compile(rf"{text}|{_QUOTED}|(?P<end>;)|(?P<open>(?:\bE)?'|[\"`]|/\*).*", re.DOTALL)


_PIECES = {False: _pieces(_MYSQL), True: _pieces(_STANDARD)}
_VALUE = re.compile(
    r"\s*(?:_\w+\s*(?=[bxn]?'|0x))?(?:(?P<kind>[ENBX])?'(?P<text>(?:[^'\\]|\\.|'')*)'"
    r"|\"(?P<double>(?:[^\"\\]|\\.|\"\")*)\""
    r"|0x(?P<bytes>(?:[0-9a-f]{2})+)|(?P<bare>[^\s,()'\":]+(?:\([^()]*\))?))"
    r"(?:::[\w \".]+(?:\(\d+\))?)?\s*(?P<end>[,)])",
    re.DOTALL | re.IGNORECASE,
)
_STANDARD_VALUE = re.compile(
    _VALUE.pattern.replace(
        r"(?P<kind>[ENBX])?'(?P<text>(?:[^'\\]|\\.|'')*)'",
        r"(?:(?P<kind>E)'(?P<text>(?:[^'\\]|\\.|'')*)'|(?P<kind2>[NBX])?'(?P<text2>(?:[^']|'')*)')",
    ),
    re.DOTALL | re.IGNORECASE,
)
_ROW = re.compile(r"\s*,?\s*\(")
_BEFORE = re.compile(r"(?:\s*(?:/\*.*?\*/|--\s[^\n]*))*\s*", re.DOTALL)  # comments
_NOTHING_MORE = re.compile(r"\s*(?:ON (?:CONFLICT|DUPLICATE KEY)\b.*)?", re.DOTALL | re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "b": "\b"}


def rows(lines: Iterable[str], tables: Collection[str]) -> Iterator[Row | BadRow]:
    """Give each row of the tables, in the order of the dump."""
    columns: dict[str, list[str]] = {}  # of tables whose INSERTs do not repeat them
    numbered = iter(enumerate(lines, 1))
    for number, statement, is_standard in _statements(numbered):
        if statement is None:
            yield BadRow(
                f"line {number}", "", "has a text or a comment that never ends: it may begin before"
            )
        elif opened := _CREATE.match(statement):
            columns[opened["table"].lower()] = _created(statement[opened.end() :])
        elif copied := _COPY.match(statement):
            yield from _copied(copied["table"].lower(), _names(copied["columns"]), numbered, tables)
        elif inserted := _INSERT.match(statement):
            table = inserted["table"].lower()
            if table in tables:
                known = columns.get(table, [])
                names = _names(inserted["columns"]) if inserted["columns"] else known
                found = _rows(statement, inserted.end(), _STANDARD_VALUE if is_standard else _VALUE)
                yield from _inserted(table, names, found, number)


def _statements(lines: Numbered) -> Iterator[tuple[int, str | None, bool]]:
    """Give each statement with where it begins: up to a semicolon outside of any text.

    At the end, None for a text that is still open, with where that begins: no line is looked at
    twice, however long it is.
    """
    parts: list[str] = []
    begun, opened, is_standard = 0, 0, False
    ends: re.Pattern[str] | None = None
    for number, line in lines:
        at = 0
        if ends:
            ended = ends.match(line)
            at = ended.end() if ended else len(line)
            ends = None if ended else ends
        else:
            is_standard = is_standard or bool(_PLAIN_TEXT.search(line))
            if line.lstrip().startswith(("--", "#")):
                continue
        start = 0
        for piece in _PIECES[is_standard].finditer(line, at):
            begun = begun or number
            if piece["open"]:
                ends, opened = _end_of(piece["open"], is_standard=is_standard), number
            elif piece["end"]:
                parts.append(line[start : piece.start()])
                yield begun, _without_comments("".join(parts)), is_standard
                begun, parts, start = 0, [], piece.end()
        parts.append(line[start:])
        begun = begun or (number if line[start:].strip() else 0)
    yield begun, _without_comments("".join(parts)), is_standard
    if ends:
        yield opened, None, is_standard


def _end_of(opening: str, *, is_standard: bool) -> re.Pattern[str]:
    if opening[-1] == "'" and (opening[0] == "E" or not is_standard):
        return _ENDS["\\"]
    return _ENDS[opening[0]]


def _without_comments(statement: str) -> str:
    return _BEFORE.sub("", statement, count=1)


def _names(columns: str) -> list[str]:
    return [name.strip(' `"[]\r\n\t').lower() for name in columns.split(",")]


def _created(body: str) -> list[str]:
    """Name the columns of CREATE TABLE: what stands between its commas, outside of brackets."""
    names, depth, at_start = [], 0, True
    for word in re.finditer(rf"{_MYSQL}|{_QUOTED}|\w+|[(),]", body):
        if word[0] == ")" and not depth:
            break
        depth += {"(": 1, ")": -1}.get(word[0], 0)
        if at_start and word[0].strip('`"').upper() not in _NO_COLUMN:
            names.append(word[0].strip('`"').lower())
        at_start = word[0] == "," and not depth
    return names


def _copied(
    table: str, names: list[str], lines: Numbered, tables: Collection[str]
) -> Iterator[Row | BadRow]:
    for number, line in lines:
        row = line.rstrip("\r\n")
        if row == "\\.":
            return
        if table in tables and row:
            values = ["" if value == "\\N" else _plain(value) for value in row.split("\t")]
            yield _named(f"line {number}", table, names, values)


def _inserted(
    table: str, names: list[str], found: Iterator[list[str] | None], number: int
) -> Iterator[Row | BadRow]:
    for row, values in enumerate(found, 1):
        place = f"line {number}, row {row}"
        if values is None:
            yield BadRow(place, table, "cannot be read from here on")
        else:
            yield _named(place, table, names, values)


def _rows(statement: str, at: int, pattern: re.Pattern[str]) -> Iterator[list[str] | None]:
    """Give the values of each row in brackets; None for one that is none, and then nothing more."""
    while begun := _ROW.match(statement, at):
        at = begun.end()
        row: list[str] = []
        while value := pattern.match(statement, at):
            at = value.end()
            row.append(_text_of(value.groupdict()))
            if value["end"] == ")":
                break
        else:
            yield None
            return
        yield row
    if not _NOTHING_MORE.fullmatch(statement, at):
        yield None


def _text_of(value: dict[str, str | None]) -> str:
    if (standard := value.get("text2")) is not None:
        kind, text = (value.get("kind2") or "").upper(), standard.replace("''", "'")
    else:
        kind, quoted = (value["kind"] or "").upper(), value["text"]
        text = "'".join(map(_plain, quoted.split("''"))) if quoted is not None else ""
        if quoted is None and (double := value["double"]) is not None:
            return '"'.join(map(_plain, double.split('""')))
    if kind == "B":
        return str(int(text, 2)) if re.fullmatch("[01]+", text) else text
    if kind == "X" or value["bytes"]:
        return _text_of_bytes(value["bytes"] or text)
    if value["bare"]:
        return "" if value["bare"].upper() == "NULL" else value["bare"]
    return text


def _text_of_bytes(digits: str) -> str:
    try:
        content = bytes.fromhex(digits)
    except ValueError:
        return digits
    # mysqldump --hex-blob writes a BIT(1) so, too.
    return str(content[0]) if content in (b"\0", b"\1") else content.decode(errors="replace")


def _plain(escaped: str) -> str:
    return _ESCAPED.sub(lambda sign: _SIGNS.get(sign[1], sign[1]), escaped)


def _named(place: str, table: str, names: list[str], values: list[str]) -> Row | BadRow:
    if not names:
        reason = "has no names of columns: export the table's CREATE as well, or full INSERTs"
        return BadRow(place, table, reason)
    if len(values) != len(names):
        return BadRow(place, table, f"has {len(values)} values for {len(names)} columns")
    return Row(place, table, dict(zip(names, values, strict=True)))
