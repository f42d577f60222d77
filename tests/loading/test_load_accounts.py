"""IT loads a file of accounts: tried out, confirmed, taken in whole or not at all."""

import csv
import io

from django.test import Client, TestCase, override_settings
from openpyxl import Workbook

from accounts.loading import account_table
from accounts.models import Account, Address, AuditEvent, Job, Unit
from accounts.spreadsheets import reading
from tests.support import cast
from tests.support.cast import PASSWORD
from tests.support.loading import HASH, JOB, LIST, LOAD, Loaders, csv_of, xlsx_of

OFFICE = "@hagiang.gov.vn"


def account(name):
    return Account.objects.get(address=name + OFFICE)


class LoadTests(Loaders, TestCase):
    def setUp(self):
        super().setUp()
        health = Unit.objects.create(name="Sở Y tế", code="SYT")
        self.office = Unit.objects.create(name="Văn phòng", parent=health)

    def test_nothing_happens_before_it_is_confirmed(self):
        job = self.upload(csv_of(["giang", "Giàng A Páo", "", "", "", "", ""]))

        r = self.client.get(JOB.format(job.pk))

        self.assertContains(r, "Tài khoản mới: 1")
        self.assertContains(r, "giang@hagiang.gov.vn")
        self.assertFalse(Account.objects.filter(address__startswith="giang").exists())

    def test_a_confirmed_file_makes_accounts(self):
        job = self.upload(
            csv_of(
                ["giang", "Giàng A Páo", "cá nhân", "sở y tế/VĂN PHÒNG", "0912 466 981", "x", HASH],
                ["so.y.te@hagiang.gov.vn", "Sở Y tế", "Tổ chức", "SYT", "", "", ""],
            )
        )
        job = self.confirm(job)

        giang, office = account("giang"), account("so.y.te")
        self.assertEqual(job.state, "done")
        self.assertEqual((giang.full_name, giang.kind), ("Giàng A Páo", "person"))
        self.assertEqual((giang.unit, office.unit.code), (self.office, "SYT"))
        self.assertEqual((giang.phone, giang.phone_is_confirmed), ("+84912466981", False))
        self.assertTrue(giang.has_default_password)
        self.assertTrue(giang.check_password(PASSWORD))
        self.assertEqual(office.kind, "organisation")
        self.assertFalse(office.has_usable_password() or office.has_default_password)
        self.assertTrue(giang.is_active and not giang.is_staff and not giang.is_superuser)

    def test_an_xlsx_with_vietnamese_headings_does_the_same(self):
        header = ["STT", "Họ và tên", "Địa chỉ thư điện tử", "Số điện thoại", "Đơn vị", "Ghi chú"]
        job = self.upload(
            xlsx_of([1, "Giàng A Páo", "giang", 912466981, "SYT", "x"], header=header), "a.xlsx"
        )
        self.confirm(job)

        # The spreadsheet had eaten the zero.
        self.assertEqual(account("giang").phone, "+84912466981")

    def test_other_separators_and_a_byte_order_mark_are_understood(self):
        for text in (
            "\ufeffaddress,full_name\r\ngiang,Giàng\r\n",
            "address;full_name\ngiang;Giàng\n",
            "Email\tHọ tên\ngiang\tGiàng",
        ):
            with self.subTest(text):
                job = self.upload(text.encode())

                self.assertEqual((job.state, job.result["created"]), ("asking", 1))

    def test_an_existing_account_gets_only_what_the_columns_bring(self):
        before = account("an")
        row = ["AN@hagiang.gov.vn", "Lý Văn Ân", "", "SYT", "0912 466 982", "1", HASH]
        job = self.confirm(self.upload(csv_of(row)))

        after = account("an")
        self.assertEqual((after.full_name, after.unit.code), ("Lý Văn Ân", "SYT"))
        for column in ("kind", "phone", "password", "is_active", "has_default_password"):
            with self.subTest(column):
                self.assertEqual(getattr(after, column), getattr(before, column))
        self.assertEqual((job.result["updated"], job.result["phones_kept"]), (1, 1))

    def test_a_unit_that_is_not_there_is_named_with_the_box_that_makes_it(self):
        job = self.upload(csv_of(["giang", "", "", "Sở Nội vụ/Phòng A", "", "", ""]))

        self.assertIn("“Sở Nội vụ/Phòng A”", job.faults[0][2])
        self.assertIn("“Tạo đơn vị chưa có trong hệ thống”", job.faults[0][2])
        self.assertNotIn("--add-units", job.faults[0][2])  # that is for a terminal

    def test_who_cannot_get_in_yet_is_counted_before_and_after(self):
        rows = (
            ["giang", "", "", "", "", "", HASH],
            ["mua", "", "", "", "0912466981", "", ""],
            ["sung", "", "", "", "", "1", ""],
            ["an", "Lý Văn Ân", "", "", "", "", ""],
        )
        told = "2 tài khoản chưa có cách đăng nhập"
        job = self.upload(csv_of(*rows))
        self.assertContains(self.client.get(JOB.format(job.pk)), told)

        job = self.confirm(job)

        self.assertEqual(job.result["without_way_in"], 2)
        self.assertContains(self.client.get(JOB.format(job.pk)), told)

    def test_nobody_is_left_out_where_all_bring_a_password(self):
        job = self.upload(csv_of(["giang", "", "", "", "", "", HASH]))

        self.assertNotContains(self.client.get(JOB.format(job.pk)), "chưa có cách đăng nhập")

    @override_settings(PHONE_CONFIRMATION=False)
    def test_a_number_that_counts_at_once_is_a_way_in(self):
        job = self.upload(csv_of(["mua", "", "", "", "0912466981", "", ""]))

        self.assertEqual(job.result["without_way_in"], 0)

    def test_locks_are_left_alone(self):
        self.confirm(self.upload(csv_of(["chi", "Chi", *[""] * 5], ["dung", "Dung", *[""] * 5])))

        self.assertTrue(account("chi").is_locked)
        self.assertFalse(account("dung").is_active)

    def test_a_first_number_waits_for_its_owner(self):
        self.confirm(self.upload(csv_of(["binh", "", "", "", "0912466981", "", ""])))

        self.assertEqual(account("binh").phone, "+84912466981")
        self.assertFalse(account("binh").is_recoverable)

    @override_settings(PHONE_CONFIRMATION=False)
    def test_no_number_is_entered_where_it_would_count_at_once(self):
        job = self.confirm(self.upload(csv_of(["binh", "", "", "", "0912466981", "", ""])))

        self.assertEqual(account("binh").phone, "")
        self.assertEqual(job.result["phones_kept"], 1)

    def test_an_account_that_stays_as_it_is_counts_as_unchanged(self):
        job = self.upload(csv_of(["an", "Lý Văn An", "cá nhân", "", "0987466981", "", ""]))

        self.assertEqual((job.result["unchanged"], job.result["updated"]), (1, 0))

    def test_staff_are_never_touched(self):
        for name in ("huong", "HUONG@hagiang.gov.vn"):
            job = self.upload(csv_of([name, "Ai đó", *[""] * 5], ["giang", *[""] * 6]))

            self.assertIn("quản trị", self.reasons(job)[2])
            self.assertEqual(job.state, "refused")

    def test_an_alias_is_no_account(self):
        Address.objects.create(address="van.an" + OFFICE, account=self.an)

        job = self.upload(csv_of(["van.an", "Khác", *[""] * 5]))

        self.assertIn("địa chỉ phụ", self.reasons(job)[2])

    def test_one_bad_row_and_nothing_is_taken(self):
        rows = [[f"nguoi.{n}", *[""] * 6] for n in range(5)]
        job = self.upload(csv_of(*rows, ["x y z", *[""] * 6]))

        self.client.post(JOB.format(job.pk), {"confirm": "1"})
        self.worked(job)

        self.assertEqual(job.state, "refused")
        self.assertFalse(Account.objects.filter(address__startswith="nguoi").exists())

    def test_every_bad_row_is_named_with_its_number_and_every_reason(self):
        job = self.upload(
            csv_of(
                ["giang", *[""] * 6],
                ["", "Ai", *[""] * 5],
                ["a@gmail.com", *[""] * 6],
                ["a b", *[""] * 6],
                ["b1", "", "robot", "Sở Lạ", "0219350103", "maybe", PASSWORD],
                ["b2", "", "", "", "01695678945", "", "{MD5}x"],
                ["b3", '"=cmd()"', "", "+x", "091", "", ""],
                ["b4", "x" * 151, "", "", "09124669811", "", ""],
                ["b5", "", "", "", "+85512345678", "", ""],
                ["b6", "", "", ""],
            )
        )
        said = {row: [] for row, _, _ in job.faults}
        for row, _, reason in job.faults:
            said[row].append(reason)
        for row, *words in (
            (3, "Thiếu địa chỉ"),
            (4, "Chỉ nhận địa chỉ thư công vụ có đuôi"),
            (5, "viết chưa đúng"),
            (6, "Loại", "Không có đơn vị này", "không nhận được SMS", "mặc định", "dạng chữ"),
            (7, "Số 11 chữ số này", "{MD5}"),
            (8, "công thức", "Đơn vị không được", "thiếu 7 chữ số"),
            (9, "150 ký tự", "thừa 1 chữ số"),
            (10, "Việt Nam"),
            (11, "ít ô hơn"),
        ):
            with self.subTest(row):
                for word in words:
                    self.assertIn(word, " ".join(said[row]))
        self.assertNotIn(2, said)
        everything = str(job.faults) + str(job.result)
        for secret in (PASSWORD, "5678945", "0219350103"):
            self.assertNotIn(secret, everything)

    def test_the_faults_can_be_taken_away_as_a_table_without_formulas(self):
        job = self.upload(csv_of(["a b", *[""] * 6], ["=x", *[""] * 6]))

        r = self.client.get(f"{JOB.format(job.pk)}loi.csv")

        lines = list(csv.reader(io.StringIO(r.getvalue().decode("utf-8-sig"))))
        self.assertEqual(lines[0], ["Dòng", "Địa chỉ", "Lỗi"])
        self.assertEqual([line[0] for line in lines[1:]], ["2", "3"])
        self.assertIn("attachment", r.headers["Content-Disposition"])

    def test_the_file_itself_comes_back_with_a_column_of_faults(self):
        rows = [["giang", "Giàng", "0912466981"], ["x y", "=x", "091246698"]]
        lines = [["DANH SÁCH"], [], ["Email", "Họ tên", "SĐT"], *rows, [], ["a..b", "Ab", ""]]
        book = Workbook()
        for line in lines:
            book.active.append(line)
        file = io.BytesIO()
        book.save(file)
        text = "\r\n".join(";".join(line) for line in lines)
        for content in (file.getvalue(), text.encode()):
            job = self.upload(content)
            page = f"{JOB.format(job.pk)}tep/"
            self.assertContains(self.client.get(JOB.format(job.pk)), page)

            r = self.client.get(page)

            table = account_table.read(r.content)
            self.assertEqual(r.content[:2] == b"PK", content[:2] == b"PK")
            self.assertEqual((table.heading, table.header[3]), (3, "Lỗi"))
            self.assertEqual([row.number for row in table.rows], [4, 5, 7])
            self.assertEqual(table.rows[0].cells, ("giang", "Giàng", "0912466981", ""))
            for words in ("Ô A5 “x y”", "Ô B5 “=x”", "Ô C5 “"):
                self.assertIn(words, table.rows[1].cells[3])
            self.assertIn("attachment", r.headers["Content-Disposition"])

        mended = r.content.replace(b"x y", b"xy").replace(b"'=x", b"x").replace(b"..", b".")
        job = self.upload(mended.replace(b'"091246698"', b'"0912466982"'))
        self.assertEqual((job.state, job.result["created"]), ("asking", 3))
        self.assertEqual(job.result["notices"], [])
        self.assertEqual(self.client.get(f"{JOB.format(job.pk)}tep/").status_code, 404)

    def test_an_address_that_stands_twice_is_named_in_both_rows(self):
        job = self.upload(
            csv_of(["giang", *[""] * 6], ["other", *[""] * 6], ["GIANG@hagiang.gov.vn", *[""] * 6])
        )

        self.assertIn("dòng 4", self.reasons(job)[2])
        self.assertIn("dòng 2", self.reasons(job)[4])
        self.assertNotIn(3, self.reasons(job))

    def test_missing_units_are_made_only_where_that_was_ticked(self):
        file = csv_of(["giang", "", "", "Sở Y tế/Phòng mới/Tổ 1", *[""] * 3])
        self.assertIn("Không có đơn vị", self.reasons(self.upload(file))[2])

        job = self.upload(file, add_units="on")
        self.assertEqual(job.result["units"], ["Phòng mới", "Tổ 1"])
        self.confirm(job)

        unit = account("giang").unit
        self.assertEqual(
            (unit.name, unit.parent.name, unit.parent.parent.code), ("Tổ 1", "Phòng mới", "SYT")
        )
        self.assertEqual(Unit.objects.count(), 4)

    def test_a_short_name_of_two_units_is_refused(self):
        Unit.objects.create(name="Sở Y tế II", code="SYT")

        job = self.upload(csv_of(["giang", "", "", "SYT", "", "", ""]))

        self.assertIn("nhiều đơn vị", self.reasons(job)[2])

    def test_columns_that_are_not_ours_are_left_out_by_name(self):
        for name in ("màu", "is_staff", "is_superuser"):
            with self.subTest(name):
                job = self.upload(csv_of(["giang", "1"], header=["address", name]))

                said = f"Không nhập các cột: “{name}”"
                self.assertContains(self.client.get(JOB.format(job.pk)), said)
        self.confirm(job)
        self.assertFalse(account("giang").is_staff or account("giang").is_superuser)

    def test_headings_that_cannot_be_taken_are_refused_by_name(self):
        for header, word in (
            (["address", "mật khẩu"], "Không nhập mật khẩu dạng chữ"),
            (["address", "email"], "hai lần"),
            (["full_name", "phone"], "Địa chỉ thư điện tử"),
        ):
            with self.subTest(header):
                job = self.upload(csv_of(["giang", "x"], header=header))

                self.assertIn(word, job.result["sentence"])
                self.assertEqual(job.state, "refused")

    def test_it_is_put_on_record_for_each_account(self):
        rows = ["giang", *[""] * 6], ["an", "Lý Ân", *[""] * 5], ["binh", *[""] * 6]
        self.confirm(self.upload(csv_of(*rows)))

        events = AuditEvent.objects.filter(event="imported").order_by("pk")
        self.assertEqual(
            [(event.account.address, event.detail) for event in events],
            [("giang" + OFFICE, {"new": True}), ("an" + OFFICE, {"fields": ["full_name"]})],
        )
        self.assertEqual({event.actor for event in events}, {self.huong})
        self.assertEqual({event.client for event in events}, {"127.0.0.1"})

    def test_the_file_is_forgotten_when_it_is_done_or_refused(self):
        good = self.upload(csv_of(["giang", *[""] * 6]))
        self.assertIsNotNone(good.file)

        self.assertIsNone(self.confirm(good).file)
        self.assertIsNone(self.upload(csv_of(["x y", *[""] * 6])).file)

    def test_the_preview_shows_no_full_number_and_no_hash(self):
        job = self.upload(csv_of(["giang", "", "", "", "0912466981", "", HASH]))

        r = self.client.get(JOB.format(job.pk))

        self.assertContains(r, "***981")
        for secret in ("912466981", "466981", HASH[6:]):
            self.assertNotContains(r, secret)

    def test_it_can_be_dropped(self):
        job = self.upload(csv_of(["giang", *[""] * 6]))

        r = self.client.post(JOB.format(job.pk), {"drop": "1"})

        self.assertRedirects(r, LIST)
        self.assertFalse(Job.objects.exists())

    def test_to_confirm_twice_does_it_once(self):
        job = self.upload(csv_of(["giang", *[""] * 6]))
        self.confirm(job)
        self.confirm(job)

        self.assertEqual(AuditEvent.objects.filter(event="imported").count(), 1)

    def test_what_has_changed_meanwhile_is_looked_at_again(self):
        job = self.upload(csv_of(["an", "Khác", *[""] * 5]))
        Account.objects.filter(pk=self.an.pk).update(is_staff=True)

        job = self.confirm(job)

        self.assertEqual(job.state, "refused")
        self.assertEqual(account("an").full_name, "Lý Văn An")

    def test_the_page_names_the_columns_and_what_they_change(self):
        r = self.client.get(LOAD)

        self.assertContains(
            r, '<td lang="vi">Chuỗi băm mật khẩu</td><td>password_hash</td>', html=True
        )
        self.assertContains(r, "Tài khoản đã có: chỉ sửa họ và tên, loại, đơn vị; ô trống")

    def test_the_preview_shows_each_column_under_its_heading(self):
        row = ["giang", "Giàng A Páo", "tổ chức", "Sở Y tế/Văn phòng", "0912466981", "", ""]
        job = self.upload(csv_of(row))

        r = self.client.get(JOB.format(job.pk))

        heads = ("Dòng", "Địa chỉ", "Họ và tên", "Loại", "Đơn vị", "Số điện thoại", "Kết quả")
        cells = ("2", f"giang{OFFICE}", "Giàng A Páo", "tổ chức", "Văn phòng", "***981", "mới")
        self.assertEqual(tuple(job.result["sample"][0]), cells)
        self.assertContains(r, "".join(f'<th scope="col">{head}</th>' for head in heads))

    def test_an_empty_table_to_fill_in_can_be_fetched(self):
        table = self.client.get(f"{LOAD}mau.csv").getvalue()

        self.assertIn("Địa chỉ thư điện tử", table.decode())
        job = self.upload(table + b'"giang","","","","","",""\r\n')
        self.assertEqual(job.result["created"], 1)


class MeanwhileTests(cast.Cast, TestCase):
    """Somebody else changes an account after it was read, and before it is written."""

    def setUp(self):
        self.set_up_people()

    def load(self, *rows, meanwhile):
        table = reading.read(csv_of(*rows, ["giang", *[""] * 6]))
        outcome = account_table.run(table, apply=True, progress=lambda count: meanwhile())
        self.assertIn("vừa thay đổi", outcome.faults[0].reason)
        self.assertFalse(AuditEvent.objects.filter(event="imported").exists())
        return outcome

    def test_somebody_becomes_staff(self):
        people = Account.objects.filter(pk=self.an.pk)

        self.load(["an", "Khác", *[""] * 5], meanwhile=lambda: people.update(is_staff=True))

        self.assertEqual(account("an").full_name, "Lý Văn An")
        self.assertFalse(Account.objects.filter(address="giang" + OFFICE).exists())

    def test_somebody_enters_a_number(self):
        people = Account.objects.filter(pk=self.binh.pk)

        self.load(
            ["binh", "", "", "", "0912466981", "", ""],
            meanwhile=lambda: people.update(phone="+84912466982"),
        )

        self.assertEqual(account("binh").phone, "+84912466982")

    def test_the_address_is_given_to_somebody(self):
        def meanwhile():
            if not Account.objects.filter(address="giang" + OFFICE).exists():
                cast.make("giang", full_name="Khác")

        self.load(meanwhile=meanwhile)

        self.assertEqual(account("giang").full_name, "Khác")


class WhoTests(Loaders, TestCase):
    pages = (LOAD, f"{LOAD}mau.csv")

    def test_only_the_province_s_it_loads_files(self):
        for role, status in (("hotline", 403), ("unit-it", 403), ("auditor", 403)):
            staff = cast.make_staff(f"nguoi.{role}", role)
            self.come_in(staff, client=(browser := Client()))
            for page in self.pages:
                with self.subTest(role=role, page=page):
                    self.assertEqual(browser.get(page).status_code, status)
                    self.assertIn(browser.post(page).status_code, (status, 405))

    def test_everybody_else_finds_no_such_page(self):
        self.log_in("an", client=(an := Client()))
        for page in (*self.pages, JOB.format(1)):
            with self.subTest(page):
                self.assertEqual(an.get(page).status_code, 404)

    def test_the_second_factor_is_asked_first(self):
        browser = Client()
        self.log_in(self.huong.address, client=browser)

        self.assertIn("yeu-to-thu-hai", browser.get(LOAD).url)

    def test_somebody_else_s_job_is_nowhere(self):
        job = self.upload(csv_of(["giang", *[""] * 6]))
        self.come_in(cast.make_staff("khoa", "province-it"), client=(other := Client()))

        for page in (JOB.format(job.pk), *(JOB.format(job.pk) + at for at in ("loi.csv", "tep/"))):
            self.assertEqual(other.get(page).status_code, 404)
            self.assertIn(other.post(page, {"confirm": "1"}).status_code, (404, 405))

    def test_a_right_that_was_taken_away_stops_what_waits(self):
        job = self.upload(csv_of(["giang", *[""] * 6]))
        self.client.post(JOB.format(job.pk), {"confirm": "1"})
        self.huong.groups.clear()

        job = self.worked(job)

        self.assertEqual(job.state, "refused")
        self.assertFalse(Account.objects.filter(address__startswith="giang").exists())

    def test_a_large_file_is_read_only_for_staff(self):
        large = csv_of(*[[f"nguoi.{n}", "Người " * 10, *[""] * 5] for n in range(1000)])
        self.assertGreater(len(large), 70_000)
        self.assertEqual(self.upload(large).result["created"], 1000)
        self.log_in("an", client=(an := Client()))

        for browser in (an, Client()):
            file = io.BytesIO(large)
            file.name = "a.csv"
            self.assertEqual(browser.post(LOAD, {"file": file}).status_code, 413)

    def test_no_other_page_takes_a_large_request(self):
        r = self.client.post(LIST, {"x": "x" * 70_000})

        self.assertEqual(r.status_code, 413)
