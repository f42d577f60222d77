"""Files made to harm, or only broken: a sentence for each, nothing taken, memory bounded."""

import io
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.loading import account_table
from accounts.models import Account, Job
from accounts.spreadsheets import reading
from tests.support.loading import HEADER, JOB, Loaders, csv_of, with_part, xlsx_of

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
TEXTS = "xl/sharedStrings.xml"
TYPES = "[Content_Types].xml"
GOOD = ["giang", "Giàng A Páo", "", "", "", "", ""]
MEMORY = 200 * 1024 * 1024  # bytes that reading any of these may take at its worst


def sheet(inside):
    return (
        f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>'.encode()
        + inside
        + b"</sheetData></worksheet>"
    )


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'.encode()


def files():
    """Give each file with words of the sentence that it is to get."""
    xlsx, csv = xlsx_of(GOOD), csv_of(GOOD)
    macro = with_part(xlsx, "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0")
    with zipfile.ZipFile(io.BytesIO(xlsx)) as archive:
        types = archive.read(TYPES)
    heads = b"".join(
        cell(f"{letter}1", name) for letter, name in zip("ABCDEFG", HEADER, strict=True)
    )
    row_1 = b"<row r='1'>" + heads + b"</row>"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">'.encode() for n in range(1, 10)
    )
    yield "empty", b"", "rỗng"
    yield "blanks", b" \r\n\t\n ", "rỗng"
    yield "only separators", b",,,\r\n,,,\r\n", "rỗng"
    yield "header only", csv_of(), "chỉ có dòng tiêu đề"
    yield "header only XLSX", xlsx_of(), "chỉ có dòng tiêu đề"
    yield "half of UTF-16", csv_of(GOOD, encoding="utf-16")[:-1], "UTF-16"
    yield "NUL in UTF-16", csv_of(["giang\0", *[""] * 6], encoding="utf-16-le"), "UTF-16"
    yield "Latin-1", "address,full_name\r\ngiang,Thị Bé\r\n".encode("cp1252", "replace"), "UTF-8"
    yield "NUL", csv + b"a\0b" + b"x" * 2000, "NUL|UTF-16"
    yield "late NUL", csv_of(*[[f"a{n}", *[""] * 6] for n in range(500)]) + b"\0", "NUL"
    yield "open quote", csv + b'"binh,', "nháy"
    yield "half a CSV in a quote", csv_of(['"giang"', '"Giàng A P'])[:-2], "nháy"
    yield "10 MB cell", csv_of(["giang", "x" * 10**7, *[""] * 5]), "dài"
    yield "1,000 columns", csv_of(GOOD + [""] * 993, header=HEADER + ["x"] * 993), "cột"
    yield "more rows", csv_of(*[["a"]] * (reading.MOST_ROWS + 1), header=["address"]), "60000 dòng"
    yield "old Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5000, ".xls"
    yield "half an XLSX", xlsx[: len(xlsx) // 2], "hỏng"
    yield "an XLSX without its end", xlsx[:-10], "hỏng"
    yield "a ZIP of something else", _zip({"a.txt": b"x"}), "không phải XLSX"
    yield "PK and nothing", b"PK\x03\x04", "hỏng"
    yield "a damaged part", with_part(xlsx, SHEET, b"<worksheet><sheetData><row"), "hỏng"
    yield "a sheet that is none", with_part(xlsx, SHEET, b"x"), "hỏng"
    yield "a macro", macro, "macro"
    named = types.replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")
    yield "a macro by its type", with_part(xlsx, TYPES, named), "macro"
    yield "a bomb", with_part(xlsx, SHEET, sheet(b"<row/>" * 12_000_000)), "quá lớn"
    yield "a bomb beside", with_part(xlsx, "xl/media/x.png", b"\0" * 70_000_000), "quá lớn"
    yield "a bomb of styles", with_part(xlsx, "xl/styles.xml", b"<font/>" * 300_000), "định dạng"
    yield "rows without end", with_part(xlsx, SHEET, sheet(b"<row/>" * 5_000_000)), "dòng"
    yield "texts without end", with_part(xlsx, TEXTS, b"<si/>" * 10_000_000), "dòng"
    wide = sheet(row_1 + b"<row r='2'>" + b'<c r="A2"/>' * 5_000_000 + b"</row>")
    yield "a row without end", with_part(xlsx, SHEET, wide), "quá dài"
    long = sheet(row_1 + b"<row r='2'>" + cell("A2", "x" * 10**7) + b"</row>")
    yield "10 MB cell XLSX", with_part(xlsx, SHEET, long), "quá dài"
    far = sheet(row_1 + b"<row r='99999999999'>" + cell("A2", "giang") + b"</row>")
    yield "a row far away", with_part(xlsx, SHEET, far), "tiêu đề|dòng|hỏng"
    for part in (SHEET, TEXTS, "xl/workbook.xml", "xl/styles.xml", TYPES, "docProps/core.xml"):
        evil = bomb + b"]><x>&a9;</x>"
        yield f"entities in {part}", with_part(xlsx, part, evil), "khai báo|không phải XLSX"
    outside = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
    )
    yield "an entity from outside", with_part(xlsx, SHEET, outside), "khai báo"
    hidden = outside.decode().replace("1.0", "1.0").encode("utf-16")
    yield "entities in UTF-16", with_part(xlsx, SHEET, hidden), "khai báo"
    yield "columns XLSX", xlsx_of(GOOD, header=HEADER + ["x"] * 100), "cột"
    yield "larger than it may be", b"address\r\n" + b"a\r\n" * 8_000_000, "20 MB"


def _zip(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


class FileTests(TestCase):
    """Where a small file could fill the memory."""

    greedy = (
        *("10 MB cell", "10 MB cell XLSX", "a bomb", "a bomb beside", "a bomb of styles"),
        *("rows without end", "texts without end", "a row without end", "a row far away"),
        *("entities in xl/worksheets/sheet1.xml", "larger than it may be", "1,000 columns"),
    )

    def test_each_takes_little_memory(self):
        found = [file for file in files() if file[0] in self.greedy]
        self.assertEqual(len(found), len(self.greedy))
        for name, content, words in found:
            with self.subTest(name):
                tracemalloc.start()
                with self.assertRaisesRegex(reading.Unreadable, words):
                    account_table.read(content)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()

                self.assertLess(peak, MEMORY)


class PageTests(Loaders, TestCase):
    def test_the_page_says_what_is_wrong_and_nothing_is_taken(self):
        before = Account.objects.count()
        for name, content, words in files():
            if name in ("empty", "larger than it may be"):
                continue  # a form and a middleware of their own
            with self.subTest(name):
                job = self.upload(content, name="tai-khoan.xlsx")

                self.assertEqual((job.state, job.file), ("refused", None))
                self.assertRegex(job.result["sentence"], words)
                self.assertContains(self.client.get(JOB.format(job.pk)), job.result["sentence"])
        self.assertEqual(Account.objects.count(), before)

    def test_formulas_are_refused_row_by_row(self):
        formulas = ["=1+1", '=HYPERLINK("http://x","y")', "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"]
        rows = [[f"a{n}", formula, *[""] * 5] for n, formula in enumerate(formulas)]
        rows += [["=A1", *[""] * 6]]

        job = self.upload(xlsx_of(*rows), "a.xlsx")

        said = self.reasons(job)
        self.assertEqual(sorted(said), [2, 3, 4, 5, 6, 7])
        for row in range(2, 7):
            self.assertIn("công thức", said[row])

    def test_invisible_characters_and_long_cells_are_refused_row_by_row(self):
        rows = [["a\u200bb", "", *[""] * 5], ["b", "An\u202etxt", *[""] * 5]]
        rows += [["c", "x" * 1001, *[""] * 5], ["d", "", "", "", "", "", "", "", "đ"]]

        said = self.reasons(self.upload(csv_of(*rows)))

        self.assertIn("không nhìn thấy", said[2])
        self.assertIn("không nhìn thấy", said[3])
        self.assertIn("1000 ký tự", said[4])
        self.assertIn("nhiều ô hơn", said[5])

    def test_a_file_that_is_cut_at_a_comma_is_found_out(self):
        rows = [[f"a{n}", "Tên", *[""] * 5] for n in range(10)]
        whole = csv_of(*rows)

        job = self.upload(whole[: whole.rindex(b"a9") + 4])

        self.assertEqual(list(self.reasons(job)), [11])

    def test_an_empty_upload_is_answered_by_the_form(self):
        file = io.BytesIO(b"")
        file.name = "a.csv"
        for data in ({"file": file}, {}, {"file": "text"}):
            r = self.client.post("/quan-tri/accounts/account/nap/", data)

            self.assertContains(r, "field__error")
        self.assertFalse(Job.objects.exists())

    def test_names_of_files_are_nobody_s_business(self):
        for name in ("../../etc/passwd", "a" * 150, "\u202ecsv.exe", "<script>.csv"):
            with self.subTest(name):
                self.assertEqual(self.upload(csv_of(GOOD), name=name).state, "asking")


class CommandTests(TestCase):
    def run_with(self, content, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            file.write(content)
            file.flush()
            said = io.StringIO()
            call_command("import_accounts", file.name, *arguments, stdout=said, stderr=said)
        return said.getvalue()

    def test_the_command_says_the_same(self):
        for name, content, words in files():
            with self.subTest(name), self.assertRaisesRegex(CommandError, words):
                self.run_with(content, "--apply")
        self.assertFalse(Account.objects.exists())

    def test_it_tries_out_first(self):
        said = self.run_with(csv_of(GOOD))

        self.assertIn("created: 1", said)
        self.assertIn("--apply", said)
        self.assertFalse(Account.objects.exists())

    def test_it_loads_when_told_to(self):
        self.run_with(
            csv_of(["giang", "", "", "Sở A/Phòng B", "", "", ""]), "--apply", "--add-units"
        )

        self.assertEqual(str(Account.objects.get().unit), "Phòng B")

    def test_one_bad_row_and_nothing_is_loaded(self):
        with self.assertRaisesRegex(CommandError, "1 faults"):
            self.run_with(csv_of(GOOD, ["x y", *[""] * 6]), "--apply")

        self.assertFalse(Account.objects.exists())

    def test_it_names_every_fault_and_keeps_them(self):
        with tempfile.TemporaryDirectory() as directory:
            kept = Path(directory) / "loi.csv"
            rows = [["x y", *[""] * 6]] * 150
            with self.assertRaisesRegex(CommandError, "150 faults"):
                self.run_with(csv_of(*rows), "--apply", f"--faults={kept}")

            self.assertEqual(len(kept.read_text(encoding="utf-8-sig").splitlines()), 151)

    def test_a_file_that_is_not_there_is_said_to_be_so(self):
        with self.assertRaisesRegex(CommandError, "No such file"):
            call_command("import_accounts", "/nowhere/a.csv")
