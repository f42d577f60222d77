"""Tables from outside: CSV and XLSX, read within bounds.

A file may come from anybody's office, and may be made to harm: whatever is in it, reading costs
bounded memory and ends in rows or in one sentence.
"""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.spreadsheets import delimited, workbooks
from accounts.spreadsheets.sheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    IsHeading,
    Sheet,
    SheetRow,
    Unreadable,
)

__all__ = [
    "LARGEST",
    "MOST_COLUMNS",
    "MOST_ROWS",
    "Sheet",
    "SheetRow",
    "Unreadable",
    "read",
    "too_large",
]

LARGEST = 20 * 1024 * 1024  # bytes of a file

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MARKUP = (b"<!doctype", b"<html", b"<table", b"<meta", b"<?xml")


def _unknown(cells: Sequence[str]) -> bool:
    """Know no heading: the first line that is not empty is taken for one."""
    return False


def read(content: bytes, is_heading: IsHeading = _unknown, *, sheet: str = "") -> Sheet:
    """Read a CSV or XLSX file, told apart by what is in it, or raise `Unreadable`.

    `is_heading` knows the line with which the table begins; `sheet` names one of a workbook.
    """
    if len(content) > LARGEST:
        raise too_large()
    if not content.strip():
        raise Unreadable(_("Tệp rỗng: hãy chọn tệp khác."))
    if content.startswith(_OLD_EXCEL):
        raise Unreadable(
            _("Đây là tệp Excel kiểu cũ (.xls) hoặc có mật khẩu: hãy lưu lại thành .xlsx hay CSV.")
        )
    if content.startswith(b"PK"):
        return workbooks.read(content, is_heading, name=sheet)
    if content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        raise Unreadable(
            _("Đây là trang web hoặc XML, không phải bảng tính: mở bằng Excel, lưu thành .xlsx.")
        )
    if sheet:
        raise Unreadable(_("Chỉ tệp XLSX có trang tính: tệp này là CSV."))
    return delimited.read(content, is_heading)


def too_large() -> Unreadable:
    """Say how large a file may be."""
    return Unreadable(_("Tệp lớn hơn %(size)s MB: hãy chia nhỏ.") % {"size": LARGEST // 1024**2})
