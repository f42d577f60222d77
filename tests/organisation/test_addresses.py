"""An address that no mail server need take is refused at every door, in the same way."""

import io
import tempfile
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.models import Account, Address
from tests.support import cast
from tests.support.loading import Loaders, csv_of

REFUSED = ("a..b", "a...b", ".a", "a.", "..", "a..", "a.b..c", "-a", "a b")
TAKEN = ("a.b", "a_b", "a-b", "a+b", "a_", "1a", "a.b.c")
SENTENCE = "Địa chỉ thư điện tử viết chưa đúng"
ADD = "/quan-tri/accounts/account/add/"


def at_office(name):
    return f"{name}@hagiang.gov.vn"


class DoorTests(Loaders, TestCase):
    def setUp(self):
        super().setUp()
        self.before = Account.objects.count(), Address.objects.count()

    def assert_refused_at(self, door):
        for name in REFUSED:
            with self.subTest(name):
                door(at_office(name))

                self.assertEqual((Account.objects.count(), Address.objects.count()), self.before)

    def test_the_loading_page(self):
        job = self.upload(csv_of(*[[at_office(name)] for name in REFUSED], header=["address"]))

        self.assertEqual(list(self.reasons(job)), list(range(2, len(REFUSED) + 2)))
        for row, reason in self.reasons(job).items():
            with self.subTest(row):
                self.assertIn(f"Ô A{row} “{at_office(REFUSED[row - 2])}”", reason)
                self.assertIn(SENTENCE, reason)

    def test_the_form_of_the_admin(self):
        def door(address):
            data = {"address": address, "kind": "person", "is_active": "on", **cast.NO_ALIASES}
            r = self.client.post(ADD, data)
            self.assertEqual(r.status_code, 200)
            self.assertIn("address", r.context["adminform"].form.errors)

        self.assert_refused_at(door)

    def test_other_addresses_of_an_account(self):
        def door(address):
            with self.assertRaisesMessage(Exception, SENTENCE):
                Address(address=address, account=self.an).full_clean()

        self.assert_refused_at(door)

    def test_commands(self):
        def door(address):
            with self.assertRaises(CommandError):
                call_command("create_staff", address, "--role", "hotline")
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "users"
                file.write_text(f"{address}:{self.an.password}\n", encoding="utf-8")
                with self.assertRaises(CommandError):
                    call_command(
                        *("import_mailboxes", str(file), "--format", "passwd", "--apply"),
                        stdout=io.StringIO(),
                        stderr=io.StringIO(),
                    )

        self.assert_refused_at(door)

    def test_the_pages_of_strangers(self):
        for name in REFUSED:
            with self.subTest(name):
                self.assertContains(self.ask(at_office(name)), SENTENCE)

    def test_those_that_offices_have_are_taken(self):
        self.confirm(
            self.upload(csv_of(*[[at_office(name)] for name in TAKEN], header=["address"]))
        )

        self.assertEqual(Account.objects.count(), self.before[0] + len(TAKEN))
