"""`manage.py sync_directory`, and numbers that go into the directory by themselves."""

import io

from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import directory
from accounts.models import Account, Address, AddressQuarantine, AuditEvent, Session, Unit
from tests.directory.test_directory import Directory
from tests.support import cast
from tests.support.cast import newest_code
from tests.support.programs import slapd

FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime of who is locked by an administrator
PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"


def sync(*arguments):
    out = io.StringIO()
    call_command("sync_directory", *arguments, stdout=out)
    return out.getvalue()


class SyncTests(Directory, TestCase):
    def setUp(self):
        super().setUp()
        self.server.stop()
        self.server.load(
            slapd.entry("moi", displayName="Hoàng Thị Mới", mobile=["0219 3866 999", "0912345678"])
            + slapd.entry("hoa", mail="HOA.Giang@HaGiang.gov.vn")
            + slapd.entry("ngoai", mail="ngoai@example.com")
            + slapd.entry("khong.thu", mail="không thư")
        )
        self.server.start()

    def test_a_dry_run_tells_and_changes_nothing(self):
        before = list(Account.objects.order_by("pk").values())

        told = sync()

        # hai, khong.ai, moi and hoa are new; doi has an address that hai has too.
        self.assertIn("made: 5\n", told)
        self.assertIn("Nothing was changed.", told)
        self.assertEqual(list(Account.objects.order_by("pk").values()), before)
        self.assertFalse(AuditEvent.objects.exists())

    def test_who_is_new_gets_an_account_without_a_password(self):
        sync("--apply")

        new = Account.objects.get(address="moi@hagiang.gov.vn")
        self.assertEqual(new.full_name, "Hoàng Thị Mới")
        self.assertFalse(new.has_usable_password())
        self.assertEqual((new.phone, new.phone_confirmed_at), ("+84912345678", None))
        row = AuditEvent.objects.get(account=new)
        self.assertEqual((row.event, row.reason), ("account-edited", "directory"))
        self.assertRedirects(self.log_in("moi"), "/")

    def test_an_address_is_stored_in_its_one_spelling(self):
        sync("--apply")

        self.assertTrue(Account.objects.filter(address="hoa.giang@hagiang.gov.vn").exists())

    def test_what_is_left_out_is_told_with_its_reason(self):
        told = sync()

        self.assertIn("entries left out: 2 (elsewhere 1, unreadable 1)", told)
        self.assertIn("elsewhere: 'uid=ngoai,ou=people,dc=example,dc=vn'", told)

    def test_the_address_of_a_removed_account_is_left_out_while_it_is_kept(self):
        until = timezone.now() + timezone.timedelta(days=30)
        AddressQuarantine.objects.keep(["moi@hagiang.gov.vn"], until=until)

        self.assertIn("nobody's before", sync("--apply"))

        self.assertFalse(Address.objects.filter(address="moi@hagiang.gov.vn").exists())
        self.assertTrue(Account.objects.filter(address="hoa.giang@hagiang.gov.vn").exists())

    def test_two_entries_of_one_address_are_one_account(self):
        self.server.stop()
        self.server.load(slapd.entry("an2", mail="an@hagiang.gov.vn"))
        self.server.start()

        self.assertIn("entries left out: 3 (elsewhere 1, twice 1, unreadable 1)", sync("--apply"))

    def test_a_second_run_finds_nothing_to_do(self):
        sync("--apply")
        rows = AuditEvent.objects.count()

        told = sync("--apply")

        self.assertIn("made: 0\nchanged: 0\nnumbers read: 0\nnumbers written: 0\n", told)
        self.assertEqual(AuditEvent.objects.count(), rows)

    def test_a_page_of_entries_is_asked_about_at_once(self):
        sync("--apply")
        with CaptureQueriesContext(connection) as of_few:
            sync("--apply")
        self.server.stop()
        names = [[f"moi.{n}@hagiang.gov.vn", f"cu.{n}@hagiang.gov.vn"] for n in range(20)]
        more = [slapd.entry(f"x{n}", mail=mail) for n, mail in enumerate(names)]
        self.server.load("".join(more) + slapd.entry("them"))
        self.server.start()
        Account.objects.bulk_create(Account(address=mail[0]) for mail in names)
        Account.objects.create(address="them@hagiang.gov.vn")
        Account.objects.all().update(password="!")
        sync("--apply")

        with CaptureQueriesContext(connection) as of_many:
            told = sync("--apply")

        self.assertIn("entries left out: 2 ", told)
        # Of several addresses, the one that is an account's is looked for: once for all.
        self.assertEqual(len(of_many), len(of_few) + 1)

    def test_numbers_count_at_once_only_where_that_is_said(self):
        sync("--apply", "--phones-confirmed")

        self.assertTrue(Account.objects.get(address="moi@hagiang.gov.vn").is_recoverable)

    def test_a_number_of_the_portal_s_is_not_overwritten_and_is_written_there(self):
        Account.objects.filter(pk=self.an.pk).update(phone="+84912000999")

        told = sync("--apply")

        self.assertIn("numbers written: 3\n", told)  # An's, Chi's and Dung's
        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84912000999")
        self.assertEqual(self.server.read("an", "mobile"), ["+84912000999"])

    def test_a_number_in_another_spelling_is_the_same(self):
        sync("--apply")

        self.assertEqual(self.server.read("an", "mobile"), ["0987 466 981"])

    def test_without_an_attribute_numbers_stay_where_they_are(self):
        with override_settings(DIRECTORY_PHONE_ATTRIBUTE=""):
            told = sync("--apply")

        self.assertIn("numbers read: 0\nnumbers written: 0\n", told)
        self.assertEqual(self.server.read("chi", "mobile"), [])

    def test_a_password_here_moves_to_the_directory_but_not_the_staff_s(self):
        cast.make("moi")
        cast.make("hoa.giang", is_staff=True)

        sync("--apply")

        self.assertFalse(Account.objects.get(address="moi@hagiang.gov.vn").has_usable_password())
        self.assertTrue(
            Account.objects.get(address="hoa.giang@hagiang.gov.vn").has_usable_password()
        )

    def test_it_goes_page_by_page_and_can_be_broken_off(self):
        names = [f"nguoi{number}" for number in range(directory.PAGE)]
        self.server.stop()
        self.server.load("".join(map(slapd.entry, names)))
        self.server.limit_pages(directory.PAGE)
        self.server.start()

        with self.assertRaisesRegex(CommandError, "after 500 entries.*run it again"):
            sync("--apply", "--disable-missing")

        self.assertGreater(Account.objects.count(), 400)
        self.assertFalse(AuditEvent.objects.filter(detail__fields=["is_active"]).exists())
        self.server.stop()
        self.server.limit_pages("unlimited")
        self.server.start()
        directory.ask_again()
        sync("--apply")
        self.assertEqual(Account.objects.filter(address__startswith="nguoi").count(), 500)

    def test_a_server_that_is_down_is_said(self):
        self.server.stop()

        with self.assertRaisesRegex(CommandError, "did not answer after 0 entries"):
            sync()

    def test_without_a_directory_there_is_nothing_to_compare(self):
        with override_settings(DIRECTORY=""), self.assertRaisesRegex(CommandError, "not set"):
            sync()


class StateTests(Directory, TestCase):
    """What an administrator of the directory has closed is closed here, too."""

    def setUp(self):
        super().setUp()
        self.change(
            slapd.entry("khoa", pwdAccountLockedTime=FOR_GOOD)
            + slapd.entry("tam", pwdAccountLockedTime="20261101083000Z")
            + slapd.entry("nghi", employeeType="x", pwdReset="TRUE", ou="Sở Y tế")
            + "dn: cn=mot cua,ou=people,dc=example,dc=vn\nobjectClass: groupOfNames\n"
            "objectClass: extensibleObject\ncn: mot cua\nmail: motcua@hagiang.gov.vn\n"
            "member: uid=an,ou=people,dc=example,dc=vn\n\n"
        )

    def change(self, entries):
        self.server.stop()
        self.server.load(entries)
        self.server.start()
        directory.ask_again()

    def lock_there(self, name, value):
        """Lock an entry as an administrator does, or open it again with ""."""
        with directory.entry_of(f"{name}@hagiang.gov.vn") as entry:
            dn = entry._dn
        self.server.modify(dn, "pwdAccountLockedTime", value)

    def locked(self, name):
        return Account.objects.get(address=f"{name}@hagiang.gov.vn").is_locked

    def test_who_is_new_and_locked_there_is_locked_here(self):
        Unit.objects.create(name="Sở Y tế")

        told = sync("--apply")

        self.assertTrue(self.locked("khoa"))
        self.assertFalse(self.locked("tam"))
        self.assertIn("locked or disabled in the directory: 1 (now locked here: 1,", told)
        self.assertIn("locked there for a while, after wrong passwords: 1\n", told)
        self.assertIn(
            "must change their password at the next log-in: 1\n  nghi@hagiang.gov.vn\n", told
        )
        self.assertIn("a list: 'cn=mot cua,ou=people,dc=example,dc=vn'", told)
        self.assertFalse(Account.objects.filter(address__startswith="motcua@").exists())
        self.assertEqual(Account.objects.get(address__startswith="nghi@").unit.name, "Sở Y tế")

    def test_a_lock_there_is_one_here_and_goes_with_it(self):
        self.lock_there("an", FOR_GOOD)
        told = sync()
        self.assertIn("(now locked here: 2,", told)  # and khoa, who is new
        self.assertFalse(self.locked("an"))

        sync("--apply")

        self.assertTrue(self.locked("an"))
        row = AuditEvent.objects.get(account=self.an, event=AuditEvent.Event.LOCKED)
        self.assertEqual((row.reason, row.actor), ("directory", None))
        # No code is sent for it, so no new password undoes what was locked there.
        self.assertFalse(Account.objects.get(pk=self.an.pk).is_recoverable)

        self.lock_there("an", "")
        told = sync("--apply")

        self.assertIn("unlocked: 1)", told)
        self.assertFalse(self.locked("an"))

    def test_no_whole_office_is_locked_in_one_run(self):
        for name in ("an", "binh"):
            self.lock_there(name, FOR_GOOD)

        with self.assertRaisesRegex(CommandError, "1 accounts .* left open: 1 were locked"):
            sync("--apply", "--lock-at-most", "1")

        self.assertEqual(sum(map(self.locked, ("an", "binh"))), 1)
        sync("--apply")
        self.assertEqual(sum(map(self.locked, ("an", "binh"))), 2)

    def test_a_lock_of_the_portal_stays(self):
        told = sync("--apply")

        self.assertTrue(self.locked("chi"))
        self.assertIn("unlocked: 0)", told)

    def test_other_addresses_become_aliases(self):
        self.change(
            slapd.entry("giang", mail=["hoang.giang@hagiang.gov.vn", "giang@hagiang.gov.vn"])
            + slapd.entry("quantri", mail=["quantri@hagiang.gov.vn", "root@hagiang.gov.vn"])
        )

        for _ in range(2):
            told = sync("--apply")

        aliases = Address.objects.filter(is_main=False).values_list("address", "account__address")
        self.assertEqual(dict(aliases), {"hoang.giang@hagiang.gov.vn": "giang@hagiang.gov.vn"})
        self.assertIn("aliases: 0\n", told)
        # "doi" is somebody's own address.
        self.assertIn("other addresses left out: 2\n", told)
        self.assertRedirects(self.log_in("hoang.giang"), "/")

    def test_an_account_of_before_keeps_its_address(self):
        cast.make("thu.hai")
        self.change(slapd.entry("x1", mail=["mot.hai@hagiang.gov.vn", "thu.hai@hagiang.gov.vn"]))

        sync("--apply")

        self.assertFalse(Account.objects.filter(address__startswith="mot.hai@").exists())
        self.assertTrue(Address.objects.filter(address__startswith="mot.hai@").exists())


class MissingTests(Directory, TestCase):
    def setUp(self):
        super().setUp()
        self.gone = [cast.make("di.roi"), cast.make("nghi.viec")]
        self.log_in("di.roi")
        self.staff = cast.make("can.bo", is_staff=True)
        self.own = cast.make("rieng")
        for account in (*self.gone, self.staff):
            account.set_unusable_password()
            account.save()

    def active(self, *accounts):
        return Account.objects.filter(pk__in=[a.pk for a in accounts], is_active=True).count()

    def test_who_is_missing_is_named_and_left_alone(self):
        told = sync("--apply")

        self.assertIn(
            "missing in the directory: 2\n  di.roi@hagiang.gov.vn\n  nghi.viec@hagiang.gov.vn\n",
            told,
        )
        self.assertEqual(self.active(*self.gone), 2)

    def test_disabling_has_to_be_said(self):
        self.assertTrue(Session.objects.filter(account=self.gone[0]).exists())

        told = sync("--apply", "--disable-missing")

        self.assertIn("disabled: 2\n", told)
        self.assertEqual(self.active(*self.gone), 0)
        self.assertEqual(self.active(self.staff, self.own, self.an), 3)
        self.assertFalse(Session.objects.filter(account=self.gone[0]).exists())
        self.assertEqual(AuditEvent.objects.filter(detail__fields=["is_active"]).count(), 2)

    def test_a_dry_run_disables_nobody(self):
        sync("--disable-missing")

        self.assertEqual(self.active(*self.gone), 2)

    def test_more_than_was_said_is_nobody(self):
        with self.assertRaisesRegex(CommandError, "2 accounts are missing, which is more than 1"):
            sync("--apply", "--disable-missing", "1")

        self.assertEqual(self.active(*self.gone), 2)

    def test_an_empty_answer_disables_nobody(self):
        with (
            override_settings(DIRECTORY_FILTER="(&(mail={address})(uid=khong.he.co))"),
            self.assertRaisesRegex(CommandError, "no entry at all"),
        ):
            sync("--apply", "--disable-missing", "1000")

        self.assertEqual(self.active(*self.gone), 2)


class NumberTests(Directory, TestCase):
    def change_phone(self):
        self.log_in()
        with self.captureOnCommitCallbacks(execute=True):
            self.client.post(PHONE, {"phone": "0912 345 678"})
            return self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()})

    def test_a_confirmed_number_goes_into_the_directory(self):
        self.assertRedirects(self.change_phone(), "/cau-hinh/thong-tin/")

        self.assertEqual(self.server.read("an", "mobile"), ["+84912345678"])

    def test_a_directory_that_is_away_does_not_lose_the_change(self):
        self.log_in()
        self.client.post(PHONE, {"phone": "0912 345 678"})
        self.server.stop()

        with self.captureOnCommitCallbacks(execute=True):
            self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()})

        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84912345678")
        self.server.start()
        directory.ask_again()
        sync("--apply")
        self.assertEqual(self.server.read("an", "mobile"), ["+84912345678"])

    def test_the_number_in_force_is_the_one_here(self):
        self.change_phone()

        self.ask(client=Client())

        found = Account.objects.get(pk=self.an.pk)
        self.assertEqual((found.is_recoverable, found.phone), (True, "+84912345678"))
