"""Tables as offices write them, by the command: what is read, what is told, what is a fault."""

import io
import stat
import tempfile
import unicodedata
import zipfile
from datetime import date
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import TestCase
from openpyxl import Workbook
from openpyxl.workbook.defined_name import DefinedName

from accounts.bulk.views import _lines
from accounts.loading.columns import EXPORTED
from accounts.models import Account, Unit
from accounts.spreadsheets.writing import write_csv
from tests.support import cast
from tests.support.loading import with_part

OFFICE = "@hagiang.gov.vn"
SHEET = "xl/worksheets/sheet1.xml"
HEAD = ["Địa chỉ thư điện tử", "Họ và tên", "Số điện thoại"]
ROW = ["pao", "Giàng A Páo", "0912466981"]
TONES = "\u0300\u0301\u0303\u0309\u0323"
# How fonts of TCVN3 are typed: each letter is the sign of Latin-1 that they draw over.
TCVN3 = {"Đ": "§", "ị": "Þ", "ỉ": "Ø", "ư": "\u00ad", "đ": "®", "ệ": "Ö", "ử": "ö", "ọ": "ä"} | {
    "à": "µ",
    "ê": "ª",
    "á": "¸",
    "ễ": "Ô",
    "ă": "¨",
    "ố": "è",
    "ạ": "¹",
}


class TableTestCase(TestCase):
    def load(self, content, *options, apply=True):
        """Load a file at a terminal, and give what was said."""
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "a"
            file.write_bytes(content)
            arguments = [*options, *(["--apply"] if apply else [])]
            call_command("import_accounts", str(file), *arguments, stdout=said, stderr=said)
        return said.getvalue()

    def refused(self, content, *options):
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "a"
            file.write_bytes(content)
            with self.assertRaises(CommandError) as caught:
                call_command("import_accounts", str(file), *options, stderr=said, stdout=said)
        return f"{said.getvalue()}{caught.exception}"

    def assert_pao(self):
        pao = Account.objects.get(address="pao" + OFFICE)
        self.assertEqual((pao.full_name, pao.phone), ("Giàng A Páo", "+84912466981"))
        Account.objects.all().delete()


def text(*rows, delimiter=";"):
    return "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"


def windows_1258(value):
    """Write text as Excel does in the code page of Vietnam: a tone is a sign of its own."""
    return b"".join(map(_in_1258, value))


def _in_1258(letter):
    try:
        return letter.encode("cp1258")
    except UnicodeEncodeError:
        split = unicodedata.normalize("NFD", letter)
        bare = "".join(sign for sign in split if sign not in TONES)
        tone = "".join(sign for sign in split if sign in TONES)
        return (unicodedata.normalize("NFC", bare) + tone).encode("cp1258")


def book(*sheets):
    """Make a workbook of sheets, each a list of rows, and give it with its sheets."""
    made = Workbook()
    made.remove(made.active)
    for place, rows in enumerate(sheets):
        sheet = made.create_sheet(f"Bảng {place + 1}")
        for row in rows:
            sheet.append(row)
    return made, made.worksheets


def saved(made):
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def with_cells(*cells):
    """Make a workbook whose second row holds these cells, as XML."""
    made, _ = book([HEAD])
    row = f'<row r="2">{"".join(cells)}</row>'
    heading = "".join(
        f'<c r="{letter}1" t="inlineStr"><is><t>{head}</t></is></c>'
        for letter, head in zip("ABC", HEAD, strict=True)
    )
    return with_part(
        saved(made),
        SHEET,
        '<?xml version="1.0"?><worksheet xmlns='
        '"http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{heading}</row>{row}</sheetData></worksheet>'.encode(),
    )


class TextFileTests(TableTestCase):
    def test_each_way_in_which_a_spreadsheet_writes_text_is_read(self):
        plain = text(HEAD, ROW)
        title = [["DANH SÁCH CÁN BỘ", "", ""], ["(Kèm theo Công văn số 12)", "", ""], ["", "", ""]]
        for name, content in {
            "sep": ("sep=;\r\n" + plain).encode(),
            "sep with a mark": ("\ufeffsep=\t\r\n" + text(HEAD, ROW, delimiter="\t")).encode(),
            "sep in quotes": ('"sep=|"\n' + text(HEAD, ROW, delimiter="|")).encode(),
            "Unicode Text": text(HEAD, ROW, delimiter="\t").encode("utf-16"),
            "UTF-16 of a Mac": b"\xfe\xff" + text(HEAD, ROW, delimiter="\t").encode("utf-16-be"),
            "UTF-16 without a mark": text(HEAD, ROW, delimiter="\t").encode("utf-16-le"),
            "the other UTF-16 without a mark": plain.encode("utf-16-be"),
            "Windows-1258": windows_1258(plain),
            "decomposed": unicodedata.normalize("NFD", plain).encode(),
            "a heading over two lines": plain.replace(HEAD[0], '"Địa chỉ\r\nthư điện tử"').encode(),
            "texts as formulas": text(HEAD, [f'="{cell}"' for cell in ROW]).encode(),
            "the same, bare": (text(HEAD) + ";".join(f'="{cell}"' for cell in ROW)).encode(),
            "titles": text(*title, HEAD, ROW).encode(),
            "a title without separators": ("DANH SÁCH, 2026\r\n" + plain).encode(),
            "numbers of the columns": text(HEAD, ["(1)", "(2)", "(3)"], ROW).encode(),
            "the heading on each page": text(HEAD, ROW, HEAD).encode(),
        }.items():
            with self.subTest(name):
                self.load(content)

                self.assert_pao()

    def test_rows_to_which_excel_gives_no_last_separators_are_read(self):
        short = [["mua", "Mua"], ["sung", "Sùng"]]
        for rows in ([ROW, *short], [*short, ROW]):
            self.load(text(HEAD, *rows).encode())

            self.assertEqual(Account.objects.count(), 3)
            self.assert_pao()

        self.assertIn("ít ô hơn", self.refused(text(HEAD, ROW, short[0]).encode()))
        self.assertIn("ít ô hơn", self.refused(text(HEAD, ROW, short[0], ROW).encode()))

    def test_titles_are_said_to_be_left_out(self):
        said = self.load(text(["DANH SÁCH", "", ""], ["", "", ""], HEAD, ROW).encode())

        self.assertIn("Bỏ qua 1 dòng phía trên dòng tiêu đề (dòng 3)", said)

    def test_fonts_of_tcvn3_are_read_and_said_to_be(self):
        rows = text(HEAD, ["pao", "Giàng A Páo", "0912466981"], ["an", "NGUYễN Đăng", ""])
        signs = "".join(TCVN3.get(letter, letter) for letter in rows)

        said = self.load(signs.encode("latin-1"))

        self.assertIn("TCVN3", said)
        self.assertEqual(Account.objects.get(address="an" + OFFICE).full_name, "NGUYỄN Đăng")
        Account.objects.filter(address="an" + OFFICE).delete()
        self.assert_pao()

    def test_what_lost_its_accents_or_has_another_encoding_is_refused_by_name(self):
        for content, words in (
            (text(HEAD, ["pao", "Giàng A Pạo", ""]).encode("cp1252", "replace"), "dấu “?”"),
            (text(["Email", "Tên"], ["pao", "Nguy?n"]).encode(), "đã mất"),
            (text(["??a ch? th?", "H? v? tên"], ["pao", "x"]).encode(), "dấu “?”"),
            (text(["Email", "Ten"], ["pao", "Nguyeãn Vaên"]).encode("cp1252"), "VNI"),
            (
                text(["Email", "Tên"], ["pao", "Giàng A Pạo".encode().decode("latin-1")]).encode(),
                "không phải Unicode",
            ),
            (text(["Email", "Tên"], ["pao", "NguyÔn V¨n"]).encode(), "TCVN3"),
            (b"\xff\xfea", "UTF-16"),
            (b"<html><table><tr><td>Email</td></tr></table>", "trang web"),
            ("\ufeff<?xml version='1.0'?>".encode(), "XML"),
        ):
            with self.subTest(content[:60]):
                self.assertIn(words, self.refused(content))

    def test_a_sheet_is_of_a_workbook_only(self):
        self.assertIn("XLSX", self.refused(text(HEAD, ROW).encode(), "--sheet", "Bảng 1"))


class WorkbookTests(TableTestCase):
    def test_the_saved_value_of_a_formula_is_read(self):
        self.load(
            with_cells(
                '<c r="A2" t="str"><f>LOWER(D2)</f><v>pao@hagiang.gov.vn</v></c>',
                '<c r="B2" t="str"><f t="shared" ref="B2:B3" si="0">D2</f><v>Giàng A Páo</v></c>',
                '<c r="C2"><f>1*D3</f><v>912466981.0</v></c>',
            )
        )

        self.assert_pao()

    def test_a_formula_whose_value_was_not_saved_is_a_fault_of_its_cell(self):
        for cell in ('<c r="B2"><f>D2</f></c>', '<c r="B2"><f>D2</f><v/></c>'):
            with self.subTest(cell):
                said = self.refused(
                    with_cells('<c r="A2" t="inlineStr"><is><t>pao</t></is></c>', cell)
                )

                self.assertIn("Ô B2", said)
                self.assertIn("chưa có kết quả được lưu", said)

    def test_a_formula_that_gives_nothing_is_an_empty_cell(self):
        self.load(
            with_cells(
                '<c r="A2" t="inlineStr"><is><t>pao</t></is></c>',
                '<c r="B2" t="str"><f>D2</f><v></v></c>',
            )
        )

        self.assertEqual(Account.objects.get().full_name, "")

    def test_an_error_of_the_spreadsheet_is_a_fault_that_names_cell_and_value(self):
        errors = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!")
        for error in errors:
            with self.subTest(error):
                said = self.refused(
                    with_cells(
                        '<c r="A2" t="inlineStr"><is><t>pao</t></is></c>',
                        f'<c r="B2" t="e"><v>{error}</v></c>',
                    )
                )

                self.assertIn(f"Ô B2 “{error}”", said)
                self.assertIn("lỗi của bảng tính", said)

    def test_it_is_a_fault_in_a_text_file_too_and_none_in_a_column_that_is_left_out(self):
        said = self.refused(text(HEAD, ["pao", "Err:502", "#N/A"]).encode())
        self.assertIn("Ô B2 “Err:502”", said)
        self.assertIn("Ô C2 “#N/A”", said)

        self.load(text(["Email", "Chức vụ"], ["pao", "#N/A"]).encode())
        self.assertTrue(Account.objects.exists())

    def test_a_merged_cell_is_each_line_s_and_is_told(self):
        made, (sheet,) = book(
            [
                ["DANH SÁCH"],
                ["Email", "Cơ quan", "Liên hệ"],
                ["", "", "Di động"],
                ["pao", "Sở Y tế", "0912466981"],
                ["mua"],
                ["sung", "Sở Nội vụ"],
            ]
        )
        for cells in ("A1:C1", "A2:A3", "B2:B3", "B4:B5"):
            sheet.merge_cells(cells)

        said = self.load(saved(made), "--add-units")

        self.assertIn("Ô gộp B4:B5", said)
        self.assertNotIn("A2:A3", said)
        units = {account.address.split("@")[0]: str(account.unit) for account in everybody()}
        self.assertEqual(units, {"pao": "Sở Y tế", "mua": "Sở Y tế", "sung": "Sở Nội vụ"})

    def test_a_unit_that_is_not_there_is_refused_with_the_switch_that_makes_it(self):
        content = text(["Email", "Đơn vị"], ["pao", "Sở Ngoại"], delimiter=",").encode()

        self.assertIn("--add-units makes", self.refused(content))

    def test_too_many_merged_cells_are_refused(self):
        made, (sheet,) = book([HEAD, ROW])
        for row in range(3, 1200):
            sheet.cell(row, 1).value = f"a{row}"
        merges = "".join('<mergeCell ref="B2:B1048576"/>' for _ in range(120))
        content = saved(made)
        with_merges = sheet_of(content).replace(
            b"</sheetData>", f"</sheetData><mergeCells>{merges}</mergeCells>".encode()
        )

        self.assertIn("quá nhiều ô gộp", self.refused(with_part(content, SHEET, with_merges)))

    def test_the_sheet_that_has_the_table_is_found(self):
        made, (first, *_others) = book([["Mã"], [1]], [["Mã", "Tên"], [1, "x"]], [HEAD, ROW])
        first.sheet_state = "hidden"

        said = self.load(saved(made))

        self.assertIn("Không đọc trang tính ẩn “Bảng 1”.", said)
        self.assertIn("Đọc trang tính “Bảng 3”", said)
        self.assert_pao()

    def test_a_visible_sheet_goes_before_a_hidden_one_that_is_told(self):
        made, (first, _second) = book([HEAD, ["cu", "Người cũ", ""]], [HEAD, ROW])
        first.sheet_state = "hidden"

        said = self.load(saved(made))

        self.assertIn("Không đọc trang tính ẩn “Bảng 1”", said)
        self.assert_pao()

    def test_another_sheet_is_read_where_it_is_named(self):
        made, _ = book([HEAD, ["cu", "Người cũ", ""]], [HEAD, ROW])
        content = saved(made)
        self.assertIn("Không đọc trang tính “Bảng 2”", self.load(content, apply=False))

        self.load(content, "--sheet", "bảng 2")

        self.assert_pao()
        self.assertIn("“Bảng 1”, “Bảng 2”", self.refused(content, "--sheet", "Bảng 9"))

    def test_a_hidden_sheet_alone_is_taken_only_where_somebody_means_it(self):
        made, (first, _second) = book([HEAD, ROW], [["Hướng dẫn"]])
        for state in ("hidden", "veryHidden"):
            first.sheet_state = state
            content = saved(made)

            self.assertIn("The sheet is hidden", self.load(content, apply=False))
            self.assertIn("Nothing was loaded", self.refused(content, "--apply"))
            self.load(content, "--sheet", "Bảng 1")

            self.assert_pao()

    def test_hidden_rows_are_taken_only_where_somebody_means_it(self):
        made, (sheet,) = book([HEAD, ROW, ["mua", "", ""], ["a..b", "", ""]])
        sheet.row_dimensions[3].hidden = True
        sheet.row_dimensions[4].hidden = True
        content = saved(made)

        said = self.load(content, apply=False)
        self.assertIn("created: 1", said)
        self.assertIn("hidden rows: 2", said)
        self.assertIn("2 rows are hidden", self.refused(content, "--apply"))
        self.assertIn("Ô A4 “a..b”", self.refused(content, "--hidden-rows", "take"))

        self.load(content, "--hidden-rows", "skip")

        self.assertEqual(Account.objects.count(), 1)
        self.assert_pao()

    def test_hidden_columns_are_told(self):
        made, (sheet,) = book([HEAD, ROW])
        sheet.column_dimensions["C"].hidden = True

        self.assertIn("Cột ẩn C", self.load(saved(made)))

    def test_what_stands_beside_the_table_is_told(self):
        made, _ = book([HEAD, [*ROW, "", "ghi thêm"]])

        self.assertIn("E (không có tên)", self.load(saved(made)))
        self.assert_pao()

    def test_a_day_is_no_text(self):
        made, _ = book([[*HEAD, "Ngày sinh"], ["pao", date(1990, 1, 2), "", date(1990, 1, 2)]])

        said = self.refused(saved(made))

        self.assertIn("Ô B2", said)
        self.assertIn("ngày tháng", said)
        self.assertIn("1 faults", said)

    def test_faults_are_written_for_nobody_else_to_read_and_are_said_where_that_fails(self):
        wrong = text(HEAD, ["pao", "Giàng A Páo", "12"]).encode()
        with tempfile.TemporaryDirectory() as directory:
            kept = Path(directory) / "faults.csv"
            kept.touch(0o644)
            self.refused(wrong, "--faults", str(kept))

            self.assertIn("pao" + OFFICE, kept.read_text("utf-8-sig"))
            self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)

            said = self.refused(wrong, "--faults", str(Path(directory) / "no" / "faults.csv"))

        self.assertIn("2: pao" + OFFICE, said)
        self.assertIn("faults.csv cannot be written: No such file", said)

    def test_a_table_far_down_and_names_of_cells_harm_nobody(self):
        made, (sheet,) = book([])
        made.defined_names["x"] = DefinedName("x", attr_text="'Bảng 1'!$A$1")
        for column, (head, cell) in enumerate(zip(HEAD, ROW, strict=True), 1):
            sheet.cell(200_000, column).value = head
            sheet.cell(200_001, column).value = cell

        self.load(saved(made))

        self.assert_pao()


class ColumnTests(TableTestCase):
    def test_a_name_in_two_columns_is_one(self):
        self.load(
            text(
                ["Email", "Họ và tên đệm", "Tên", "SĐT"], ["pao", "Giàng A", "Páo", ROW[2]]
            ).encode()
        )

        self.assert_pao()

    def test_a_name_in_three_columns_is_one(self):
        header = ["Email", "Họ", "Tên đệm", "Tên", "SĐT"]
        self.load(text(header, ["pao", "Giàng", "A", "Páo", ROW[2]]).encode())

        self.assert_pao()

    def test_rows_that_have_only_a_number_are_left_out_and_told(self):
        rows = [["1", *ROW], ["2", "", "", ""], ["3", "", "", ""]]

        said = self.load(text(["STT", *HEAD], *rows).encode())

        self.assertIn("Bỏ qua 2 dòng trống", said)
        self.assert_pao()

    def test_a_vague_heading_gives_way_to_a_sure_one(self):
        self.load(
            text(
                ["Địa chỉ", "Họ tên", "Tên", "E-mail", "Điện thoại", "Điện thoại di động"],
                ["Tổ 4, Đồng Văn", "Giàng A Páo", "Páo", "pao", "02193866999", "0912466981"],
            ).encode()
        )

        self.assert_pao()

    def test_a_column_that_is_not_ours_is_left_out_and_named(self):
        said = self.load(text(["Email", "Chức vụ", "is_staff"], ["pao", "Phó", "1"]).encode())

        self.assertIn("Không nhập các cột: “Chức vụ”, “is_staff”", said)
        self.assertFalse(Account.objects.get().is_staff)

    def test_kinds_and_marks_are_read_without_accents(self):
        for kind, stored in (
            ("ca nhan", "person"),
            ("CÁ  NHÂN", "person"),
            ("To chuc", "organisation"),
            ("Tổ chức", "organisation"),
            ("person", "person"),
            ("cá nhân", "person"),
        ):
            with self.subTest(kind):
                self.load(text(["Email", "Loại", "Mật khẩu mặc định"], ["a", kind, "Co"]).encode())

                account = Account.objects.get()
                self.assertEqual((account.kind, account.has_default_password), (stored, True))
                account.delete()

    def test_a_number_is_read_as_the_page_of_phones_reads_it(self):
        for number in ("\u202a+84 912 466 981\u202c", "'0912466981", "tel:0912/466/981 (Zalo)"):
            with self.subTest(number):
                self.load(text(HEAD, [*ROW[:2], number]).encode())

                self.assert_pao()

    def test_a_fault_shows_cell_and_what_was_typed_but_no_whole_number(self):
        said = self.refused(
            text(
                [*HEAD, "Loại", "hash"],
                ["Ana@@x", "Tên", "0912.466.98", "Robot", "Mat-khau-1"],
                ["0912466981x@gmail.com", "=x", "0912466981, 0987466982", "", ""],
                ["b", "a\u200bb", "01695678945", "", ""],
            ).encode()
        )

        for words in (
            "2: Ana@@x: Ô A2 “Ana@@x”: ",
            "Ô C2 “••••.••6.98”: Số điện thoại còn thiếu 1 chữ số. Hãy xem lại số.",
            "Ô D2 “Robot”: Loại",
            "Ô E2: ",
            "Ô A3 “•••••••981x@gmail.com”: Chỉ nhận",
            "Ô B3 “=x”: ",
            "Ô C3 “••••••••••, •••••••982”: Có nhiều số điện thoại. Hãy để lại một số.",
            "Ô B4 “a<U+200B>b”: Ô có ký tự không nhìn thấy được (U+200B)",
            "Số 11 chữ số này đã được chuyển sang 10 chữ số, nay bắt đầu bằng 039.",
        ):
            with self.subTest(words):
                self.assertIn(words, said)
        for secret in ("0912466981", "5678945", "Mat-khau-1"):
            self.assertNotIn(secret, said)


class OwnListTests(TableTestCase):
    """The list that the portal gives away, edited and loaded again."""

    def setUp(self):
        office = Unit.objects.create(name="Văn phòng", parent=Unit.objects.create(name="Sở Y tế"))
        self.an = cast.make("an", full_name="=Ân", unit=office, phone="+84987466981")
        cast.make("em", full_name="＝Em")
        self.ha = cast.make("ha", full_name="Hà Thị", kind="organisation")
        self.huong = cast.make_staff("huong", "province-it", full_name="Hương")

    def listed(self):
        return b"".join(write_csv(EXPORTED, _lines(Account.objects.order_by("address"))))

    def test_nothing_changes_but_what_was_edited(self):
        before = list(Account.objects.order_by("pk").values())

        said = self.load(self.listed())

        self.assertIn("unchanged: 4", said)
        self.assertEqual(list(Account.objects.order_by("pk").values()), before)

        self.load(self.listed().replace("Hà Thị".encode(), "Hà Thị Bé".encode()))

        self.ha.refresh_from_db()
        self.assertEqual(self.ha.full_name, "Hà Thị Bé")
        self.assertEqual(
            list(Account.objects.exclude(pk=self.ha.pk).order_by("pk").values()),
            [row for row in before if row["id"] != self.ha.pk],
        )

    def test_staff_are_not_edited_so(self):
        said = self.refused(self.listed().replace("Hương".encode(), "Khác".encode()), "--apply")

        self.assertIn("quản trị", said)


def everybody():
    return Account.objects.select_related("unit")


def sheet_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(SHEET)
