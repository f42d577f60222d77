"""Text files of tables: CSV and Excel's "Unicode Text", in the encodings that Excel writes."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from django.utils.translation import gettext as _

from accounts.spreadsheets import eight_bits
from accounts.spreadsheets.sheet import (
    SEARCHED,
    IsHeading,
    Sheet,
    SheetRow,
    Unreadable,
    clean,
    has_heading,
    table_of,
)

_DELIMITERS = ",;\t|"
_SAID_DELIMITER = re.compile(r"\A\s*\"?sep=([^\w\s\"]|\t)\"?[\s,;|]*?(?:\r\n|\r|\n)", re.IGNORECASE)
# Other programs write a text as a formula, so that Excel keeps the zero at its beginning.
_FORMULA_OF_A_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_LOST = re.compile(r"[^\W\d_]\?|\?[^\W\d_]")  # letters that Excel had no place for
_UTF_16 = 0.2  # the least share of NUL bytes in Vietnamese text


def read(content: bytes, is_heading: IsHeading) -> Sheet:
    """Read a text file, whose separator and encoding are found out. Raises `Unreadable`."""
    text, notice = _decoded(content)
    said = _SAID_DELIMITER.match(text)
    if said:
        # A spreadsheet shows the table without this line, and does not count it.
        text = text[said.end() :]
    delimiter = said[1] if said else _delimiter(text, is_heading)
    try:
        sheet = table_of(_lines(text, delimiter), is_heading, cells_may_shift=True)
    except csv.Error:
        raise Unreadable(
            _(
                "Không đọc được tệp CSV: có dấu nháy kép không đóng, ô quá dài, hoặc tệp bị cắt."
                " Hãy mở bằng Excel rồi lưu lại."
            )
        ) from None
    if any("?" in heading for heading in sheet.header) and not is_heading(sheet.header):
        raise _lost()
    return replace(sheet, notices=(notice, *sheet.notices)) if notice else sheet


def _lines(text: str, delimiter: str) -> Iterator[SheetRow]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for number, cells in enumerate(lines, 1):
        yield SheetRow(number, tuple(clean(_text_of(cell)) for cell in cells))


def _text_of(cell: str) -> str:
    formula = _FORMULA_OF_A_TEXT.fullmatch(cell) if cell.startswith("=") else None
    return formula[1].replace('""', '"') if formula else cell


def _delimiter(text: str, is_heading: IsHeading) -> str:
    """Give the separator by which a heading is found; else the one that is there most often."""
    likely = sorted(_DELIMITERS, key=text[:10_000].count, reverse=True)
    for delimiter in likely:
        try:
            if has_heading(islice(_lines(text, delimiter), 2 * SEARCHED), is_heading):
                return delimiter
        except csv.Error:
            continue
    return likely[0]


def _decoded(content: bytes) -> tuple[str, str]:
    """Give the text, and what is to be said of its encoding."""
    encoding = _unicode_of(content)
    if encoding.startswith("utf-16"):
        text = _as(encoding, content)
        if text is None or "\0" in text:
            raise Unreadable(_("Tệp ở bảng mã UTF-16 nhưng bị hỏng: hãy lưu lại từ Excel."))
        return text, ""
    if b"\0" in content:
        raise Unreadable(
            _(
                "Tệp có ký tự NUL: đây không phải tệp CSV, hoặc tệp bị hỏng. Hãy mở bằng Excel rồi"
                " lưu lại."
            )
        )
    text = _as(encoding, content)
    return (text, "") if text is not None else _of_eight_bits(content)


def _unicode_of(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    first = content[:1000]
    if first.count(0) < _UTF_16 * len(first):
        return "utf-8-sig"
    # Letters of Latin have a NUL in front in the one order, and behind in the other.
    return "utf-16-be" if first[::2].count(0) > first[1::2].count(0) else "utf-16-le"


def _of_eight_bits(content: bytes) -> tuple[str, str]:
    """Read what older programs write: Windows-1258, by Excel itself, or the fonts of TCVN3."""
    text, encoding = eight_bits.decoded(content)
    if _LOST.search(text or content.decode("latin-1")):
        raise _lost()
    if not text:
        raise Unreadable(
            _(
                "Tệp không ở bảng mã UTF-8 (có thể là VNI): hãy chuyển sang Unicode, rồi lưu thành"
                " “CSV UTF-8”, “Unicode Text” hoặc .xlsx."
            )
        )
    words = {"encoding": encoding}
    return text, _("Tệp ở bảng mã %(encoding)s: hãy xem lại chữ có dấu trong bảng.") % words


def _as(encoding: str, content: bytes) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _lost() -> Unreadable:
    return Unreadable(
        _(
            "Excel đã thay chữ có dấu bằng dấu “?” khi lưu tệp này: hãy mở tệp gốc rồi lưu thành"
            " “CSV UTF-8”, “Unicode Text” hoặc .xlsx."
        )
    )
