"""Read the mailboxes of another mail system: LDIF, passwd and shadow files, or a dump of its SQL.

Each reader gives what it finds (`accounts.loading.mailbox`), in the file's own spelling, and a
`MailboxFault` for what it cannot read. No reason repeats the file: what stands in the wrong place
may be a password. docs/dependencies.md says which libraries were tried instead.
"""

import base64
import binascii
import codecs
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from django.utils import timezone

from accounts.loading.directory_entries import ATTRIBUTES, read_entry
from accounts.loading.directory_states import STATE_ATTRIBUTES, of_old_password
from accounts.loading.mailbox import (
    Found,
    LeftOut,
    Mailbox,
    MailboxFault,
    Notice,
    State,
    unlocked,
)
from accounts.loading.mailbox_dumps import sql
from accounts.spreadsheets import eight_bits

_READ = {*ATTRIBUTES, "userpassword", "changetype"}  # of LDIF
# What `zmprov -l gaa -v` and `gadl -v` write before each: no LDIF, but values in lines like it.
_OF_ZMPROV = re.compile(r"# (name|distributionList|calendarResource) (\S+@\S+).*")
# These count wherever they stand: who is closed must not come back by a line in the wrong place.
_ANYWHERE = {*STATE_ATTRIBUTES, "objectclass"}
_FORGEABLE = (
    'Written by zmprov: %s entries begin with "# name". What somebody wrote, such as a signature,'
    " can look like one: compare that number with zmprov -l gaa | wc -l, or export by ldapsearch."
)
_NO_UTF_8 = re.compile("[\udc80-\udcff]")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9;-]*:")
_NOLOGIN = re.compile(r"(?:^|\s)(?:user_|userdb_)?nologin(?:=[^\s]*)?(?:\s|$)")
_AGES = re.compile(r"-?\d*")  # of passwords, in a shadow file
_SHADOW_FIELDS = 9
# Accounts of Unix, in the files where they stand beside people's.
_UNIX_NAMES = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats"
    " nobody _apt vmail postfix dovecot dovenull sshd mysql postgres"
)
_UNIX = frozenset(_UNIX_NAMES.split())
_IN_SHADOW = "x"  # stands for the hash where that is in another file

Reader = Callable[[Iterable[str]], Iterator[Found]]


@contextmanager
def open_text(path: Path) -> Iterator[Iterator[str]]:
    """Open a file in UTF-8, or in UTF-16 where its first bytes say so, and give its lines.

    Lines that are not in it are read as Windows-1258 or TCVN3, where that makes Vietnamese of them.
    Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(4)
    encoding = "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif start[1:2] == b"\0":
        encoding = "utf-16-le"
    elif start[:1] == b"\0":
        encoding = "utf-16-be"
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    with path.open(encoding=encoding, errors=errors, newline="\n") as file:
        yield map(_in_unicode, file)


def _in_unicode(line: str) -> str:
    if line.isascii() or not _NO_UTF_8.search(line):
        return line
    raw = line.encode("utf-8", "surrogateescape")
    return eight_bits.decoded(raw)[0] or raw.decode("utf-8", "replace")


def ldif(lines: Iterable[str]) -> Iterator[Found]:
    """Read RFC 2849, or what zmprov writes: every entry with an address."""
    named = 0
    for place, entry, kind in _entries(_unfolded(lines)):
        named += kind == "name"
        try:
            dn, values = _values(entry)
        except ValueError as error:
            yield MailboxFault(place, str(error))
            continue
        if values.get("changetype", ("add",))[0].lower() != "add":
            yield MailboxFault(place, "is a change, not an entry")
        elif found := read_entry(place, dn, values):
            yield found
    if named:
        yield Notice(_FORGEABLE % named)


def passwd(lines: Iterable[str]) -> Iterator[Found]:
    """Read `user:password:uid:gid:name:home:shell:extra`, a shadow file, or `user|password`.

    All but the first two fields may be missing.
    """
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield _of_unix(f"line {number}", line)


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


def _entries(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, list[str], str]]:
    """Give where each entry begins, its lines, and of zmprov's the kind."""
    begun, entry, header = 0, list[str](), list[str]()
    reached = ""  # of zmprov's names of attributes, which it writes in their order
    for number, line in chain(lines, [(0, "")]):
        begins = _OF_ZMPROV.fullmatch(line)
        is_next = not header and (not line or line.lower().startswith("dn:"))
        if begins or is_next or not number:
            if entry:
                # The address in its header is in no doubt, whatever stands below it.
                known = [f"mail: {header[1]}"] if header else []
                yield f"line {begun}", [*known, *entry], header[0] if header else ""
            begun, entry, reached = 0, [], ""
        header = list(begins.groups()) if begins else header
        if not line or line.startswith(("#", "version:")):
            continue
        begun = begun or number
        if header:
            # What people write of themselves may be several lines, like attributes or not.
            name = line.partition(":")[0]
            is_read = _ATTRIBUTE.match(line) and name.lower() in _READ
            is_in_order = name >= reached or name.lower() in _ANYWHERE
            if is_read or name.startswith("zimbra"):
                reached = max(reached, name)
            if not (is_read and is_in_order):
                continue
        entry.append(line)


def _values(entry: list[str]) -> tuple[str, dict[str, tuple[str, ...]]]:
    values = defaultdict[str, list[str]](list)
    for line in entry:
        name, value = _attribute(line)
        if name:
            values[name].append(value)
    dn = values.pop("dn", [""])[0]
    return dn, {name: tuple(several) for name, several in values.items()}


def _attribute(line: str) -> tuple[str, str]:
    """Give a name in small letters and its value; "" for what is not read."""
    name, colon, value = line.partition(":")
    name = name.partition(";")[0].lower()
    if not colon:
        raise ValueError("has a line without a colon")
    if name not in _READ and name != "dn":
        return "", ""
    if value.startswith("<"):
        raise ValueError("refers to another file")
    if not value.startswith(":"):
        return name, value.strip(" ")
    return name, _from_base64(value[1:].strip())


def _from_base64(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
        return raw.decode()
    except UnicodeDecodeError:
        if text := eight_bits.decoded(raw)[0]:
            return text
    except binascii.Error:
        pass
    raise ValueError("has a value that is not text in base64")


def _of_unix(place: str, line: str) -> Found:
    user, password, state, rest = line, "", State.OPEN, list[str]()
    if "|" in line.partition(":")[0]:
        # docker-mailserver's postfix-accounts.cf
        user, password, *_ = line.split("|")
    elif ":" in line:
        user, password, *rest = line.split(":")
    else:
        return MailboxFault(place, "has no colon")
    hashed, state = unlocked(password)
    if "@" not in user and (user in _UNIX or (state is State.OFF and not hashed)):
        return LeftOut(place, user, "an account of the system, or one that has no password")
    if password == _IN_SHADOW:
        return MailboxFault(place, "has its password in the shadow file: import that one", user)
    kept = (hashed,) if hashed else ()
    if len(rest) == _SHADOW_FIELDS - 2 and all(map(_AGES.fullmatch, rest)):
        return _of_shadow(place, user, kept, state, rest)
    _, _, name, _, _, extra = (*":".join(rest).split(":", 5), *[""] * 6)[:6]
    off = State.OFF if _NOLOGIN.search(extra) else State.OPEN
    name = name.partition(",")[0]
    return Mailbox(place, user, kept, name, state=State.worst(state, off))


def _of_shadow(
    place: str, user: str, hashes: tuple[str, ...], state: State, ages: list[str]
) -> Mailbox:
    changed, _, longest, _, inactive, expires, _ = ages
    now = timezone.now()
    too_old, must_change = of_old_password(changed, longest, inactive, at=now)
    today = (now - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).days
    over = State.LOCKED if expires.isdecimal() and int(expires) <= today else State.OPEN
    state = State.worst(state, over, too_old)
    return Mailbox(place, user, hashes, state=state, must_change=must_change or changed == "0")
