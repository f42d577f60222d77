"""The address of a removed account is nobody else's for a while, whichever door is tried."""

import io
import tempfile
from pathlib import Path

from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.models import Account, Address, AddressQuarantine
from tests.support import cast
from tests.support.clock import Clock
from tests.support.loading import HASH, LIST, Loaders, csv_of

CU, SENTENCE = "cu@hagiang.gov.vn", "được giữ lại đến 02/03/2027"
TWO = {"MAIL_DOMAINS": ("hagiang.gov.vn", "tuyenquang.gov.vn")}


class QuarantineTests(Loaders, TestCase):
    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        super().setUp()
        until = timezone.now() + timezone.timedelta(days=365)
        AddressQuarantine.objects.keep([CU], until=until)
        self.before = set(Address.objects.values_list("address", flat=True))

    def tearDown(self):
        self.assertFalse(Address.objects.filter(address=CU).exists())

    def bring(self, text, form):
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "users"
            file.write_text(text, encoding="utf-8")
            bad = Path(folder) / "bad.csv"
            arguments = ("--format", form, "--skip-bad", str(bad), "--apply")
            call_command("import_mailboxes", str(file), *arguments, stdout=out)
            return out.getvalue() + (bad.read_text() if bad.exists() else "")

    def test_the_pages(self):
        new = {"address": CU, "kind": "person", "is_active": "on"}
        alias = {**cast.NO_ALIASES, "addresses-TOTAL_FORMS": 1, "addresses-0-address": CU}
        old = {"full_name": "X", "kind": "person", "is_active": "on", "unit": ""}
        for page, data in (("add/", new | cast.NO_ALIASES), (f"{self.an.pk}/change/", old | alias)):
            with self.subTest(page):
                self.assertContains(self.client.post(LIST + page, data), SENTENCE)

    def test_a_loaded_table_and_what_it_says_of_the_row(self):
        job = self.upload(csv_of(["cu"], ["moi"], header=["address"]))

        self.assertIn(SENTENCE, self.reasons(job)[2])
        self.assertEqual(list(self.reasons(job)), [2])

    def test_mailboxes_and_aliases_of_another_system(self):
        users = f"{CU}:{HASH}\nmoi@hagiang.gov.vn:{HASH}\n"
        alias = f"INSERT INTO `alias` (`address`,`goto`,`active`) VALUES ('{CU}','{self.an}',1);\n"
        for text, form in ((users, "passwd"), (alias, "sql")):
            with self.subTest(form):
                self.assertIn("nobody's before 2027-03-02", self.bring(text, form))
        self.assertTrue(Account.objects.filter(address="moi@hagiang.gov.vn").exists())

    def test_commands_for_staff(self):
        with self.assertRaisesMessage(CommandError, SENTENCE):
            call_command("create_staff", "cu", "--role", "hotline")
        with self.assertRaisesMessage(CommandError, SENTENCE):
            call_command("createsuperuser", "--noinput", "--address", CU)

    @override_settings(**TWO)
    def test_a_renamed_domain(self):
        name = f"{CU.partition('@')[0]}@tuyenquang.gov.vn"
        other = cast.make(name)
        for old, new in (TWO["MAIL_DOMAINS"], TWO["MAIL_DOMAINS"][::-1]):
            with self.subTest(old), self.assertRaisesMessage(CommandError, "a removed account's"):
                call_command("rename_domain", old, new, "--apply")
        other.delete()
        call_command("rename_domain", *TWO["MAIL_DOMAINS"], "--apply", stdout=io.StringIO())

        self.assertEqual(len(AddressQuarantine.objects.ends([CU, name])), 2)

    def test_the_database_itself(self):
        for act in (
            lambda: Account(address=CU).save(),
            lambda: Account.objects.filter(pk=self.an.pk).update(address=CU),
            lambda: Account.objects.bulk_create([Account(address=CU)]),
            lambda: Address(address=CU, account=self.an).save(),
            lambda: Address.objects.filter(account=self.an).update(address=CU),
        ):
            with (
                self.assertRaisesMessage(IntegrityError, "kept from being given"),
                transaction.atomic(),
            ):
                act()

    def test_nobody_can_read_whose_it_was(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_jsonb(kept)::text FROM accounts_addressquarantine AS kept")
            self.assertNotRegex(cursor.fetchone()[0], r"\bcu\b")


class EndTests(cast.Cast, TestCase):
    def test_afterwards_it_is_free_and_nothing_is_left(self):
        clock = Clock(self, 2026, 3, 2, 9, 0)
        until = timezone.now() + timezone.timedelta(days=30)
        AddressQuarantine.objects.keep([CU], until=until)
        clock.to(2026, 4, 1, 9, 1)

        cast.make("cu")

        call_command("prune", stdout=io.StringIO())
        self.assertFalse(AddressQuarantine.objects.exists())
