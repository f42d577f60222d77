"""`manage.py import_mailboxes` where a file says a thing twice, or says it badly."""

from django.core.management import CommandError
from django.test import TestCase

from accounts.models import Account
from tests.credentials.test_imported_hashes import HASHES
from tests.loading.test_moving_in import MovingIn, aliases
from tests.support import exports

SSHA, SSHA512 = HASHES["SSHA"], HASHES["SSHA512"]


class TwiceTests(MovingIn, TestCase):
    def bring_twice(self, first, second):
        bad = self.folder / "bad.csv"
        return self.bring(f"{first}\nhai:{SSHA}\n{second}\n", "passwd", "--skip-bad", bad)

    def test_who_stands_twice_and_not_alike_is_not_taken(self):
        for second in (f"an:!{SSHA}", f"an:{SSHA512}", f"AN@hagiang.gov.vn:{SSHA}::::::nologin"):
            with self.subTest(second):
                Account.objects.all().delete()

                told = self.bring_twice(f"an:{SSHA}", second)

                self.is_so(told, counts=("new: 1", "open: 1", "switched off: 0"), open="hai")
                self.assertIn("line 1 stands twice in the file, and not alike: neither", told)
                self.assertIn("line 3 has an address that an earlier line has too", told)

    def test_who_stands_twice_and_alike_is_taken_once(self):
        told = self.bring_twice(f"an:{SSHA}", f"an:{SSHA}")

        self.is_so(told, counts=("new: 2",), open="an hai")
        self.assertNotIn("not alike", told)

    def test_the_aliases_of_neither_are_taken(self):
        one = exports.zimbra("an", "mail: giamdoc@hagiang.gov.vn")

        self.bring(
            one + exports.zimbra("an", status="closed") + exports.zimbra("hai"),
            *("ldif", "--skip-bad", self.folder / "bad.csv"),
        )

        self.assertEqual(self.aliases(), {})


class ForwardingTests(MovingIn, TestCase):
    def test_an_alias_of_who_forwards_his_mail_is_no_list(self):
        people = f"INSERT INTO mailbox (username,password,active) VALUES ('an','{SSHA}',1);\n"
        forwarding = aliases(("an", "an"), ("an", "hai"), ("van.an", "an"))

        told = self.bring(people + forwarding, "sql")

        self.assertEqual(self.aliases(), {"van.an": "an"})
        self.assertIn("lists: 0\n", told)
        self.assertIn("forwardings: 1\n", told)


class NameTests(MovingIn, TestCase):
    def test_a_name_whose_letters_are_lost_is_a_fault(self):
        with self.assertRaises(CommandError):
            self.bring(f"an:{SSHA}:::Nguy\ufffdn::\n", "passwd")

        self.assertIn("line 1 has a name whose letters are lost: save the file in UTF-8", self.told)


class ZmprovTests(MovingIn, TestCase):
    def test_it_is_said_that_a_text_of_people_s_can_look_like_an_entry(self):
        told = self.bring(exports.ZMPROV, "ldif", "--without-bad-hashes")
        other = self.bring(exports.ZIMBRA, "ldif")

        self.assertIn("zmprov -l gaa | wc -l", told)
        self.assertNotIn("zmprov -l gaa | wc -l", other)
