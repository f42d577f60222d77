"""Tables that leave the portal: CSV and XLSX, in which a spreadsheet finds nothing to run."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format

MOST_XLSX = 20_000  # accounts: writing more would run into the time-out
FAULT_COLUMNS = ("Dòng", "Địa chỉ", "Lỗi")

_BOM = "\ufeff"  # by which Excel knows that a file is UTF-8
_CHUNK = 64 * 1024
_CSV = "text/csv; charset=utf-8"
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_response(
    name: str, header: Iterable[object], rows: Iterable[Iterable[object]]
) -> StreamingHttpResponse:
    """Answer with a CSV file, which is written while `rows` are read."""
    response = StreamingHttpResponse(write_csv(header, rows), content_type=_CSV)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_response(
    name: str, header: Iterable[object], rows: Iterable[Iterable[object]]
) -> HttpResponse:
    """Answer with a workbook of one sheet, which is made in memory."""
    return file_response(name, workbook(header, rows))


def file_response(name: str, content: bytes) -> HttpResponse:
    """Answer with a file that is there already: a workbook, or else CSV."""
    is_workbook = content.startswith(b"PK")
    response = HttpResponse(content, content_type=_XLSX if is_workbook else _CSV)
    ending = "xlsx" if is_workbook else "csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return response


def write_csv(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    """Write rows that Excel opens with its accents, and in which it finds no formula (AD-12)."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    line.write(_BOM)
    writer.writerow(map(_text, header))
    for row in rows:
        writer.writerow(map(_text, row))
        if line.tell() > _CHUNK:
            yield _taken(line)
    yield _taken(line)


def moment(value: dt.date) -> str:
    """Write a day, or a time of the office's clock, as people here do."""
    if isinstance(value, dt.datetime):
        return date_format(timezone.localtime(value), "DATETIME_FORMAT")
    return date_format(value, "DATE_FORMAT")


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula (AD-12)."""
    return f"'{text}" if text.startswith(_STARTS) else text


def workbook(header: Iterable[object], rows: Iterable[Iterable[object]]) -> bytes:
    """Write a workbook of one sheet, in memory."""
    from openpyxl import Workbook  # 5 MiB, which few processes need

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (header, *rows):
        sheet.append([_text(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _text(value: object) -> str:
    """Give a value as people here write it, without what no cell may hold."""
    match value:
        case None:
            return ""
        case int():
            return str(value)  # also below zero: a minus before digits is no formula
        case dt.date():
            return moment(value)
    return harmless("".join(sign for sign in str(value) if sign in "\t\r\n" or sign >= " "))


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()
