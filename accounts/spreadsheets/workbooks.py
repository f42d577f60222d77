"""Workbooks (XLSX): the sheet that has the table, read within bounds, and what is hidden in it."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from accounts.spreadsheets.sheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    SEARCHED,
    IsHeading,
    Sheet,
    SheetRow,
    Unreadable,
    clean,
    has_heading,
    table_of,
    too_many_rows,
)

# An XLSX is a ZIP of XML that may unpack to a thousand times its size.
UNPACKED = 64 * 1024 * 1024  # bytes, all parts that are read
_SMALL_PART = 1024 * 1024  # bytes of a part that is neither a sheet nor the table of texts
_STRETCH = 256 * 1024  # bytes from one row, or one text, to the next
_PARTS = 1000
_TYPES = "[Content_Types].xml"
_TEXTS = 10 * MOST_ROWS
_SPARE_ROWS = 1000  # that may stand empty among those that count
_EXCEL_ROWS = 1_048_576
_CHUNK = 64 * 1024
_MOST_MERGED = 2 * MOST_ROWS  # lines below the first one of a merged cell
_SAID = 5  # merged cells that are named

_ITEM = re.compile(rb"<(?:\w+:)?(?:row|si)[\s/>]")
# Entities may grow without end; a NUL means an encoding in which this could not see them.
_FORBIDDEN = re.compile(rb"<!(?:DOCTYPE|ENTITY)|\0")

# All that openpyxl and what is below it were seen to raise, or may, for a file that is not sound.
_FAULTS = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error),
)


@dataclass
class _Lines:
    """The lines of a sheet, with what is merged and hidden in it."""

    lines: list[SheetRow] = field(default_factory=list)
    merged: list[Any] = field(default_factory=list)  # openpyxl's ranges
    hidden_columns: list[str] = field(default_factory=list)


def read(content: bytes, is_heading: IsHeading, *, name: str = "") -> Sheet:
    """Read the sheet called `name`, or the first that has a heading, before those that are hidden.

    Raises `Unreadable`.
    """
    from openpyxl import load_workbook  # 5 MiB, which few processes need

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _inspect(archive)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        return _read(book.worksheets, is_heading, name)
    except Unreadable:
        raise
    except _FAULTS:
        raise Unreadable(
            _("Tệp XLSX bị hỏng hoặc chưa tải lên hết: hãy mở bằng Excel rồi lưu lại.")
        ) from None


def _read(sheets: list[Any], is_heading: IsHeading, name: str) -> Sheet:
    sheets = sorted(sheets, key=_is_hidden)
    with_table = [sheet for sheet in sheets if _has_table(sheet, is_heading)]
    chosen = _called(name, sheets) if name else next(iter(with_table or sheets))
    read = _merge(_lines(chosen))
    table = table_of(read.lines, is_heading)
    others = [sheet for sheet in with_table if sheet is not chosen]
    return replace(
        table,
        name=chosen.title,
        is_hidden=_is_hidden(chosen),
        others=tuple(sheet.title for sheet in others),
        notices=(
            *_about_sheets(chosen, sheets, others),
            *table.notices,
            *_about_cells(read, table),
        ),
    )


def _called(name: str, sheets: list[Any]) -> Any:
    for sheet in sheets:
        if sheet.title.strip().casefold() == name.strip().casefold():
            return sheet
    titles = ", ".join(f"“{sheet.title}”" for sheet in sheets)
    words = {"name": name[:50], "titles": titles[:500]}
    raise Unreadable(_("Tệp không có trang tính “%(name)s”, chỉ có: %(titles)s.") % words)


def _is_hidden(sheet: Any) -> bool:
    return bool(sheet.sheet_state != "visible")


def _has_table(sheet: Any, is_heading: IsHeading) -> bool:
    return has_heading(_lines(sheet, most=2 * SEARCHED).lines, is_heading)


def _lines(sheet: Any, most: int = MOST_ROWS + _SPARE_ROWS) -> _Lines:
    """Read the filled lines of a sheet; no more than `most` are looked at."""
    read = _Lines()
    with sheet._get_source() as source:  # noqa: SLF001  (as for the parser)
        parser = _parser(sheet, source)
        for number, cells in islice(parser.parse(), most):
            if not 0 < number <= _EXCEL_ROWS:
                raise Unreadable(
                    _("Tệp XLSX có dòng ở ngoài bảng tính: hãy mở bằng Excel rồi lưu lại.")
                )
            dimensions = parser.row_dimensions.pop(str(number), {})
            read.lines.append(_line(number, cells, hidden=_says_yes(dimensions.get("hidden"))))
    read.merged = list(getattr(parser.merged_cells, "mergeCell", None) or [])
    read.hidden_columns = [
        letter
        for letter, column in parser.column_dimensions.items()
        if _says_yes(column.get("hidden"))
    ]
    return read


def _parser(sheet: Any, source: Any) -> Any:
    """Make openpyxl's own parser: what is hidden or merged, its readers of large files drop."""
    from openpyxl.worksheet._reader import WorkSheetParser

    class Parser(WorkSheetParser):
        """Says as well which cells are formulas whose value was not saved."""

        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            formula = element.find("{*}f") if cell["value"] is None else None
            gave_nothing = element.get("t") == "str" and element.find("{*}v") is not None
            if formula is not None and not gave_nothing:
                cell |= {"data_type": "f", "value": f"={formula.text or '…'}"}
            return cell

    book = sheet.parent
    return Parser(
        source,
        sheet._shared_strings,  # noqa: SLF001
        data_only=True,
        epoch=book.epoch,
        date_formats=book._date_formats,  # noqa: SLF001
        timedelta_formats=book._timedelta_formats,  # noqa: SLF001
    )


def _says_yes(value: str | None) -> bool:
    return value in ("1", "true")


def _line(number: int, cells: list[dict[str, Any]], *, hidden: bool) -> SheetRow:
    texts: dict[int, str] = {}
    broken: dict[int, str] = {}
    for cell in cells:
        place = cell["column"] - 1
        # One column more than is taken, to find what is there.
        if place <= MOST_COLUMNS:
            texts[place], fault = _content(cell["value"], cell["data_type"])
            if fault:
                broken[place] = fault
    width = max((place for place, text in texts.items() if text), default=-1) + 1
    row = tuple(texts.get(place, "") for place in range(width))
    return SheetRow(number, row, broken=broken, hidden=hidden)


def _content(value: object, kind: str) -> tuple[str, str]:
    """Give the text of a cell, and what is wrong with it."""
    if kind == "f":
        fault = _("Ô là công thức chưa có kết quả được lưu: hãy mở tệp bằng Excel rồi lưu lại.")
        return clean(str(value)), fault
    match value:
        case None:
            return "", ""
        case bool():
            return ("1" if value else "0"), ""
        case float() if value.is_integer():
            return str(int(value)), ""
        case str() | int() | float():
            return clean(str(value)), ""
    return clean(str(value)), _("Ô là ngày tháng: hãy định dạng ô là Văn bản (Text) rồi gõ lại.")


def _merge(read: _Lines) -> _Lines:
    """Give each filled line of a merged cell its value, in the first of the cell's columns."""
    by_number = {line.number: place for place, line in enumerate(read.lines)}
    filled = 0
    for merged in read.merged:
        column, first = merged.min_col - 1, by_number.get(merged.min_row)
        if first is None or column >= MOST_COLUMNS:
            continue
        value = read.lines[first].cells[column : column + 1] or ("",)
        for place in range(first + 1, len(read.lines)):
            line = read.lines[place]
            if line.number > merged.max_row:
                break
            filled += 1
            if filled > _MOST_MERGED:
                raise Unreadable(_("Tệp XLSX có quá nhiều ô gộp: hãy bỏ gộp ô rồi lưu lại."))
            if any(line.cells):
                cells = [*line.cells, *[""] * (column + 1 - len(line.cells))]
                cells[column : column + 1] = value
                read.lines[place] = replace(line, cells=tuple(cells))
    return read


def _about_sheets(chosen: Any, sheets: list[Any], others: list[Any]) -> Iterator[str]:
    if len(sheets) > 1:
        yield _("Đọc trang tính “%(name)s”.") % {"name": chosen.title}
    for sheet in sheets:
        words = {"name": sheet.title}
        if sheet is chosen or not (_is_hidden(sheet) or sheet in others):
            continue
        if sheet not in others:
            yield _("Không đọc trang tính ẩn “%(name)s”.") % words
        elif _is_hidden(sheet):
            yield _("Không đọc trang tính ẩn “%(name)s”, cũng có bảng tài khoản.") % words
        else:
            yield _("Không đọc trang tính “%(name)s”, cũng có bảng tài khoản.") % words


def _about_cells(read: _Lines, table: Sheet) -> Iterator[str]:
    first = table.rows[0].number
    merged = [str(each.ref) for each in read.merged if each.max_row >= first]
    if merged:
        words = {"cells": ", ".join(merged[:_SAID]) + (", …" if len(merged) > _SAID else "")}
        yield _("Ô gộp %(cells)s: mọi dòng của ô nhận giá trị của ô, ở cột đầu tiên.") % words
    if read.hidden_columns:
        words = {"columns": ", ".join(read.hidden_columns)}
        yield _("Cột ẩn %(columns)s cũng được đọc.") % words


def _inspect(archive: zipfile.ZipFile) -> None:
    """Refuse what openpyxl could not read within bounds, before it is unpacked in memory."""
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if not {_TYPES, "xl/workbook.xml"} <= names or len(parts) > _PARTS:
        raise Unreadable(_("Tệp không phải XLSX: hãy mở bằng Excel rồi lưu thành .xlsx."))
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(_("Tệp có mật khẩu: hãy bỏ mật khẩu rồi lưu lại."))
    if sum(part.file_size for part in parts) > UNPACKED:
        raise Unreadable(_("Tệp XLSX khi giải nén quá lớn: hãy lưu thành CSV."))
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
                raise Unreadable(_("Tệp XLSX có phần khai báo lạ: hãy mở bằng Excel rồi lưu lại."))
            starts = [found.start() for found in _ITEM.finditer(chunk)]
            items += len(starts)
            if items > most:
                raise too_many_rows()
            stretch = len(chunk) - starts[-1] if starts else stretch + len(chunk)
            if is_table and stretch > _STRETCH:
                raise Unreadable(_("Tệp XLSX có ô hoặc dòng quá dài: hãy rút ngắn hoặc chia nhỏ."))
            rest = chunk[-16:]
