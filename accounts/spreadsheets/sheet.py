"""What a table from outside is read into: its heading, its rows, and what is wrong with each."""

import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

MOST_ROWS = 60_000
MOST_COLUMNS = 30
LONGEST_CELL = 1000  # characters
SEARCHED = 50  # first lines, among which the heading is looked for

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

IsHeading = Callable[[Sequence[str]], bool]


class Unreadable(ValueError):
    """Say, in a sentence for IT, why nothing of a file can be used."""


@dataclass(frozen=True)
class SheetRow:
    """A line of a table under the number that a spreadsheet shows.

    `fault` says what is wrong with all of it, `broken` what is with a cell, by its place.
    """

    number: int
    cells: tuple[str, ...]
    fault: str = ""
    broken: Mapping[int, str] = field(default_factory=dict)
    hidden: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table, and what who loads it is to know: how it was read, and what was not."""

    header: tuple[str, ...]
    rows: list[SheetRow]
    heading: int = 1  # the number of the line in which it stands
    notices: tuple[str, ...] = ()
    name: str = ""
    is_hidden: bool = False
    others: tuple[str, ...] = ()  # sheets of the same file that hold such a table, too


def table_of(
    lines: Iterable[SheetRow], is_heading: IsHeading, *, cells_may_shift: bool = False
) -> Sheet:
    """Make a table of lines: those above its heading are left out, and said to be.

    `cells_may_shift` is for text files, where a separator too many moves what stands behind it.
    """
    filled = _at_most([line for line in lines if any(line.cells)])
    if not filled:
        raise Unreadable(_("Tệp rỗng: hãy chọn tệp khác."))
    place = _place_of_heading(filled, is_heading)
    if not cells_may_shift:
        filled = _of_one_width(filled, place)
    header = _trimmed(filled[place].cells) if cells_may_shift else filled[place].cells
    if len(header) > MOST_COLUMNS:
        raise Unreadable(
            _("Tệp có hơn %(count)s cột: hãy xóa các cột thừa.") % {"count": MOST_COLUMNS}
        )
    rows, notices = _below(filled, place)
    # A heading is printed again at the top of each page.
    named = _trimmed(header)
    rows = [row for row in rows if row.cells[: len(named)] != named]
    if len(rows) > MOST_ROWS:
        raise too_many_rows()
    if not rows:
        raise Unreadable(_("Tệp chỉ có dòng tiêu đề, không có tài khoản nào: hãy chọn tệp khác."))
    rows = [_judged(row, len(header)) for row in _filled_up(rows, len(header))]
    return Sheet(header, rows, filled[place].number, tuple(notices))


def has_heading(lines: Iterable[SheetRow], is_heading: IsHeading) -> bool:
    """Say whether a heading is among the first lines."""
    filled = [line for line in lines if any(line.cells)]
    return any(is_heading(line.cells) for line in filled[:SEARCHED])


def clean(text: str) -> str:
    """Bring one spelling into what was typed; spaces and line breaks within a cell become one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def invisible(cell: str) -> str:
    """Give the first character of a cell that nobody sees, or ""."""
    if cell.isascii() and cell.isprintable():
        return ""
    return next((sign for sign in cell if unicodedata.category(sign) in _INVISIBLE), "")


def letter_of(place: int) -> str:
    """Give the letter of a column, A for the first."""
    letters = string.ascii_uppercase
    before, last = divmod(place, len(letters))
    return (letters[before - 1] if before else "") + letters[last]


def _at_most(lines: list[SheetRow]) -> list[SheetRow]:
    if len(lines) > MOST_ROWS + SEARCHED:
        raise too_many_rows()
    return lines


def too_many_rows() -> Unreadable:
    return Unreadable(
        _("Tệp có hơn %(count)s dòng: hãy chia thành nhiều tệp.") % {"count": MOST_ROWS}
    )


def _of_one_width(lines: list[SheetRow], heading: int) -> list[SheetRow]:
    """Make all lines as wide as the widest from the heading on."""
    width = max(len(_trimmed(line.cells)) for line in lines[heading:])
    return [
        line
        if len(line.cells) == width
        else replace(line, cells=_widened(line.cells[:width], width))
        for line in lines
    ]


def _below(lines: list[SheetRow], heading: int) -> tuple[list[SheetRow], list[str]]:
    """Give the lines below the heading, and say which others were left out."""
    rows, notices = lines[heading + 1 :], []
    if heading:
        words = {"count": heading, "row": lines[heading].number}
        notices += [_("Bỏ qua %(count)s dòng phía trên dòng tiêu đề (dòng %(row)s).") % words]
    if rows and _numbers_the_columns(rows[0]):
        notices += [_("Bỏ qua dòng %(row)s: số thứ tự của các cột.") % {"row": rows[0].number}]
        rows = rows[1:]
    return rows, notices


def _place_of_heading(lines: list[SheetRow], is_heading: IsHeading) -> int:
    """Find the heading, or its last line where it has several; else the first line is taken."""
    places = [place for place, line in enumerate(lines[:SEARCHED]) if is_heading(line.cells)]
    if not places:
        return 0
    place = places[0]
    while place + 1 in places:
        place += 1
    return place


def _numbers_the_columns(row: SheetRow) -> bool:
    """Whether the row says (1), (2), (3) below the heading: "2" would be read as an address."""
    filled = [cell.strip("()[] ") for cell in row.cells if cell]
    numbers = [int(cell) for cell in filled if cell.isdecimal() and len(cell) < 3]
    return len(numbers) == len(filled) > 1 and numbers == list(
        range(numbers[0], numbers[0] + len(numbers))
    )


def _filled_up(rows: list[SheetRow], width: int) -> list[SheetRow]:
    """Give short rows their empty cells, where one beside them is as short.

    Excel leaves out the last separators of many rows together; a file that is cut has one such row.
    """
    widths = [0, *(len(row.cells) for row in rows), 0]
    return [
        replace(row, cells=_widened(row.cells, width))
        if width > len(row.cells) in (widths[place], widths[place + 2])
        else row
        for place, row in enumerate(rows)
    ]


def _judged(row: SheetRow, width: int) -> SheetRow:
    if len(row.cells) == width and max(map(len, row.cells)) <= LONGEST_CELL:
        return row
    fault = row.fault
    if any(row.cells[width:]):
        fault = _("Dòng có nhiều ô hơn dòng tiêu đề: hãy xóa ô thừa.")
    elif len(row.cells) < width:
        fault = _("Dòng có ít ô hơn dòng tiêu đề: có thể tệp bị cắt giữa chừng.")
    long = _("Ô dài quá %(count)s ký tự: hãy viết ngắn hơn.") % {"count": LONGEST_CELL}
    broken = {place: long for place, cell in enumerate(row.cells) if len(cell) > LONGEST_CELL}
    # What is wrong may be long: it is not carried on.
    cells = tuple(cell[:LONGEST_CELL] for cell in row.cells[:width])
    return replace(row, cells=cells, fault=fault, broken={**broken, **row.broken})


def _widened(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return (*cells, *[""] * (width - len(cells)))


def _trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    """Leave out the empty cells at the end."""
    width = max((place for place, cell in enumerate(cells, 1) if cell), default=0)
    return tuple(cells[:width])
