"""What IT does to many accounts from the list: asked, confirmed, done, on record."""

import csv
import datetime as dt
import io
import resource
from unittest import mock

from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, override_settings
from django.utils import timezone
from openpyxl import load_workbook

from accounts.bulk import queue, worker
from accounts.credentials.passwords import change_password
from accounts.models import Account, AuditEvent, Job, Unit
from accounts.spreadsheets.writing import write_csv
from otp.models import Message
from tests.support import cast
from tests.support.clock import Clock
from tests.support.loading import JOB, LIST, Loaders

LINK = "https://xn--thu.example/"


class ListTestCase(Loaders, TestCase):
    def choose(self, action, *people, client=None, **fields):
        data = {"action": action, "_selected_action": [person.pk for person in people]}
        data |= {"why": "Theo công văn"} | fields
        return (client or self.client).post(LIST, data)

    def ask(self, action, *people, **fields):
        r = self.choose(action, *people, **fields)
        job = Job.objects.latest("pk")
        self.assertRedirects(r, JOB.format(job.pk))
        return job

    def press(self, job, button="confirm", **fields):
        sent = {button: "1", "why": "Theo công văn"} | fields
        return self.client.post(JOB.format(job.pk), sent, follow=True)

    def many(self, count, **columns):
        return Account.objects.bulk_create(
            Account(address=f"nguoi.{n}@hagiang.gov.vn", password="!", **columns)
            for n in range(count)
        )


class ConfirmTests(ListTestCase):
    def test_nothing_is_done_before_it_is_confirmed(self):
        job = self.ask("lock_chosen", self.an, self.binh)

        r = self.client.get(JOB.format(job.pk))

        self.assertContains(r, "<strong>2</strong> tài khoản")
        self.assertContains(r, "an@hagiang.gov.vn")
        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_a_ground_is_asked_for_and_goes_on_record(self):
        for action, event in (
            ("lock_chosen", "locked"),
            ("unlock_chosen", "unlocked"),
            ("mark_chosen", "default-marked"),
            ("leaked_chosen", "default-marked"),
        ):
            with self.subTest(action):
                job = self.ask(action, self.binh)
                for why in ("", " ", "0912 345 678", "x" * 201):
                    self.assertContains(self.press(job, why=why), 'aria-invalid="true"')
                job.refresh_from_db()
                self.assertTrue(job.is_asking)

                self.press(job, why="Công văn của Sở")

                found = AuditEvent.objects.filter(event=event).latest("pk")
                self.assertEqual(found.detail["why"], "Công văn của Sở")

    def test_a_few_are_done_at_once(self):
        self.log_in("an", client=(an := Client()))

        r = self.press(self.ask("lock_chosen", self.an, self.binh, self.chi))

        self.assertContains(r, "2 trong số 3 tài khoản")
        self.assertEqual(an.get("/").status_code, 302)
        events = AuditEvent.objects.filter(event="locked")
        self.assertEqual({event.account for event in events}, {self.an, self.binh})
        self.assertEqual({event.actor for event in events}, {self.huong})

    def test_unlocking(self):
        self.press(self.ask("unlock_chosen", self.chi))

        self.chi.refresh_from_db()
        self.assertFalse(self.chi.is_locked)

    def test_the_mark_has_people_change_their_password(self):
        self.press(self.ask("mark_chosen", self.an, self.em))

        self.an.refresh_from_db()
        self.assertTrue(self.an.has_default_password)
        event = AuditEvent.objects.get(event="default-marked")
        self.assertEqual((event.account, event.actor), (self.an, self.huong))
        self.log_in("an", client=(an := Client()))
        self.assertRedirects(an.get("/"), "/cau-hinh/mat-khau/")

    def test_a_leaked_password_opens_no_mailbox_until_it_is_changed(self):
        self.log_in("an", client=(an := Client()))
        Account.objects.filter(pk=self.em.pk).update(has_default_password=True)
        job = self.ask("leaked_chosen", self.an, self.em)
        self.assertContains(self.client.get(JOB.format(job.pk)), "hộp thư đóng lại")

        self.press(job)

        self.assertEqual(self.with_a_mailbox(self.an, self.em), set())
        self.assertEqual(an.get("/").status_code, 302)
        self.assertTrue(AuditEvent.objects.filter(account=self.an, detail__leaked=True).exists())
        self.an.refresh_from_db()
        change_password(self.an, "Doi-moi-vung-vang-12", event=AuditEvent.Event.PASSWORD_CHANGED)
        self.assertEqual(self.with_a_mailbox(self.an, self.em), {self.an.address})

    @override_settings(DOVEADM_URL="https://mail.example.gov.vn:8080")
    def test_what_is_open_with_a_leaked_password_ends(self):
        self.press(self.ask("leaked_chosen", self.an))

        kicks = Message.objects.filter(channel=Message.Channel.KICK)
        self.assertEqual([kick.to_masked for kick in kicks], [self.an.address])

    def with_a_mailbox(self, *people):
        """Name those whom the mail server lets in."""
        with connection.cursor() as cursor:
            addresses = [person.address for person in people]
            cursor.execute("SELECT username FROM mail_passdb WHERE username = ANY(%s)", [addresses])
            return {name for (name,) in cursor.fetchall()}

    def test_staff_are_never_among_them(self):
        other = cast.make_staff("khoa", "hotline")
        for action in ("lock_chosen", "mark_chosen", "notify_chosen"):
            with self.subTest(action):
                self.assertEqual(self.ask(action, self.an, other, self.huong).total, 1)

    def test_somebody_who_became_staff_meanwhile_is_left_out(self):
        job = self.ask("lock_chosen", self.an, self.binh)
        Account.objects.filter(pk=self.an.pk).update(is_staff=True)

        self.press(job)

        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_staff_alone_are_nothing_to_do(self):
        r = self.client.post(
            LIST, {"action": "lock_chosen", "_selected_action": self.huong.pk}, follow=True
        )

        self.assertContains(r, "Không có tài khoản nào")
        self.assertFalse(Job.objects.exists())

    def test_it_can_be_dropped(self):
        job = self.ask("lock_chosen", self.an)

        self.assertRedirects(self.press(job, "drop"), LIST)
        self.assertFalse(Job.objects.exists())

    def test_it_is_done_once(self):
        job = self.ask("notify_chosen", self.an)
        for _ in range(2):
            self.press(job, subject="Bảo trì", text="Tối nay.")

        self.assertEqual(Message.objects.filter(channel="mail").count(), 1)


class NoticeTests(ListTestCase):
    def test_it_is_shown_before_it_is_sent(self):
        job = self.ask("notify_chosen", self.an, self.binh)
        self.assertNotContains(self.client.get(JOB.format(job.pk)), 'name="confirm"')

        r = self.press(job, "preview", subject="Bảo trì", text="Tối nay.\n<b>x</b>")

        self.assertContains(r, "Thư sẽ gửi đi")
        self.assertContains(r, "&lt;b&gt;x&lt;/b&gt;")
        self.assertContains(r, 'name="confirm"')
        self.assertFalse(Message.objects.exists())

    def test_it_goes_to_those_who_can_read_it(self):
        job = self.ask("notify_chosen", self.an, self.chi, self.dung)

        self.press(job, subject="Bảo trì", text="Tối nay.")

        message = Message.objects.get()
        self.assertEqual((message.to, message.subject), (self.an.address, "Bảo trì"))
        self.assertEqual(message.text, "Tối nay.")
        event = AuditEvent.objects.get(event="notice-sent")
        self.assertEqual(event.detail, {"subject": "Bảo trì", "why": "Theo công văn"})

    def test_what_cannot_be_sent_is_refused(self):
        job = self.ask("notify_chosen", self.an)
        for fields in (
            {"subject": "", "text": "x"},
            {"subject": "x", "text": ""},
            {"subject": "x\nBcc: a@b.vn", "text": "x"},
            {"subject": "x", "text": "x\0"},
            {"subject": "x" * 151, "text": "x"},
            {"subject": "x", "text": f"Bấm vào {LINK}"},
            {"subject": "www.example.vn", "text": "x"},
        ):
            with self.subTest(str(fields)[:40]):
                self.assertContains(self.press(job, **fields), "field__error")
        self.assertFalse(Message.objects.exists())

    def test_many_are_spread_so_that_what_is_urgent_need_not_wait(self):
        job = self.ask("notify_chosen", *self.many(30))
        Clock(self).stand_at(timezone.now())

        self.press(job, subject="x", text="x")

        due = list(Message.objects.order_by("due_at").values_list("due_at", flat=True))
        self.assertEqual(due[-1] - due[0], dt.timedelta(seconds=2.9))


class ManyTests(ListTestCase):
    def test_everybody_on_all_pages_is_done_by_the_worker(self):
        self.many(450)
        r = self.client.post(
            LIST,
            {"action": "lock_chosen", "select_across": "1", "_selected_action": self.an.pk},
        )
        job = Job.objects.get()
        self.assertEqual((r.status_code, job.total), (302, 455))

        r = self.press(job)
        self.assertContains(r, "đang chờ")
        self.assertEqual(r.headers["Refresh"], "3")
        memory = resource.getrlimit(resource.RLIMIT_AS)
        call_command("work_jobs", "--once")

        self.assertEqual(resource.getrlimit(resource.RLIMIT_AS), memory)
        # Chi was locked before.
        self.assertContains(self.client.get(JOB.format(job.pk)), "454 trong số 455")
        self.assertEqual(Account.objects.filter(locked_at=None, is_staff=False).count(), 0)
        self.assertEqual(AuditEvent.objects.filter(event="locked").count(), 454)

    def test_what_was_left_half_done_is_taken_up_where_it_stood(self):
        people = self.many(450)
        job = self.ask_for(people)
        mine = queue.claim()
        self.assertTrue(worker._do_some(mine))
        self.assertIsNone(queue.claim())
        Job.objects.update(changed_at=timezone.now() - queue.ABANDONED - dt.timedelta(seconds=1))

        call_command("work_jobs", "--once")

        job.refresh_from_db()
        self.assertEqual((job.state, job.done, job.changed), ("done", 450, 450))
        self.assertEqual(Message.objects.count(), 450)

    def test_a_process_that_was_overtaken_does_nothing_more(self):
        self.ask_for(self.many(450))
        slow = queue.claim()
        Job.objects.update(changed_at=timezone.now() - dt.timedelta(hours=1))
        other = queue.claim()
        worker._do_some(other)

        self.assertFalse(worker._do_some(slow))
        self.assertEqual(Message.objects.count(), worker.CHUNK)

    def ask_for(self, people):
        keys = [person.pk for person in people]
        job = Job.ask(Job.Kind.NOTICE, self.huong, keys)
        job.confirm(subject="x", text="x")
        return job

    def test_nobody_waits_for_one_that_fails(self):
        broken = Job.ask(Job.Kind.NOTICE, self.huong, [self.an.pk])
        broken.confirm()  # without a subject
        good = Job.ask(Job.Kind.LOCK, self.huong, [self.an.pk])
        good.confirm()

        with self.assertLogs("accounts.bulk.worker", "ERROR"):
            call_command("work_jobs", "--once")

        for job, state in ((broken, "refused"), (good, "done")):
            job.refresh_from_db()
            self.assertEqual(job.state, state)
        r = self.client.get(JOB.format(broken.pk))
        self.assertContains(r, "đã thực hiện với 0 trong số 1 tài khoản")
        self.assertNotContains(r, "chưa nhập")  # nothing was to be loaded

    def test_the_page_says_when_nobody_does_the_work(self):
        job = self.ask_for([self.an])
        self.assertNotContains(self.client.get(JOB.format(job.pk)), "work_jobs")

        Job.objects.update(changed_at=timezone.now() - dt.timedelta(minutes=2))

        self.assertContains(self.client.get(JOB.format(job.pk)), "work_jobs")

    def test_what_is_a_day_old_is_forgotten(self):
        for hours in (23, 25):
            job = Job.ask_import(self.huong, b"x", add_units=False)
            Job.objects.filter(pk=job.pk).update(
                changed_at=timezone.now() - dt.timedelta(hours=hours)
            )

        call_command("prune", stdout=io.StringIO())

        self.assertEqual(Job.objects.count(), 1)


class ScopeTests(ListTestCase):
    """IT of a unit, who looks after that unit and those below it."""

    def setUp(self):
        super().setUp()
        health = Unit.objects.create(name="Sở Y tế")
        office = Unit.objects.create(name="Văn phòng", parent=health)
        self.khoa = cast.make_staff("khoa", "unit-it", unit=health)
        Account.objects.filter(pk=self.an.pk).update(unit=office)
        self.client = Client()
        self.come_in(self.khoa)

    def test_others_are_left_out(self):
        job = self.ask("lock_chosen", self.an, self.binh)
        self.assertEqual(job.accounts, [self.an.pk])

        self.press(job)

        self.binh.refresh_from_db()
        self.assertFalse(self.binh.is_locked)

    def test_others_are_in_no_list_that_is_taken_away(self):
        r = self.choose("export_csv", self.an, self.binh)

        text = r.getvalue().decode()
        self.assertIn("an@hagiang.gov.vn", text)
        self.assertIn("Sở Y tế/Văn phòng", text)
        self.assertNotIn("binh@hagiang.gov.vn", text)

    def test_somebody_who_moved_away_meanwhile_is_left_out(self):
        job = self.ask("lock_chosen", self.an)
        Account.objects.filter(pk=self.an.pk).update(unit=None)

        self.press(job)

        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)


class ExportTests(ListTestCase):
    def lines(self, r):
        file = r.getvalue()
        self.assertTrue(file.startswith(b"\xef\xbb\xbf"))
        return list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))

    def test_a_ground_is_asked_for_first(self):
        data = {"action": "export_csv", "_selected_action": [self.an.pk], "index": "0"}
        r = self.client.post(f"{LIST}?kind__exact=person", data)

        self.assertNotIn("Content-Disposition", r.headers)
        self.assertContains(r, 'name="why"')
        self.assertContains(r, f'name="_selected_action" value="{self.an.pk}"')
        r = self.client.post(f"{LIST}?kind__exact=person", data | {"why": "số 0987466981"})
        self.assertContains(r, "Đừng ghi số điện thoại")
        self.assertFalse(AuditEvent.objects.filter(event="exported").exists())

    def test_the_list_as_csv(self):
        r = self.choose("export_csv", self.an, self.chi)

        lines = self.lines(r)
        self.assertEqual(lines[0][:2], ["Địa chỉ thư điện tử", "Họ và tên"])
        self.assertEqual(lines[1][0], "an@hagiang.gov.vn")
        self.assertEqual(lines[1][4:8], ["***981", "có", "không", "có"])
        self.assertRegex(lines[2][8], r"^\d\d:\d\d \d\d/\d\d/\d{4}$")

    def test_the_list_as_xlsx(self):
        r = self.choose("export_xlsx", self.an)

        sheet = load_workbook(io.BytesIO(r.content)).active
        self.assertEqual(sheet["A2"].value, "an@hagiang.gov.vn")
        self.assertEqual(sheet["E2"].value, "***981")

    def test_a_workbook_that_would_take_too_long_is_not_begun(self):
        people = self.many(3)
        with mock.patch("accounts.bulk.views.MOST_XLSX", 2):
            r = self.choose("export_xlsx", *people)
            self.assertRedirects(r, LIST, fetch_redirect_response=False)
            self.assertContains(self.client.get(LIST), "hãy xuất CSV")
            self.assertEqual(self.choose("export_xlsx", *people[:2]).status_code, 200)
            self.assertEqual(self.choose("export_csv", *people).status_code, 200)

        self.assertEqual(AuditEvent.objects.filter(event="exported").count(), 2)

    def test_no_cell_is_a_formula(self):
        names = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', "＝1", "＋1"]
        for name in names:
            Account.objects.filter(pk=self.an.pk).update(full_name=name)
            with self.subTest(name):
                csv_name = self.lines(self.choose("export_csv", self.an))[1][1]
                r = self.choose("export_xlsx", self.an)
                cell = load_workbook(io.BytesIO(r.content)).active["B2"]

                self.assertEqual(csv_name, f"'{name}")
                self.assertTrue(cell.value.startswith("'"))
                self.assertEqual(cell.data_type, "s")

    def test_no_cell_begins_with_a_tab_or_a_line_break(self):
        """Names cannot any more; other texts may (AD-12)."""
        for text in ("\tx", "\rx", "\nx"):
            with self.subTest(repr(text)):
                lines = b"".join(write_csv(["a"], [[text]])).decode("utf-8-sig")

                self.assertIn(f'"\'{text}"', lines)

    def test_no_hash_and_no_full_number_is_in_it(self):
        for action in ("export_csv", "export_xlsx"):
            content = self.choose(action, self.an).getvalue()
            if action == "export_xlsx":
                rows = load_workbook(io.BytesIO(content)).active.values
                content = str(list(rows)).encode()
            for secret in (b"466981", b"argon2", self.an.password.encode()):
                self.assertNotIn(secret, content)

    def test_it_is_put_on_record(self):
        data = {"action": "export_csv", "_selected_action": [self.an.pk, self.em.pk]}
        data["why"] = "Công văn 5/SNV"
        self.client.post(f"{LIST}?kind__exact=person&q=hagiang", data)

        event = AuditEvent.objects.get(event="exported")
        self.assertEqual(event.actor, self.huong)
        self.assertEqual(
            event.detail,
            {
                "count": 2,
                "filter": {"kind__exact": "person"},
                "searched": True,
                "format": "csv",
                "why": "Công văn 5/SNV",
                "ticket": "",
            },
        )

    def test_it_is_a_right_of_its_own(self):
        for role in ("auditor", "hotline"):
            staff = cast.make_staff(f"nguoi.{role}", role)
            self.come_in(staff, client=(browser := Client()))
            for action in ("export_csv", "lock_chosen", "mark_chosen", "notify_chosen"):
                with self.subTest(role=role, action=action):
                    r = self.choose(action, self.an, client=browser)

                    self.assertNotIn("attachment", r.headers.get("Content-Disposition", ""))
        self.assertFalse(Job.objects.exists())
        self.assertFalse(AuditEvent.objects.filter(event="exported").exists())


class PolicyTests(ListTestCase):
    def test_every_page_obeys_the_strict_policy(self):
        waiting = self.ask("notify_chosen", self.an)
        for page in (LIST, "/quan-tri/accounts/account/nap/", JOB.format(waiting.pk)):
            with self.subTest(page):
                r = self.client.get(page)

                self.assertNotRegex(r.content.decode(), r"<style|\sstyle=|\son[a-z]+=|javascript:")
                self.assertNotRegex(r.content.decode(), r"<script(?![^>]*\b(src|type)=)")
                self.assertIn("default-src 'none'", r.headers["Content-Security-Policy"])
