"""Somebody leaves: shut after the last day, sessions ended, mail forwarded or refused."""

import datetime as dt
import io
import threading
from contextlib import closing

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.leaving import rules
from accounts.models import Account, Address, AuditEvent, Departure, Unit
from accounts.organisation.domains import copy_domains
from otp.models import Message
from tests.support import cast
from tests.support.clock import Clock
from tests.support.forms import drawn_from
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

LIST, PLAN = "/quan-tri/nghi-viec/", "/quan-tri/nghi-viec/moi/"
NO_LONGER = "550 5.1.6 Nguoi nay da nghi viec, hop thu khong con duoc su dung."


def run():
    call_command("run_departures", stdout=io.StringIO())


class Leaving(cast.Cast, TestCase):
    """An leaves; the registry of the office is a mailbox of the organisation."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()
        self.office = Unit.objects.create(name="Sở Y tế")
        Account.objects.filter(pk=self.an.pk).update(unit=self.office)
        self.registry = cast.make("vanthu", kind=Account.Kind.ORGANISATION, unit=self.office)
        Address.objects.create(address="an.cu@hagiang.gov.vn", account=self.an)
        copy_domains()
        self.come_back("it.so", "unit-it")

    def come_back(self, name, role):
        """Sit down at the desk: a session of the staff does not last for days."""
        it = Account.objects.filter(address__startswith=f"{name}@").first()
        it = it or cast.make_staff(name, role, unit=self.office)
        Account.objects.filter(pk=it.pk).update(is_superuser=False)
        self.desk = Client(REMOTE_ADDR="192.0.2.9")
        self.come_in(it, client=self.desk)

    def plan(self, **fields):
        data = {
            "address": "an",
            "last_day": "05/03/2026",
            "forward_to": "",
            "forward_days": "30",
            "sentence": "",
            "why": "QĐ 12/QĐ-SYT",
        }
        return self.desk.post(PLAN, data | fields)

    def mail(self, view, name="an"):
        query = f"SELECT * FROM {view} WHERE local = %s"
        with connection.cursor() as cursor:
            cursor.execute(query, [name])
            return [row[-1] for row in cursor.fetchall()]

    def is_open(self):
        return Account.objects.get(pk=self.an.pk).is_active


class DayTests(Leaving):
    def test_the_account_is_shut_when_the_last_day_is_over(self):
        self.log_in("an")
        self.assertRedirects(self.plan(), LIST)
        self.clock.to(2026, 3, 5, 23, 59)
        run()
        self.assertTrue(self.is_open())
        self.log_in("an")

        self.clock.to(2026, 3, 6, 0, 1)
        run()

        self.assertFalse(self.is_open())
        self.assertRedirects(self.client.get("/"), "/dang-nhap/?next=/")
        self.assertEqual(self.log_in("an").status_code, 200)
        left = AuditEvent.objects.filter(event="left", account=self.an)
        run()
        self.assertEqual(left.count(), 1)

    @override_settings(DOVEADM_URL="http://127.0.0.1:1/", DOVEADM_API_KEY="x")
    def test_mail_programs_and_codes_end_as_well(self):
        self.ask("an", client=(other := Client()))
        self.plan(last_day="01/03/2026")

        kicks = Message.objects.filter(channel="kick", to_masked=self.an.address)
        self.assertTrue(kicks.exists())
        self.guess(cast.newest_code(), other)
        self.assertRedirects(other.get("/quen-mat-khau/mat-khau-moi/"), "/quen-mat-khau/xac-thuc/")

    def test_a_day_gone_by_shuts_at_once(self):
        self.assertRedirects(self.plan(last_day="01/03/2026"), LIST, fetch_redirect_response=False)

        self.assertFalse(self.is_open())
        self.assertContains(self.desk.get(LIST), "Ngày này đã qua: tài khoản vừa được đóng.")

    def test_a_day_to_come_shuts_nothing_and_says_nothing_of_it(self):
        self.plan()

        self.assertNotContains(self.desk.get(LIST), "vừa được đóng")

    def test_the_button_pressed_twice_is_not_asked_for_a_third_time(self):
        self.plan(last_day="01/03/2026")
        page = f"{LIST}{Departure.objects.get().pk}/huy/"
        drawn = drawn_from(self.desk, LIST)
        self.desk.post(page, drawn)

        r = self.desk.post(page, drawn, follow=True)

        self.assertContains(r, "đã được hủy từ trước")
        self.assertNotContains(r, "hãy gửi lại")

    def test_called_off_before_and_after(self):
        for day, then in (("05/03/2026", True), ("01/03/2026", False)):
            with self.subTest(day=day):
                self.plan(last_day=day)
                self.assertEqual(self.is_open(), then)
                page = f"{LIST}{Departure.objects.standing().get().pk}/huy/"
                self.assertContains(self.desk.post(page, follow=True), "Đã hủy.")
                for event in ("departure-planned", "departure-called-off"):
                    self.assertTrue(AuditEvent.objects.filter(event=event, actor__isnull=False))
                self.assertTrue(self.is_open())
                self.assertContains(self.desk.post(page, follow=True), "từ trước")
        self.clock.to(2026, 3, 9, 9, 0)
        run()
        self.assertTrue(self.is_open())

    def test_called_off_it_opens_nothing_that_was_closed_otherwise(self):
        for columns, button, said in (
            ({"is_active": False}, "Hủy ngày nghỉ việc", "vẫn ngừng sử dụng"),
            ({"locked_at": timezone.now()}, "Mở lại tài khoản", "vẫn bị khóa"),
        ):
            with self.subTest(columns=columns), transaction.atomic():
                Account.objects.filter(pk=self.an.pk).update(**columns)
                self.plan(last_day="01/03/2026")

                self.assertContains(self.desk.get(LIST), button)
                page = f"{LIST}{Departure.objects.standing().get().pk}/huy/"
                self.assertContains(self.desk.post(page, follow=True), said)
                self.assertFalse(Account.objects.get(pk=self.an.pk).may_log_in)
                transaction.set_rollback(True)

    def test_one_at_a_time(self):
        self.plan()

        self.assertContains(self.plan(), "đã có ngày nghỉ việc")

    def test_what_cannot_be_is_said(self):
        for fields, said in (
            ({"address": "binh"}, "trong phạm vi của bạn"),
            ({"address": "it.so"}, "trong phạm vi của bạn"),
            ({"address": "khong.co"}, "trong phạm vi của bạn"),
            ({"address": ""}, "Hãy nhập địa chỉ thư của người nghỉ việc."),
            ({"last_day": "31/02/2026"}, "Hãy nhập ngày"),
            ({"last_day": "05/03/2226"}, "quá xa"),
            ({"forward_to": "binh"}, "loại tổ chức"),
            ({"address": "vanthu", "forward_to": "vanthu"}, "một hộp thư khác"),
            ({"forward_to": "vanthu", "forward_days": ""}, "số ngày chuyển thư"),
            ({"forward_to": "vanthu", "forward_days": "366"}, "nhiều nhất 365"),
            ({"why": ""}, "Hãy ghi căn cứ"),
        ):
            with self.subTest(fields=fields):
                self.assertContains(self.plan(**fields), said)
        self.assertFalse(Departure.objects.exists())

    def test_the_list_and_its_units(self):
        self.plan(forward_to="vanthu")

        r = self.desk.get(LIST)
        self.assertContains(r, "an@hagiang.gov.vn")
        self.assertContains(r, "QĐ 12/QĐ-SYT")
        pk = Departure.objects.get().pk
        Account.objects.filter(pk=self.an.pk).update(unit=None)
        self.assertNotContains(self.desk.get(LIST), "an@hagiang.gov.vn")
        self.assertEqual(self.desk.post(f"{LIST}{pk}/huy/").status_code, 404)


class MailTests(Leaving):
    def shut_so_long_ago(self, days):
        # The views ask the server's own clock, as the mail server does.
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_departure SET shut_at = now() - %s::interval",
                [dt.timedelta(days=days)],
            )

    def test_forwarded_for_so_many_days_then_refused(self):
        self.plan(last_day="01/03/2026", forward_to="vanthu", forward_days="10")

        for days, goes_to, told in ((0, [self.registry.address], []), (10, [], [NO_LONGER])):
            self.shut_so_long_ago(days)
            for name in ("an", "an.cu"):
                with self.subTest(days=days, name=name):
                    self.assertEqual(self.mail("mail_forwards", name), goes_to)
                    self.assertEqual(self.mail("mail_refusals", name), told)

    def test_refused_with_a_sentence_without_accents(self):
        self.plan(last_day="01/03/2026", sentence="Đã nghỉ việc, gửi đến văn thư")

        answer = ["550 5.1.6 Da nghi viec, gui den van thu"]
        self.assertEqual(self.mail("mail_refusals"), answer)
        self.assertEqual(self.mail("mail_forwards"), [])

    def test_nothing_before_the_day_and_nothing_after_it_was_called_off(self):
        self.plan(forward_to="vanthu")
        self.assertEqual(self.mail("mail_forwards") + self.mail("mail_refusals"), [])
        self.clock.to(2026, 3, 6, 9, 0)
        run()

        self.come_back("it.so", "unit-it")
        self.desk.post(f"{LIST}{Departure.objects.get().pk}/huy/")

        self.assertEqual(self.mail("mail_forwards") + self.mail("mail_refusals"), [])

    def test_a_mailbox_that_is_shut_itself_gets_nothing(self):
        self.plan(last_day="01/03/2026", forward_to="vanthu")
        self.shut_so_long_ago(0)
        Account.objects.filter(pk=self.registry.pk).update(is_active=False)

        self.assertEqual(self.mail("mail_forwards"), [])
        self.assertEqual(self.mail("mail_refusals"), [NO_LONGER])


class AtOnceTests(cast.Cast, TransactionTestCase):
    def plan_while(self, change, *, forward_to):
        """Plan that An leaves, have `change` made after the form was read; give the answer."""
        desk, answers = Client(raise_request_exception=False), []
        self.come_in(Account.objects.get(address__startswith="it@"), client=desk)
        data = {"address": "an", "last_day": timezone.localdate().strftime("%d/%m/%Y")}
        data |= {"forward_to": forward_to, "forward_days": "30", "why": "QĐ 12/QĐ-SYT"}

        def post():
            with closing(connection):
                answers.append(desk.post(PLAN, data))

        with transaction.atomic():
            change()
            thread = threading.Thread(target=post)
            thread.start()
            wait_for(waiting_for_locks, "the departure to wait for the account")
        thread.join(PATIENCE)
        return answers[0]

    def test_an_account_that_goes_while_it_is_chosen_is_refused_by_its_own_sentence(self):
        self.set_up_people()
        cast.make_staff("it", "province-it")
        registry = cast.make("vanthu", kind=Account.Kind.ORGANISATION)
        no_mailbox = "Chỉ chuyển đến hộp thư loại tổ chức đang sử dụng"
        no_person = "Không có tài khoản này trong phạm vi của bạn"
        mailbox, person = (Account.objects.filter(pk=each.pk) for each in (registry, self.an))
        for change, to, words in (
            (lambda: mailbox.update(is_active=False), "vanthu", no_mailbox),
            (lambda: person.update(is_staff=True), "vanthu", no_person),
            (mailbox.delete, "vanthu", no_mailbox),
            (person.delete, "", no_person),
        ):
            with self.subTest(words, to=to):
                self.assertContains(self.plan_while(change, forward_to=to), words)
                self.assertFalse(Departure.objects.exists())
            mailbox.update(is_active=True)
            person.update(is_staff=False)

    def test_two_runs_shut_once(self):
        self.set_up_people()
        Departure.objects.create(
            account=self.an, last_day="2020-01-01", sentence="x", why="x", planned_by=self.binh
        )
        both, counts = threading.Barrier(2), []

        def shut():
            both.wait()
            counts.append(rules.run())
            connection.close()

        threads = [threading.Thread(target=shut) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(sorted(counts), [0, 1])
        self.assertEqual(AuditEvent.objects.filter(event="left").count(), 1)
