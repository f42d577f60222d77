"""Passwords that have leaked somewhere: found in a file of hashes, which lies on this machine.

The file is the one that the downloader of Pwned Passwords writes: a line a password, in order, the
SHA-1 in capitals, a colon, and how often it was seen. Nothing is asked of any network.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_DIGEST = 40  # characters
_LONGEST_LINE = 64
_LINE = re.compile(rb"[0-9A-F]{40}:[0-9]{1,12}\r?\n?")


class Unreadable(ValueError):
    """The file is not such a list; the message says why."""


def is_breached(password: str, file: Path) -> bool:
    """Whether the list holds the password. Some thirty lines of it are read, however long it is."""
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with file.open("rb", buffering=_LONGEST_LINE) as lines:
        low, high = 0, os.fstat(lines.fileno()).st_size
        # The line wanted, if it is there, begins in [low, high).
        while low < high:
            middle = (low + high) // 2
            start, line = _line_from(lines, middle)
            if not line or line[:_DIGEST] >= wanted:
                if line[:_DIGEST] == wanted:
                    return True
                high = middle
            else:
                low = start + len(line)
    return False


def check(file: Path) -> None:
    """Look at the list's beginning and end. Raises OSError or `Unreadable`."""
    with file.open("rb") as lines:
        first = lines.readline(_LONGEST_LINE)
        lines.seek(max(os.fstat(lines.fileno()).st_size - 2 * _LONGEST_LINE, 0))
        last = lines.read().splitlines()[-1:] or [b""]
    if not (_LINE.fullmatch(first) and _LINE.fullmatch(last[0])):
        raise Unreadable("its lines are not a SHA-1 in capitals, a colon and a number")
    if first[:_DIGEST] > last[0][:_DIGEST]:
        raise Unreadable("it is not ordered by hash")


def often_seen(lines: Iterable[bytes], *, least: int) -> Iterator[bytes]:
    """Keep the lines of passwords that were seen so often. Raises `Unreadable`, as for none."""
    before, is_empty = b"", True
    for number, line in enumerate(lines, 1):
        if not _LINE.fullmatch(line) or line[:_DIGEST] <= before:
            raise Unreadable(f"line {number} is not of such a list, or not in its order")
        before = line[:_DIGEST]
        if int(line[_DIGEST + 1 :]) >= least:
            is_empty = False
            yield line.rstrip() + b"\n"
    if is_empty:
        raise Unreadable("no password in it was seen so often")


def _line_from(lines: BinaryIO, at: int) -> tuple[int, bytes]:
    """Read the first line that begins at `at` or behind it, and say where it begins."""
    if at:
        lines.seek(at - 1)
        at += len(lines.readline()) - 1
    else:
        lines.seek(0)
    return at, lines.readline()
