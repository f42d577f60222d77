"""What the page asks about a file before it can be confirmed: hidden rows, hidden sheets."""

import io

from django.test import TestCase
from openpyxl import Workbook

from accounts.models import Account
from tests.support.loading import JOB, Loaders

CONFIRM = 'name="confirm"'


def workbook(*, hidden_rows=(), sheets=("Bảng",), hidden_sheets=()):
    """Make a workbook; each sheet has three people of its own."""
    book = Workbook()
    book.remove(book.active)
    for place, name in enumerate(sheets):
        sheet = book.create_sheet(name)
        sheet.append(["Email", "Họ tên"])
        for letter in "abc":
            sheet.append([f"{letter}{place}", f"Người {letter.upper()}"])
        for row in hidden_rows:
            sheet.row_dimensions[row].hidden = True
        sheet.sheet_state = "hidden" if name in hidden_sheets else "visible"
    if len(hidden_sheets) == len(sheets):
        book.create_sheet("Hướng dẫn")
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


class QuestionTests(Loaders, TestCase):
    def look_at(self, content):
        job = self.upload(content, "a.xlsx")
        return job, self.client.get(JOB.format(job.pk))

    def answer(self, job, answer):
        self.client.post(JOB.format(job.pk), {"answer": answer})
        self.worked(job)
        return self.client.get(JOB.format(job.pk))

    def loaded(self):
        people = Account.objects.filter(full_name__startswith="Người")
        return sorted(account.address.partition("@")[0] for account in people)

    def test_hidden_rows_are_counted_and_asked_about(self):
        job, r = self.look_at(workbook(hidden_rows=(3, 4)))

        self.assertContains(r, "Tệp có 2 dòng ẩn")
        self.assertContains(r, "Tài khoản mới: 1")
        self.assertNotContains(r, CONFIRM)

        self.client.post(JOB.format(job.pk), {"confirm": "1"})
        self.worked(job)

        self.assertEqual((job.state, self.loaded()), ("asking", []))

    def test_what_was_answered_is_done(self):
        for answer, said, people in (
            ("skip-rows", "Bỏ qua 1 dòng ẩn", ["a0", "c0"]),
            ("take-rows", "1 dòng ẩn cũng được nhập", ["a0", "b0", "c0"]),
        ):
            with self.subTest(answer):
                job, _r = self.look_at(workbook(hidden_rows=(3,)))

                r = self.answer(job, answer)
                self.assertContains(r, said)
                self.assertContains(r, f"Tài khoản mới: {len(people)}")
                self.assertContains(r, CONFIRM)
                self.confirm(job)

                self.assertEqual((job.state, self.loaded()), ("done", people))
                Account.objects.filter(full_name__startswith="Người").delete()

    def test_an_answer_can_be_changed(self):
        job, _r = self.look_at(workbook(hidden_rows=(3,)))
        self.answer(job, "take-rows")

        self.assertContains(self.answer(job, "skip-rows"), "Bỏ qua 1 dòng ẩn")

    def test_a_hidden_sheet_is_asked_about(self):
        job, r = self.look_at(workbook(sheets=("Cũ",), hidden_sheets=("Cũ",)))

        self.assertContains(r, "trang tính ẩn “Cũ”")
        self.assertNotContains(r, CONFIRM)

        self.assertContains(self.answer(job, "sheet:Cũ"), CONFIRM)
        self.confirm(job)

        self.assertEqual(self.loaded(), ["a0", "b0", "c0"])

    def test_another_sheet_can_be_chosen(self):
        job, r = self.look_at(workbook(sheets=("Sở", "Xã", "Cũ"), hidden_sheets=("Cũ",)))
        self.assertContains(r, "Không đọc trang tính “Xã”")
        self.assertContains(r, "Không đọc trang tính ẩn “Cũ”")
        self.assertContains(r, CONFIRM)

        self.assertContains(self.answer(job, "sheet:Xã"), "Đọc trang tính “Xã”")
        self.confirm(job)

        self.assertEqual(self.loaded(), ["a1", "b1", "c1"])

    def test_what_was_not_asked_is_no_answer(self):
        job, _r = self.look_at(workbook())
        for answer in ("take-rows", "sheet:Khác", "", "x"):
            with self.subTest(answer):
                self.answer(job, answer)

                job.refresh_from_db()
                self.assertEqual((job.state, job.options), ("asking", {"add_units": False}))
