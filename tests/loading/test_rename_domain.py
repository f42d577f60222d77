"""manage.py rename_domain: a whole domain moves, and nobody loses mail, aliases or counts."""

import io

from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.loading import domain_renaming
from accounts.models import Account, Address, AuditEvent, MailDomain
from accounts.organisation.domains import copy_domains
from otp import codes
from otp.counting import keyed_names
from otp.models import Code, Message, Meter, Purpose
from tests.support import cast
from tests.support.cast import CODE, NEW, newest_code
from tests.support.clock import Clock, let_pass

OLD, NEW_DOMAIN = "hagiang.gov.vn", "tuyenquang.gov.vn"
BEFORE = {"MAIL_DOMAINS": (OLD, NEW_DOMAIN)}
AFTER = {"MAIL_DOMAINS": (NEW_DOMAIN, OLD), "MAIL_DOMAIN_ALIASES": {OLD: NEW_DOMAIN}}


class RenameTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.enterContext(override_settings(**BEFORE))
        self.set_up_people()
        Address.objects.create(address=f"vanthu@{OLD}", account=self.an)

    def rename(self, *options, old=OLD, new=NEW_DOMAIN):
        said = io.StringIO()
        call_command("rename_domain", old, new, *options, stdout=said)
        return said.getvalue()

    def addresses(self):
        return dict(Address.objects.values_list("address", "is_main"))


class MoveTests(RenameTestCase):
    def test_without_apply_it_says_what_would_move_and_moves_nothing(self):
        before = self.addresses()

        said = self.rename()

        self.assertIn("5 accounts and 1 aliases to move (nothing was changed", said)
        self.assertEqual(self.addresses(), before)
        self.assertFalse(AuditEvent.objects.exists())

    def test_it_says_what_the_mail_server_has_to_be_told(self):
        self.assertNotIn("postfix reload", self.rename())

        said = self.rename("--apply")

        self.assertIn("`postfix reload`", said)
        self.assertIn(f"`auth_default_realm = {NEW_DOMAIN}`", said)

    def test_it_can_name_each_address(self):
        said = self.rename("-v", "2")

        self.assertIn(f"an@{OLD} -> an@{NEW_DOMAIN}\n", said)
        self.assertIn(f"vanthu@{OLD} -> vanthu@{NEW_DOMAIN}\n", said)

    def test_accounts_and_aliases_move_and_old_addresses_stay_as_aliases(self):
        said = self.rename("--apply")

        self.assertIn("5 accounts and 1 aliases moved", said)
        self.an.refresh_from_db()
        self.assertEqual(self.an.address, f"an@{NEW_DOMAIN}")
        self.assertEqual(
            dict(self.an.addresses.values_list("address", "is_main")),
            {
                f"an@{NEW_DOMAIN}": True,
                f"an@{OLD}": False,
                f"vanthu@{OLD}": False,
                f"vanthu@{NEW_DOMAIN}": False,
            },
        )

    def test_people_log_in_by_any_name_whatever_the_profile_says(self):
        self.rename("--apply")
        for profile in (BEFORE, AFTER):
            for name in ("an", "vanthu"):
                for domain in (OLD, NEW_DOMAIN):
                    with self.subTest(name=name, domain=domain), override_settings(**profile):
                        r = self.log_in(f"{name}@{domain}", client=Client())

                        self.assertEqual((r.status_code, r.url), (302, "/"))

    def test_each_account_has_it_on_record(self):
        self.rename("--apply")

        event = AuditEvent.objects.get(event="address-renamed", account=self.an)
        self.assertEqual(event.detail, {"before": f"an@{OLD}", "after": f"an@{NEW_DOMAIN}"})
        self.assertEqual(AuditEvent.objects.filter(event="address-renamed").count(), 5)

    def test_more_accounts_are_no_more_statements(self):
        """All of them are held meanwhile: nobody of the domain can log in."""
        for name in "ghik":
            Account.objects.create(address=f"{name}@{OLD}")

        with CaptureQueriesContext(connection) as few:
            domain_renaming.rename(OLD, NEW_DOMAIN)
        for n in range(50):
            Account.objects.create(address=f"p{n}@{NEW_DOMAIN}")
        with CaptureQueriesContext(connection) as many:
            domain_renaming.rename(NEW_DOMAIN, OLD)

        self.assertLessEqual(len(many), len(few))

    def test_what_was_tried_before_is_still_in_the_history(self):
        self.ask()
        self.guess(cast.wrong_code())

        self.rename("--apply")

        self.an.refresh_from_db()
        events = AuditEvent.objects.concerning(self.an).values_list("event", flat=True)
        self.assertIn("code-wrong", events)

    def test_sessions_of_the_old_names_end_in_the_mail_server(self):
        with override_settings(DOVEADM_URL="https://localhost:1", DOVEADM_API_KEY="k"):
            self.rename("--apply")

        self.assertEqual(Message.objects.get(channel="kick").to, f"*@{OLD}")

    def test_there_and_back_again(self):
        self.rename("--apply")
        self.rename("--apply", old=NEW_DOMAIN, new=OLD)

        self.an.refresh_from_db()
        self.assertEqual(self.an.address, f"an@{OLD}")
        self.assertTrue(self.addresses()[f"an@{OLD}"])


class RefusalTests(RenameTestCase):
    def assert_refused(self, *words, **domains):
        before = self.addresses()
        with self.assertRaises(CommandError) as refusal:
            self.rename("--apply", **domains)
        for word in words:
            self.assertIn(word, str(refusal.exception))
        self.assertEqual(self.addresses(), before)
        self.assertFalse(AuditEvent.objects.exists())

    def test_one_address_that_is_somebody_elses_stops_all(self):
        giang = cast.make(f"giang@{NEW_DOMAIN}")
        for taken in ("binh", "vanthu"):
            with self.subTest(taken):
                Address.objects.filter(account=giang, is_main=False).delete()
                Address.objects.create(address=f"{taken}@{NEW_DOMAIN}", account=giang)

                self.assert_refused("Nothing was changed", f"{taken}@{NEW_DOMAIN}")

    def test_one_that_is_ones_own_already_does_not(self):
        Address.objects.create(address=f"an@{NEW_DOMAIN}", account=self.an)

        self.rename("--apply")

        self.an.refresh_from_db()
        self.assertEqual(self.an.address, f"an@{NEW_DOMAIN}")

    def test_domains_that_the_profile_does_not_list_are_refused(self):
        self.assert_refused("example.vn", new="example.vn")
        self.assert_refused("example.vn", old="example.vn")
        self.assert_refused("the same", new=OLD)
        with override_settings(**AFTER):
            self.assert_refused("another name", old=NEW_DOMAIN, new=OLD)


class CountTests(RenameTestCase):
    """The office's two a day, and what was guessed, outlive the new name."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)  # on one day, whenever the tests run
        super().setUp()

    def ask_as(self, name):
        return self.ask(name, Client(REMOTE_ADDR=f"10.0.0.{Code.objects.count() + 1}"))

    def test_two_codes_of_the_morning_leave_none_for_the_afternoon(self):
        for _ in range(2):
            self.assertEqual(self.ask_as("an").status_code, 302)
            let_pass(self, minutes=6)

        self.rename("--apply")

        for name in (f"an@{OLD}", f"an@{NEW_DOMAIN}", f"vanthu@{NEW_DOMAIN}"):
            self.assertEqual(self.ask_as(name).status_code, 200)

    def test_one_code_of_the_morning_leaves_one(self):
        self.ask_as("an")
        let_pass(self, minutes=6)

        self.rename("--apply")

        self.assertEqual(self.ask_as("an").status_code, 302)
        let_pass(self, minutes=6)
        self.assertEqual(self.ask_as(f"an@{NEW_DOMAIN}").status_code, 200)

    def test_what_strangers_asked_for_at_the_new_name_takes_nothing_away(self):
        for _ in range(2):
            self.ask_as(f"an@{NEW_DOMAIN}")
            let_pass(self, minutes=6)
        self.ask_as("an")
        let_pass(self, minutes=6)

        self.rename("--apply")

        self.assertEqual(self.ask_as("an").status_code, 302)

    def test_counts_made_under_an_older_pepper_go_along(self):
        self.ask_as("an")
        self.ask_as("binh")
        let_pass(self, minutes=6)
        with override_settings(OTP_PEPPERS=["n" * 32, *keyed_names.settings.OTP_PEPPERS]):
            self.ask_as("an")
            let_pass(self, minutes=6)

            self.rename("--apply")

            self.assertEqual(self.ask_as("an").status_code, 200)
            self.assertEqual(self.ask_as("binh").status_code, 302)

    def test_wrong_passwords_are_not_forgotten(self):
        for _ in range(10):
            self.log_in(password="sai")

        self.rename("--apply")

        self.assertContains(self.log_in(), "Đã nhập sai nhiều lần")
        self.assertContains(self.log_in(f"an@{NEW_DOMAIN}"), "Đã nhập sai nhiều lần")

    def test_the_stricter_of_two_counts_stays(self):
        for _ in range(3):
            self.log_in(f"an@{NEW_DOMAIN}", "sai")
        self.log_in(password="sai")

        self.rename("--apply")

        self.assertEqual(Meter.objects.get(key__startswith="login:").count, 3)

    def test_a_closed_address_stays_closed(self):
        key = keyed_names.name_of("address", self.an.address)
        Meter.objects.create(
            key=f"streak:recovery:{key}",
            count=codes.STREAK,
            until=timezone.now() + codes.GRANT,
        )

        self.rename("--apply")

        self.an.refresh_from_db()
        self.assertTrue(codes.issue(self.an.address, Purpose.RECOVERY, nonce="n").closed)


class ProfileTests(RenameTestCase):
    """What the profile has to say, so that the two domains are one for those who do not exist."""

    def warnings(self):
        found = run_checks(databases=["default"])
        return [fault.id for fault in found if fault.id in ("portal.W018", "portal.W019")]

    def test_it_names_the_line_until_the_profile_has_it(self):
        line = f'under [domain_aliases]: "{OLD}" = "{NEW_DOMAIN}"'

        self.assertIn(line, self.rename())
        with override_settings(**AFTER):
            self.assertNotIn("[domain_aliases]", self.rename("--apply"))

    def test_with_it_nobody_can_tell_who_exists(self):
        """EN-02: both names of an address share one count, whether or not there is an account."""
        self.rename("--apply")
        with override_settings(**AFTER):
            for name in ("an", "binh", "chi", "dung", "vanthu", "khong.co"):
                with self.subTest(name):
                    first = self.ask(f"{name}@{OLD}", Client()).status_code
                    second = self.ask(f"{name}@{NEW_DOMAIN}", Client()).status_code

                    # An asked already, by another name.
                    known = 200 if name == "vanthu" else 302
                    self.assertEqual((first, second), (known, 200))

    def test_a_check_warns_where_the_line_is_missing(self):
        self.assertEqual(self.warnings(), [])
        self.rename("--apply")

        self.assertEqual(self.warnings(), ["portal.W019"])
        with override_settings(**AFTER):
            self.assertEqual(self.warnings(), [])

    def test_a_check_warns_of_accounts_in_a_domain_that_is_only_another_name(self):
        with override_settings(**AFTER):
            self.assertEqual(self.warnings(), ["portal.W018"])
            self.rename("--apply")
            self.assertEqual(self.warnings(), [])

    def test_a_domain_with_accounts_becomes_no_other_name_before_they_moved(self):
        """Else their mail would be delivered to whoever has the same name in the new one."""
        with override_settings(**AFTER):
            with self.assertLogs("accounts.organisation.domains", "ERROR") as log:
                copy_domains()
            self.assertIn(f"{OLD} is not yet another name of {NEW_DOMAIN}", log.output[0])
            self.assertEqual(self.domains(), {OLD: None, NEW_DOMAIN: None})

            self.rename("--apply")
            self.assertEqual(self.domains(), {OLD: NEW_DOMAIN, NEW_DOMAIN: None})

    def test_the_mail_server_learns_the_new_domain_in_the_same_moment(self):
        MailDomain.objects.all().delete()

        domain_renaming.rename(OLD, NEW_DOMAIN)

        self.assertEqual(self.domains(), {OLD: None, NEW_DOMAIN: None})

    def domains(self):
        return dict(MailDomain.objects.values_list("name", "alias_of"))


class UnderWayTests(cast.Cast, TransactionTestCase):
    def test_who_is_between_two_steps_gets_through(self):
        with override_settings(**BEFORE):
            self.set_up_people()
            self.ask()
            call_command("rename_domain", OLD, NEW_DOMAIN, "--apply", stdout=io.StringIO())

            self.assertContains(self.client.get(CODE), f"an@{OLD}")
            self.assertRedirects(self.guess(newest_code()), NEW)
            self.choose()

        changed = Account.objects.get(address=f"an@{NEW_DOMAIN}")
        self.assertTrue(changed.check_password(cast.NEW_PASSWORD))

    def test_who_gets_the_old_address_meanwhile_keeps_the_password(self):
        """SE-06: a code opens the account whose number it went to."""
        with override_settings(**BEFORE):
            self.set_up_people()
            now = timezone.now()
            Account.objects.filter(pk=self.binh.pk).update(
                phone="+84987466982", phone_confirmed_at=now
            )
            self.ask()
            self.guess(newest_code())
            domain_renaming.rename(OLD, NEW_DOMAIN)
            Address.objects.filter(address=f"an@{OLD}").update(account=self.binh)

            self.choose()

        for person, password in ((self.an, cast.NEW_PASSWORD), (self.binh, cast.PASSWORD)):
            person.refresh_from_db()
            self.assertTrue(person.check_password(password), person)
