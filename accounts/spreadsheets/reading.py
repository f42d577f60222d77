"""Tables from outside: CSV and XLSX, read within bounds.

A file may come from anybody's office, and may be made to harm: whatever is in it, reading costs
bounded memory and ends in rows or in one sentence.
"""

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

LARGEST = 20 * 1024 * 1024  # bytes of a file
MOST_ROWS = 60_000
MOST_COLUMNS = 30
LONGEST_CELL = 1000  # characters

# Of an XLSX, which is a ZIP of XML that may unpack to a thousand times its size.
_UNPACKED = 64 * 1024 * 1024  # bytes, all parts that are read
_SMALL_PART = 1024 * 1024  # bytes of a part that is neither a sheet nor the table of texts
_STRETCH = 256 * 1024  # bytes from one row, or one text, to the next
_PARTS = 1000
_TYPES = "[Content_Types].xml"
_TEXTS = 10 * MOST_ROWS
_SPARE_ROWS = 1000  # that may stand empty among those that count
_EXCEL_ROWS = 1_048_576
_CHUNK = 64 * 1024

_ITEM = re.compile(rb"<(?:\w+:)?(?:row|si)[\s/>]")
# Entities may grow without end; a NUL means an encoding in which this could not see them.
_FORBIDDEN = re.compile(rb"<!(?:DOCTYPE|ENTITY)|\0")
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

# All that openpyxl and what is below it were seen to raise, or may, for a file that is not sound.
_FAULTS = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error),
)


class Unreadable(ValueError):
    """Say, in a sentence for IT, why nothing of a file can be used."""


@dataclass(frozen=True)
class SheetRow:
    """A line of a table under the number that a spreadsheet shows; `fault` says what is wrong."""

    number: int
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True)
class Sheet:
    header: tuple[str, ...]
    rows: list[SheetRow]


def read(content: bytes) -> Sheet:
    """Read a CSV (UTF-8) or XLSX file, told apart by what is in it, or raise `Unreadable`."""
    if len(content) > LARGEST:
        raise too_large()
    if not content.strip():
        raise Unreadable(_("Tệp rỗng."))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            _("Đây là tệp Excel kiểu cũ (.xls) hoặc có mật khẩu: hãy lưu lại thành .xlsx hay CSV.")
        )
    lines = _xlsx(content) if content.startswith(b"PK") else _csv(content)
    return _table(lines)


def too_large() -> Unreadable:
    """Say how large a file may be."""
    return Unreadable(_("Tệp lớn hơn %(size)s MB: hãy chia nhỏ.") % {"size": LARGEST // 1024**2})


def _table(lines: Iterator[tuple[int, list[str]]]) -> Sheet:
    number, header = next(((number, cells) for number, cells in lines if any(cells)), (0, []))
    if not number:
        raise Unreadable(_("Tệp rỗng."))
    while not header[-1]:
        header.pop()
    if len(header) > MOST_COLUMNS:
        raise Unreadable(_("Tệp có hơn %(count)s cột.") % {"count": MOST_COLUMNS})
    rows: list[SheetRow] = []
    for number, cells in lines:
        if not any(cells):
            continue
        if len(rows) == MOST_ROWS:
            raise Unreadable(
                _("Tệp có hơn %(count)s dòng: hãy chia thành nhiều tệp.") % {"count": MOST_ROWS}
            )
        rows.append(_row(number, cells, len(header)))
    if not rows:
        raise Unreadable(_("Tệp chỉ có dòng tiêu đề, không có tài khoản nào."))
    return Sheet(tuple(header), rows)


def _row(number: int, cells: list[str], width: int) -> SheetRow:
    fault = ""
    if any(cells[width:]):
        fault = _("Dòng có nhiều ô hơn dòng tiêu đề.")
    elif len(cells) < width:
        fault = _("Dòng có ít ô hơn dòng tiêu đề: có thể tệp bị cắt giữa chừng.")
    elif any(len(cell) > LONGEST_CELL for cell in cells):
        fault = _("Có ô dài quá %(count)s ký tự.") % {"count": LONGEST_CELL}
    elif any(map(_is_odd, cells)):
        fault = _("Có ô chứa ký tự không nhìn thấy được: hãy gõ lại ô đó.")
    # What is wrong may be long: it is not carried on.
    return SheetRow(number, tuple(cell[:LONGEST_CELL] for cell in cells[:width]), fault)


def _is_odd(cell: str) -> bool:
    return not (cell.isascii() and cell.isprintable()) and any(
        unicodedata.category(character) in _INVISIBLE for character in cell
    )


def _clean(text: str) -> str:
    """Bring one spelling into what was typed; spaces and line breaks within a cell become one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        for number, cells in enumerate(lines, 1):
            yield number, [_clean(cell) for cell in cells]
    except csv.Error:
        raise Unreadable(
            _("Không đọc được tệp CSV: có dấu nháy kép không đóng, ô quá dài, hoặc tệp bị cắt.")
        ) from None


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1000]:
        raise Unreadable(
            _("Tệp ở bảng mã UTF-16 hoặc không phải CSV: trong Excel, hãy lưu thành “CSV UTF-8”.")
        )
    if b"\0" in content:
        raise Unreadable(_("Tệp có ký tự NUL: đây không phải tệp CSV, hoặc tệp bị hỏng."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(
            _("Tệp không ở bảng mã UTF-8 (có thể là TCVN3, VNI, CP1258): lưu thành “CSV UTF-8”.")
        ) from None


def _delimiter(text: str) -> str:
    first = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _xlsx(content: bytes) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # 5 MiB, which few processes need

    damaged = _("Tệp XLSX bị hỏng hoặc chưa tải lên hết: hãy mở bằng Excel rồi lưu lại.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _inspect(archive)
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # One column more than is taken, to find what is there.
        lines = sheet.iter_rows(
            max_row=_EXCEL_ROWS, max_col=MOST_COLUMNS + 1, min_row=1, min_col=1, values_only=True
        )
        for number, cells in enumerate(lines, 1):
            if number > MOST_ROWS + _SPARE_ROWS:
                raise _too_many_rows()
            yield number, [_text(cell) for cell in cells]
    except Unreadable:
        raise
    except _FAULTS:
        raise Unreadable(damaged) from None


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return _clean(str(value))
    # A date, or a formula over several cells.
    return f"={value}"


def _inspect(archive: zipfile.ZipFile) -> None:
    """Refuse what openpyxl could not read within bounds, before it is unpacked in memory."""
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if not {_TYPES, "xl/workbook.xml"} <= names or len(parts) > _PARTS:
        raise Unreadable(_("Tệp không phải XLSX."))
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(_("Tệp có mật khẩu: hãy bỏ mật khẩu rồi lưu lại."))
    if sum(part.file_size for part in parts) > _UNPACKED:
        raise Unreadable(_("Tệp XLSX bung ra quá lớn: hãy lưu thành CSV."))
    if b"macroEnabled" in archive.read(_TYPES) or any("vbaProject" in name for name in names):
        raise Unreadable(_("Tệp có macro: hãy lưu lại thành .xlsx không có macro, hay CSV."))
    for part in parts:
        _inspect_part(archive, part)


def _inspect_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    is_table = part.filename.startswith(("xl/worksheets/", "xl/sharedStrings"))
    if not is_table and part.file_size > _SMALL_PART:
        raise Unreadable(_("Tệp XLSX có quá nhiều định dạng hay hình ảnh: hãy lưu thành CSV."))
    most = _TEXTS if "sharedStrings" in part.filename else MOST_ROWS + _SPARE_ROWS
    items = stretch = 0
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            if part.filename.endswith((".xml", ".rels")) and _FORBIDDEN.search(rest + chunk):
                raise Unreadable(_("Tệp XLSX có phần khai báo không được phép."))
            starts = [found.start() for found in _ITEM.finditer(chunk)]
            items += len(starts)
            if items > most:
                raise _too_many_rows()
            stretch = len(chunk) - starts[-1] if starts else stretch + len(chunk)
            if is_table and stretch > _STRETCH:
                raise Unreadable(_("Tệp XLSX có ô hoặc dòng quá dài."))
            rest = chunk[-16:]


def _too_many_rows() -> Unreadable:
    return Unreadable(
        _("Tệp có hơn %(count)s dòng, tính cả dòng trống: hãy chia nhỏ hoặc lưu thành CSV.")
        % {"count": MOST_ROWS}
    )
