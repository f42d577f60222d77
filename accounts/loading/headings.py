"""Find the columns of a table by its heading, in the words of offices and in our own names."""

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.folding import words
from accounts.loading.columns import COLUMNS, KEY, ONLY_EXPORTED
from accounts.spreadsheets.sheet import Unreadable, letter_of

FAMILY_NAME = "family_name"  # of a name in two columns, before the given one
CLEAR = "password"  # in clear: not taken

_NUMBERS_OF_ROWS = frozenset(
    ("", "stt", "so thu tu", "tt", "so tt", "no", "ghi chu", "note", "loi")
)
_FAMILY_NAMES = frozenset(
    (
        *("ho", "ho dem", "ho va dem", "ho lot", "ho va ten dem", "ho ten dem", "ho va chu dem"),
        *("ten dem", "chu lot", "family name", "last name", "surname", "middle name"),
    )
)
_GIVEN_NAMES = frozenset(("first name", "given name"))
_CLEAR = re.compile(r"(?:mat khau|matkhau|mk|password|pass|pwd|initial password)\b.*")
# Of another address or number than the official one.
_ANOTHER = re.compile(
    r"\b(?:rieng|khac|phu|cu|ca nhan|co dinh|de ban|nha rieng|so cuoi|du phong)\b"
)
# Words round a heading that say nothing more of its column.
_FILLERS = re.compile(
    r"\b(?:cua|bat buoc|neu co|cong vu|can bo|cong chuc|vien chuc|nguoi lao dong|cbccvc|cbcc|cccc"
    r"|nhan vien|nguoi dung|nguoi su dung|chu tai khoan|chu hop thu|da cap|duoc cap|moi|hien nay"
    r"|hien tai|required|nhan ma otp|nhan otp|nhan ma|nhan sms|dang ky|khai sinh|co quan cap)\b"
)


def read(header: Sequence[str]) -> list[str]:
    """Give our name for each column of a table, "" for one that is left out.

    Raises `Unreadable` for a column that stands twice, is missing, or has passwords in clear.
    """
    names = _names(header)
    for name, heading in zip(names, header, strict=True):
        if name == CLEAR:
            raise Unreadable(
                _("Không nhập mật khẩu dạng chữ: hãy bỏ cột “%(heading)s”.")
                % {"heading": heading[:50]}
            )
        if name in COLUMNS and names.count(name) > 1:
            raise Unreadable(
                _("Cột “%(name)s” có hai lần: hãy bỏ một cột.") % {"name": COLUMNS[name].label}
            )
    if KEY not in names:
        raise Unreadable(
            _("Dòng đầu phải là tên các cột, trong đó có “%(name)s”.")
            % {"name": COLUMNS[KEY].label}
        )
    return names


def are_headings(cells: Sequence[str]) -> bool:
    """Say whether a line is the heading of a table of accounts."""
    return KEY in _names(cells)


def left_out(header: Sequence[str], names: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Name the columns that are left out though something is in them."""
    return [
        f"“{heading[:50]}”" if heading else _("%(letter)s (không có tên)") % {"letter": letter}
        for place, (heading, name) in enumerate(zip(header, names, strict=True))
        if not name
        and " ".join(words(heading)) not in _NUMBERS_OF_ROWS - {""}
        and any(place < len(row) and row[place] for row in rows)
        for letter in [letter_of(place)]
    ]


def _names(header: Sequence[str]) -> list[str]:
    found = [_read(heading) for heading in header]
    sure = {name for name, is_sure in found if is_sure}
    # A vague heading means what it says only where no other says the same.
    names = [name if is_sure or name not in sure else "" for name, is_sure in found]
    if "full_name" in sure or "full_name" not in names:
        names = ["" if name == FAMILY_NAME else name for name in names]
    return names


def _read(heading: str) -> tuple[str, bool]:
    """Give the name of a heading's column, and whether it can mean nothing else."""
    if heading in ONLY_EXPORTED:
        return "", True
    whole = _plain(heading)
    if name := _KNOWN.get(whole):
        return name, whole not in _VAGUE
    if _CLEAR.fullmatch(whole):
        return CLEAR, True
    if _ANOTHER.search(whole):
        return "", True
    for reading in _readings(heading):
        if name := _KNOWN.get(reading):
            return name, reading not in _VAGUE
    return "", True


def _readings(heading: str) -> list[str]:
    """Read a heading without what stands in brackets, in front or behind; then by its parts."""
    outside = _plain(re.sub(r"\([^)]*\)|\[[^]]*\]", " ", heading))
    parts = [_plain(part) for part in re.split(r"[/|()\[\]–]| - ", heading) if _plain(part)]
    names = {_KNOWN.get(part) or _KNOWN.get(_bare(part)) for part in parts}
    first = parts[:1] if len(names) == 1 else []
    return [outside, _bare(outside), *first, *map(_bare, first)]


def _bare(plain: str) -> str:
    without_number = re.sub(r"^(?:\d+|[ivx]+) | \d+$", "", plain)
    return " ".join(_FILLERS.sub(" ", without_number).split())


def _plain(heading: str) -> str:
    # EmailAddress is two words, and ĐTDĐ is one.
    return " ".join(words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)))


_VAGUE = _GIVEN_NAMES.union(each for column in COLUMNS.values() for each in column.vague)
_KNOWN = {
    **{_plain(name): name for name in COLUMNS},
    **{_plain(column.label): name for name, column in COLUMNS.items()},
    **{each: name for name, column in COLUMNS.items() for each in column.others},
    **{each: name for name, column in COLUMNS.items() for each in column.vague},
    **dict.fromkeys(_FAMILY_NAMES, FAMILY_NAME),
    **dict.fromkeys(_GIVEN_NAMES, "full_name"),
}
