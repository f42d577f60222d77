"""Numbers of a file that count at once, because IT vouches for them: by whom, why, for whom."""

import io
import tempfile
from pathlib import Path

from django.core.management import call_command
from django.test import TestCase
from django.utils import timezone

from accounts.models import Account, AuditEvent, Job
from otp.models import Message
from tests.support import cast
from tests.support.loading import JOB, LOAD, Loaders, csv_of

EVENT = AuditEvent.Event.PHONE_VOUCHED
BOX = {"phones_confirmed": "on", "ground": "Công văn 12/VP, đã đối chiếu"}


def row(address, phone):
    return [address, "", "", "", phone, "", ""]


def account(name):
    return Account.objects.get(address=f"{name}@hagiang.gov.vn")


class VouchedTests(Loaders, TestCase):
    def load(self, *rows, **fields):
        return self.confirm(self.upload(csv_of(*rows), **fields))

    def test_a_number_that_is_vouched_for_gets_codes_at_once(self):
        job = self.load(row("giang", "0912466981"), row("binh", "0912466982"), **BOX)

        self.assertEqual(job.result["phones_vouched"], 2)
        self.assertTrue(account("giang").is_recoverable and account("binh").is_recoverable)
        self.client.cookies.clear()
        self.ask("giang")
        self.assertEqual(Message.objects.filter(code__isnull=False, state="queued").count(), 1)

    def test_who_vouched_and_why_is_on_record_and_the_mailbox_is_told(self):
        self.load(row("giang", "0912466981"), row("binh", "0912466982"), **BOX)

        events = AuditEvent.objects.filter(event=EVENT).order_by("account")
        for event, owner in zip(events, (self.binh, account("giang")), strict=True):
            self.assertEqual((event.account, event.actor), (owner, self.huong))
            self.assertEqual(event.detail["why"], BOX["ground"])
            self.assertNotIn("912466", str(event.detail))
        mail = Message.objects.get(channel="mail", to=self.binh.address)
        self.assertIn("***466982", mail.text)
        self.assertFalse(Message.objects.filter(to__startswith="giang").exists())

    def test_the_owner_s_own_number_stays(self):
        before = self.an.phone_confirmed_at
        Account.objects.filter(pk=self.binh.pk).update(new_phone="+84912000999")
        em = Account.objects.filter(pk=self.em.pk)
        em.update(phone="+84912000111")
        rows = [row("an", "0912466981"), row("binh", "0912466982"), row("em", "0912466983")]

        job = self.load(*rows, **BOX)

        self.assertEqual(job.result["phones_vouched"], 0)
        self.assertEqual(account("an").phone_confirmed_at, before)
        self.assertEqual(account("an").phone, "+84987466981")
        self.assertFalse(account("binh").phone_is_confirmed)
        self.assertEqual((em.get().phone, em.get().phone_is_confirmed), ("+84912000111", False))

    def test_a_number_that_waits_for_its_code_counts_when_it_is_vouched_for(self):
        Account.objects.filter(pk=self.binh.pk).update(phone="+84912466982")

        job = self.load(row("binh", "0912466982"), **BOX)

        self.assertEqual((job.result["updated"], job.result["phones_vouched"]), (1, 1))
        self.assertTrue(account("binh").is_recoverable)

    def test_nothing_counts_without_the_box_or_while_the_file_is_only_tried_out(self):
        self.load(row("giang", "0912466981"), ground=BOX["ground"])
        job = self.upload(csv_of(row("binh", "0912466982")), **BOX)

        self.assertFalse(account("giang").phone_is_confirmed)
        self.assertEqual(account("binh").phone, "")
        r = self.client.get(JOB.format(job.pk))
        self.assertContains(r, "Số điện thoại được coi là đã xác nhận: 1")
        self.assertContains(r, BOX["ground"])

    def test_a_ground_is_needed_and_holds_no_number(self):
        for ground in ("", "theo số 0912 466 981"):
            with self.subTest(ground):
                file = io.BytesIO(csv_of(row("giang", "0912466981")))
                file.name = "a.csv"
                fields = BOX | {"ground": ground, "file": file}

                r = self.client.post(LOAD, fields)

                self.assertEqual(r.status_code, 200)
                self.assertTrue(r.context["form"].errors["ground"])
        self.assertFalse(Job.objects.exists())

    def test_who_has_lost_the_right_meanwhile_vouches_for_nobody(self):
        job = self.upload(csv_of(row("giang", "0912466981")), **BOX)
        right = "confirm_phones"
        for group in self.huong.groups.all():
            group.permissions.remove(group.permissions.get(codename=right))

        self.confirm(job)

        self.assertFalse(account("giang").phone_is_confirmed)

    def test_staff_get_no_number_from_a_file(self):
        mai = cast.make_staff("mai", "hotline")

        job = self.load(row("mai", "0912466981"), **BOX)

        self.assertEqual(job.state, "refused")
        mai.refresh_from_db()
        self.assertEqual(mai.phone, "")


class TerminalTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def load(self, *arguments):
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "a.csv")
            file.write_bytes(csv_of(row("giang", "0912466981")))
            call_command("import_accounts", str(file), "--apply", *arguments, stdout=said)
        return said.getvalue()

    def test_numbers_count_when_the_command_says_so_and_why(self):
        said = self.load("--phones-confirmed", "--ground", "Công văn 12/VP")

        self.assertIn("phones confirmed: 1\n", said)
        giang = account("giang")
        self.assertLessEqual(giang.phone_confirmed_at, timezone.now())
        event = AuditEvent.objects.get(event=EVENT)
        self.assertEqual((event.account, event.actor), (giang, None))
        self.assertEqual(event.detail["why"], "Công văn 12/VP")

    def test_numbers_wait_for_their_owners_otherwise(self):
        self.load()

        self.assertFalse(account("giang").phone_is_confirmed)
        self.assertFalse(AuditEvent.objects.filter(event=EVENT).exists())
