"""Tables that leave the portal: CSV and XLSX, in which a spreadsheet finds nothing to run."""

import csv
import io
from collections.abc import Iterable, Iterator

FAULT_COLUMNS = ("Dòng", "Địa chỉ", "Lỗi")

_CHUNK = 64 * 1024
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula (AD-12)."""
    return f"'{text}" if text.startswith(_STARTS) else text


def write_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    """Write rows that Excel opens with its accents, and in which it finds no formula (AD-12)."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    line.write("\ufeff")
    writer.writerow(map(plain, header))
    for row in rows:
        writer.writerow(map(plain, row))
        if line.tell() > _CHUNK:
            yield _taken(line)
    yield _taken(line)


def write_xlsx(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """Write a workbook of one sheet, every cell of it a text."""
    from openpyxl import Workbook  # 5 MiB, which few processes need

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (header, *rows):
        sheet.append([plain(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def plain(value: object) -> str:
    """Give a value as a text that no spreadsheet takes for a formula (AD-12)."""
    text = "".join(
        character for character in str(value) if character in "\t\r\n" or character >= " "
    )
    return harmless(text)


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()
