"""Requests about one's data: made with a legal clock, seen by IT, answered once, by mail too."""

import contextlib
import dataclasses
import io
import threading

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, DataRequest, Unit
from accounts.personal_data import rules
from otp.models import Message
from otp.outbox import alerts
from tests.support import cast
from tests.support.clock import Clock
from tests.support.waiting import wait_for, waiting_for_locks

DATA, MAKE = "/cau-hinh/du-lieu/", "/cau-hinh/du-lieu/yeu-cau/"
LIST = "/quan-tri/yeu-cau-du-lieu/"
TEXT = "Họ tên của tôi thiếu chữ đệm."


class Asking(cast.Cast, TestCase):
    """An is of Sở Y tế, Binh of Sở Tài chính; each has an IT."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()
        self.health, self.finance = (
            Unit.objects.create(name=name) for name in ("Sở Y tế", "Sở Tài chính")
        )
        Account.objects.filter(pk=self.an.pk).update(unit=self.health)
        Account.objects.filter(pk=self.binh.pk).update(unit=self.finance)
        self.log_in("an")

    def desk(self, name="it.yte", role="unit-it", unit=None):
        it = Account.objects.filter(address__startswith=f"{name}@").first()
        it = it or cast.make_staff(name, role, unit=unit or self.health)
        self.come_in(it, client=(browser := Client(REMOTE_ADDR="192.0.2.9")))
        return browser

    def make(self, kind="correct", text=TEXT, client=None, **more):
        data = {"kind": kind, "text": text}
        return (client or self.client).post(MAKE, data, **more)

    def assert_made(self, response):
        self.assertEqual((response.status_code, response.headers.get("Location")), (302, DATA))

    def answer(self, browser, asked, outcome="done", text="Đã sửa họ tên."):
        page = f"{LIST}{asked.pk}/"
        return browser.post(page, {"outcome": outcome, "text": text}, follow=True)


class MakingTests(Asking):
    def test_it_is_received_at_once_with_the_day_until_which_it_is_answered(self):
        days = {"correct": "12/03/2026", "erase": "12/03/2026"}
        days |= {"restrict": "17/03/2026", "object": "17/03/2026"}
        for kind, day in days.items():
            with self.subTest(kind):
                page = self.make(kind, follow=True)

                self.assertContains(page, f"Bạn được trả lời chậm nhất ngày {day}.")
                asked = DataRequest.objects.get(kind=kind)
                mail = Message.objects.latest("pk")
                self.assertEqual((mail.to, asked.text), (self.an.address, TEXT))
                self.assertIn(f"chậm nhất ngày {day}", mail.text)
                self.assertIn("lúc 09:00 ngày 02/03/2026", mail.text)
                event = AuditEvent.objects.filter(event="data-requested").latest("pk")
                self.assertEqual((event.account, event.actor), (self.an, self.an))
                self.assertNotIn(TEXT, str(event.detail))

    def test_the_days_are_the_profile_s(self):
        privacy = dataclasses.replace(settings.PROFILE.privacy, erase_days=20)
        profile = dataclasses.replace(settings.PROFILE, privacy=privacy)
        with override_settings(PROFILE=profile):
            self.assertContains(self.client.get(MAKE), "Xóa dữ liệu: trả lời trong 20 ngày")
            self.make("erase")

        self.assertEqual(f"{DataRequest.objects.get().due_on}", "2026-03-22")

    def test_what_is_missing_or_must_not_be_kept_is_said(self):
        for kind, text, words in (
            ("", TEXT, "Hãy chọn điều bạn yêu cầu."),
            ("gift", TEXT, "Hãy chọn một trong các điều dưới đây."),
            ("correct", "  ", "Hãy ghi nội dung yêu cầu."),
            ("correct", "x" * 1001, "dài quá 1000 ký tự"),
            ("correct", "Số của tôi là 0912 345 678", "Đừng ghi số điện thoại"),
        ):
            with self.subTest(words):
                self.assertContains(self.make(kind, text), words)
        self.assertFalse(DataRequest.objects.exists())

    def test_one_of_a_kind_at_a_time_and_it_can_be_withdrawn(self):
        self.make()
        self.assertContains(self.make(), "đang chờ trả lời")
        self.assert_made(self.make("erase"))
        page = f"{MAKE}{DataRequest.objects.get(kind='correct').pk}/rut/"

        self.assertContains(self.client.post(page, follow=True), "Đã rút lại yêu cầu.")

        self.assertContains(self.client.post(page, follow=True), "đã được rút lại")
        self.assertEqual(AuditEvent.objects.filter(event="data-request-withdrawn").count(), 1)
        self.assert_made(self.make())

    def test_behind_many_that_were_answered_it_can_still_be_withdrawn(self):
        self.make("erase")
        old = DataRequest.objects.get()
        self.clock.forward(minutes=1)
        closed = [
            DataRequest(
                account=self.an,
                kind="correct",
                text=TEXT,
                due_on=old.due_on,
                made_at=timezone.now(),
                closed_at=timezone.now(),
                state="withdrawn",
            )
            for _ in range(10)
        ]
        DataRequest.objects.bulk_create(closed)

        page = self.client.get(DATA)

        self.assertContains(page, f"{MAKE}{old.pk}/rut/")
        self.assertContains(page, TEXT, count=10)
        self.assertContains(page, "Trang này chỉ nêu 10 mục mới nhất; tệp JSON có đủ.")

    def test_nobody_withdraws_another_s(self):
        self.make()
        self.log_in("binh", client=(binh := Client()))

        binh.post(f"{MAKE}{DataRequest.objects.get().pk}/rut/")

        self.assertTrue(DataRequest.objects.get().is_open)

    def test_nobody_makes_more_than_the_office_can_answer(self):
        for _ in range(rules.REQUESTS.count):
            asked = rules.make(self.an, kind="correct", text=TEXT)
            rules.withdraw(self.an, asked.pk)

        self.assertContains(self.make(), "Gửi được tiếp từ 09:00 01/04/2026")

        self.assertEqual(DataRequest.objects.count(), rules.REQUESTS.count)
        self.log_in("binh", client=(binh := Client()))
        self.assert_made(self.make(client=binh))

    def test_what_is_refused_costs_nothing(self):
        for _ in range(rules.REQUESTS.count + 1):
            with contextlib.suppress(NotNow):
                rules.make(self.an, kind="correct", text=TEXT)

        self.assertContains(self.make(), "đang chờ trả lời")
        self.assert_made(self.make("erase"))


class AnsweringTests(Asking):
    def test_it_is_answered_and_its_owner_told_on_the_page_and_by_mail(self):
        for outcome, words in (("done", "đã thực hiện"), ("refused", "không thực hiện")):
            with self.subTest(outcome):
                self.make()
                asked = DataRequest.objects.open().get()
                browser = self.desk()
                self.assertContains(browser.get(LIST), self.an.address)
                self.assertContains(browser.get(f"{LIST}{asked.pk}/"), TEXT)

                self.assertContains(self.answer(browser, asked, outcome), "Đã trả lời.")

                mail = Message.objects.latest("pk")
                self.assertEqual(mail.to, self.an.address)
                for text in (mail.text, self.client.get(DATA).content.decode()):
                    self.assertIn(words, text)
                    self.assertIn("Đã sửa họ tên.", text)
                    self.assertNotIn("it.yte", text)
                event = AuditEvent.objects.filter(event="data-request-answered").latest("pk")
                self.assertEqual((event.account, event.detail["outcome"]), (self.an, outcome))
                self.assertNotContains(browser.get(LIST), self.an.address)
                self.assertContains(browser.get(f"{LIST}?loc=da-xong"), self.an.address)

    def test_an_answer_says_something_and_no_number(self):
        self.make()
        asked = DataRequest.objects.get()
        browser = self.desk()
        for outcome, text, words in (
            ("", "x", "Hãy chọn kết quả."),
            ("withdrawn", "x", "Hãy chọn một trong hai kết quả."),
            ("refused", "", "Hãy ghi nội dung trả lời."),
            ("done", "Đã ghi số 0912345678", "Đừng ghi số điện thoại"),
        ):
            with self.subTest(words):
                self.assertContains(self.answer(browser, asked, outcome, text), words)
        self.assertTrue(DataRequest.objects.get().is_open)

    def test_once(self):
        self.make()
        asked = DataRequest.objects.get()
        browser = self.desk()
        self.answer(browser, asked)

        self.assertContains(self.answer(browser, asked, "refused", "Không."), "đã được trả lời")

        asked.refresh_from_db()
        self.assertEqual((asked.state, asked.answer), ("done", "Đã sửa họ tên."))

    def test_what_was_withdrawn_is_not_answered(self):
        self.make()
        asked = DataRequest.objects.get()
        browser = self.desk()
        self.client.post(f"{MAKE}{asked.pk}/rut/")

        self.assertContains(self.answer(browser, asked), "đã được rút lại")

    def test_the_it_of_a_unit_sees_and_answers_its_own_alone(self):
        self.make()
        asked = DataRequest.objects.get()
        theirs = self.desk("it.stc", unit=self.finance)

        self.assertNotContains(theirs.get(LIST), self.an.address)
        self.assertContains(theirs.get(LIST), "0 yêu cầu chờ trả lời")
        self.assertEqual(theirs.get(f"{LIST}{asked.pk}/").status_code, 404)
        self.assertEqual(self.answer(theirs, asked).status_code, 404)
        self.assertNotContains(theirs.get("/quan-tri/"), "1 chờ trả lời")
        province = self.desk("it.tinh", "province-it")
        self.assertContains(province.get("/quan-tri/"), "1 chờ trả lời, 0 quá hạn")
        self.assertContains(self.answer(province, asked), "Đã trả lời.")

    def test_nobody_answers_their_own(self):
        browser = self.desk()
        self.make(client=browser)
        asked = DataRequest.objects.get()
        self.assertNotContains(browser.get(f"{LIST}{asked.pk}/"), 'name="outcome"')

        self.assertContains(self.answer(browser, asked), "của chính bạn")

        self.assertTrue(DataRequest.objects.get().is_open)

    def test_to_erase_leads_to_the_account(self):
        self.make("erase")
        page = self.desk().get(f"{LIST}{DataRequest.objects.get().pk}/")

        self.assertContains(page, f"/quan-tri/accounts/account/{self.an.pk}/change/")
        self.assertContains(page, "cần hai người")
        self.assertContains(page, f"?tai-khoan={self.an.pk}")

    def test_who_read_it_is_on_record(self):
        self.make()
        asked = DataRequest.objects.get()
        browser = self.desk()

        browser.get(f"{LIST}{asked.pk}/")

        event = AuditEvent.objects.filter(event="viewed").latest("pk")
        self.assertEqual((event.account, event.detail["page"]), (self.an, "data-request"))


class DueTests(Asking):
    def test_the_most_urgent_comes_first_and_what_is_overdue_is_marked(self):
        self.make("object")
        self.clock.to(2026, 3, 4, 9, 0)
        self.log_in("an")
        self.make("correct")
        page = self.desk().get(LIST).content.decode()
        self.assertLess(page.index("Sửa dữ liệu"), page.index("Phản đối"))

        for at, overdue in (((3, 14, 23, 59), 0), ((3, 15, 0, 1), 1)):
            self.clock.to(2026, *at)
            with self.subTest(at):
                browser = self.desk()
                page = browser.get(LIST)
                self.assertContains(page, f"trong đó {overdue} yêu cầu đã quá hạn")
                self.assertContains(page, '<span class="badge badge--warning">', count=overdue)
                shown = browser.get(f"{LIST}?loc=qua-han")
                self.assertContains(shown, "Sửa dữ liệu chưa đúng", count=overdue)
                self.assertNotContains(shown, "Phản đối việc")
                self.assertContains(browser.get("/quan-tri/"), f"2 chờ trả lời, {overdue} quá hạn")
                self.log_in("an")
                mine = self.client.get(DATA)
                self.assertContains(mine, '<span class="badge badge--warning">', count=overdue)

    @override_settings(ALERT_EMAILS=["it@example.vn"])
    def test_it_is_told_once_a_day_of_what_is_due(self):
        self.make("erase")
        for at, told in (((9, 23, 59), 0), ((10, 0, 1), 1), ((10, 8, 0), 0), ((11, 0, 2), 1)):
            self.clock.to(2026, 3, *at)
            with self.subTest(at):
                self.assertEqual("data-requests" in alerts.raise_due(), bool(told))
        mail = Message.objects.filter(to="it@example.vn").latest("pk")
        self.assertIn("1 yêu cầu về dữ liệu cá nhân", mail.text)
        self.assertNotIn("an@", mail.text)

        self.answer(self.desk("it.tinh", "province-it"), DataRequest.objects.get())

        self.clock.to(2026, 3, 13, 9, 0)
        self.assertNotIn("data-requests", alerts.raise_due())

    def test_closed_ones_go_with_the_trail_and_open_ones_stay(self):
        self.make("object")
        self.make("correct")
        self.answer(self.desk(), DataRequest.objects.get(kind="correct"))
        with override_settings(AUDIT_RETENTION_DAYS=366):
            self.clock.to(2027, 3, 3, 8, 59)
            call_command("prune", stdout=io.StringIO())
            self.assertEqual(DataRequest.objects.count(), 2)
            self.clock.to(2027, 3, 3, 9, 1)

            call_command("prune", stdout=io.StringIO())

        self.assertEqual(DataRequest.objects.get().kind, "object")


class ParallelTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()

    def at_once(self, count, act):
        """Have threads do the same; give those that are under way."""

        def run():
            with contextlib.closing(connection), contextlib.suppress(NotNow):
                act()

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def test_of_many_at_once_one_is_made_and_told_of(self):
        made = []
        ready = threading.Barrier(6)

        def make():
            ready.wait()
            made.append(rules.make(self.an, kind="erase", text="x"))

        for thread in self.at_once(6, make):
            thread.join()

        self.assertEqual((len(made), DataRequest.objects.count()), (1, 1))
        self.assertEqual(Message.objects.filter(channel="mail").count(), 1)

    def test_of_two_at_once_one_answers_and_is_told_of(self):
        asked = rules.make(self.an, kind="erase", text="x")
        staff = cast.make_staff("it.tinh", "province-it")
        Message.objects.all().delete()

        def answer():
            rules.answer(asked, outcome="done", text="y", by=staff)

        with transaction.atomic():
            DataRequest.objects.select_for_update().get()
            threads = self.at_once(2, answer)
            wait_for(lambda: waiting_for_locks() == 2, "two who answer the same request")
        for thread in threads:
            thread.join()

        self.assertEqual(DataRequest.objects.get().state, "done")
        self.assertEqual(AuditEvent.objects.filter(event="data-request-answered").count(), 1)
        self.assertEqual(Message.objects.filter(channel="mail").count(), 1)
