"""The page of a file that is loaded: what will be, is being, and has been done."""

import datetime as dt

from django.test import TestCase
from django.utils import timezone

from accounts.models import Job
from tests.support.loading import JOB, LOAD, Loaders, csv_of


class ProgressTests(Loaders, TestCase):
    def page(self, job):
        return self.client.get(JOB.format(job.pk))

    def at_work(self, *, confirmed, done, seconds=10, total=1500):
        """Give the page of a file that was begun with some seconds ago."""
        now = timezone.now()
        began = (now - dt.timedelta(seconds=seconds)).isoformat()
        job = Job.ask_import(self.huong, b"x", add_units=False)
        columns = {"state": "working", "confirmed": confirmed, "done": done, "total": total}
        Job.objects.filter(pk=job.pk).update(changed_at=now, result={"began": began}, **columns)
        return self.page(job)

    def test_before_and_after_are_told_apart(self):
        job = self.upload(csv_of(*[[f"nguoi.{n}", *[""] * 6] for n in range(1500)]))
        self.assertContains(self.page(job), "Sẽ thêm 1.500, cập nhật 0 tài khoản. Chưa có gì")
        self.assertNotContains(self.page(job), "<progress")

        self.confirm(job)

        self.assertContains(self.page(job), "Đã thêm 1.500, cập nhật 0 tài khoản.")
        self.assertNotContains(self.page(job), "Sẽ thêm")

    def test_rows_pace_and_time_left_are_shown_meanwhile(self):
        for confirmed, done, seconds, words in (
            (False, 730, 10, ("Đang kiểm tra 730/1.500", "73 dòng/giây, còn khoảng 11 giây")),
            (True, 730, 100, ("Đang thêm 730/1.500", "7 dòng/giây, còn khoảng 2 phút")),
            (True, 1500, 10, ("Đang ghi 1.500 dòng",)),
            (True, 0, 10, ("Đang thêm 0/1.500",)),
        ):
            with self.subTest(words):
                r = self.at_work(confirmed=confirmed, done=done, seconds=seconds)

                self.assertContains(r, f'max="1500" value="{done}"')
                for some in words:
                    self.assertContains(r, some)
                self.assertEqual("còn khoảng" in r.content.decode(), 0 < done < 1500)

    def test_a_file_whose_rows_are_not_known_yet_has_no_bar(self):
        job = Job.ask_import(self.huong, b"x", add_units=False)

        self.assertNotContains(self.page(job), "<progress")

    def test_another_file_can_be_chosen_whenever_one_was_looked_at(self):
        good, bad = csv_of(["giang", *[""] * 6]), csv_of(["x y", *[""] * 6])
        for content in (good, bad, b"x"):
            with self.subTest(content):
                r = self.page(self.upload(content))

                self.assertContains(r, f'<a href="{LOAD}">Chọn tệp khác</a>', html=True)
        self.assertContains(r, "đã dừng, chưa nhập dữ liệu nào")

    def test_an_empty_workbook_to_fill_in_can_be_fetched(self):
        self.assertContains(self.client.get(LOAD), f"{LOAD}mau.xlsx")

        job = self.upload(self.client.get(f"{LOAD}mau.xlsx").content, "mau.xlsx")

        self.assertIn("chỉ có dòng tiêu đề", job.result["sentence"])
