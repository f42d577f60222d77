"""App passwords open mailboxes: real Dovecot and Postfix over the portal's database."""

import os
import shutil
import smtplib
from unittest import skipUnless

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts.credentials import app_passwords
from accounts.credentials.locks import lock, unlock
from accounts.models import Account, Address, AppPassword
from accounts.organisation.domains import copy_domains
from otp.models import OFFICE_ZONE
from tests.mail_system.test_mail_logins import ABROAD, AskingTestCase
from tests.mail_system.test_mail_programs import AN, DovecotTestCase
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.hashing import HashesAsDeployed
from tests.support.programs import postfix
from tests.support.programs.dovecot24 import ROOT, Dovecot24
from tests.support.programs.mailserver import is_closed, wait_until_closed
from tests.support.waiting import wait_for


def make(account, name="Điện thoại"):
    return app_passwords.make(account, name).password


class Journeys(HashesAsDeployed):
    """What each Dovecot does."""

    def test_each_opens_its_own_mailbox_by_any_name_of_it(self):
        Address.objects.create(address="vanthu@hagiang.gov.vn", account=self.an)
        first, second, other = make(self.an, "a"), make(self.an, "b"), make(self.binh)

        for name in ("an", "AN", AN, "vanthu"):
            for password in (first, second, PASSWORD, first):
                with self.subTest(name):
                    self.assert_opens(name, password)
        for wrong in (other, first[:-1], first + "b", first.upper(), first.replace("-", "")):
            self.assert_refused("an", wrong)
        self.assert_refused("binh", first)
        self.assert_refused("khong.co", first)

    def test_what_has_the_digest_of_one_and_is_another_opens_nothing(self):
        digest = app_passwords.digest_of(make(self.an))
        alike = next(
            guess for guess in map(str, range(10**5)) if app_passwords.digest_of(guess) == digest
        )

        self.assert_refused("an", alike)
        self.assertNotIn("' OR", self.dovecot.log())
        self.assert_refused("an", "' OR digest <> '")

    def test_one_that_was_ended_opens_nothing_and_others_go_on(self):
        gone, kept = make(self.an, "a"), make(self.an, "b")
        box, other = self.open("an", gone), self.open("binh")
        self.assert_opens("an", kept)  # Dovecot 2.3 has both by heart

        app_passwords.end(self.an, AppPassword.objects.get(name="a").pk)
        self.send()

        wait_until_closed(box)
        self.assertFalse(is_closed(other))
        self.assert_refused("an", gone)
        for password in (kept, PASSWORD):
            self.assert_opens("an", password)

    def test_a_lock_closes_them_and_ends_with_the_lock(self):
        password = make(self.an)
        box = self.open("an", password)

        lock(self.an, actor=self.em)
        self.send()

        wait_until_closed(box)
        self.assert_refused("an", password)
        unlock(self.an, actor=self.em)
        self.assert_opens("an", password)

    def test_a_closed_account_opens_nothing_by_them(self):
        password = make(self.an)
        Account.objects.filter(pk=self.an.pk).update(is_active=False)

        self.assert_refused("an", password)

    def test_a_reset_ends_them(self):
        password = make(self.an)
        self.assert_opens("an", password)
        self.ask()
        self.guess(newest_code())
        self.choose()
        self.send()

        self.assert_refused("an", password)
        self.assert_opens("an", NEW_PASSWORD)

    def test_where_the_office_says_so_they_alone_open_mail(self):
        password = make(self.an)
        box = self.open()
        with override_settings(APP_PASSWORDS="only"):
            copy_domains()
            self.addCleanup(copy_domains)
            self.send()

            wait_until_closed(box)
            self.assert_refused("an", PASSWORD)
            self.assert_opens("an", password)
            self.assertRedirects(self.log_in(), "/")
        copy_domains()

        self.assert_opens("an", PASSWORD)


@pytest.mark.program("dovecot")
class OlderTests(Journeys, DovecotTestCase):
    pass


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerTests(Journeys, DovecotTestCase):
    program = Dovecot24


class CountedJourneys:
    """What the portal hears of them."""

    def test_uses_and_wrong_tries_are_told_as_all_are(self):
        password = make(self.an)
        row = AppPassword.objects.get()
        self.assertTrue(self.opens())
        self.wait_for_reports(right=1)
        row.refresh_from_db()
        self.assertIsNone(row.last_used_on)

        self.assertTrue(self.opens("an", password))
        self.assertFalse(self.opens("an", password + "x", ABROAD))
        self.wait_for_reports(right=2, wrong=1)

        row.refresh_from_db()
        today = timezone.localdate(timezone=OFFICE_ZONE)
        self.assertEqual((row.last_used_on, row.last_protocol), (today, "imap"))
        self.assertEqual(self.charged(), 1)


@pytest.mark.program("dovecot")
class OlderCountedTests(CountedJourneys, AskingTestCase):
    def test_one_that_dovecot_has_by_heart_is_told_too(self):
        first, second = make(self.an, "a"), make(self.an, "b")
        for password in (first, second, first, second):
            self.assertTrue(self.opens("an", password))
        self.wait_for_reports(right=4)
        AppPassword.objects.update(last_used_on=None, last_protocol="")

        self.assertTrue(self.opens("an", second))
        self.wait_for_reports(right=5)

        wait_for(
            lambda: AppPassword.objects.exclude(last_used_on=None).exists(), "the use to be noted"
        )
        self.assertEqual(AppPassword.objects.exclude(last_used_on=None).get().name, "b")

    @skipUnless(shutil.which("postfix", path="/usr/sbin"), "Postfix is not here")
    @skipUnless(os.geteuid() == 0, "Postfix's server is started by root alone")
    def test_they_send_until_they_are_ended(self):
        server = postfix.Server(self.dovecot)
        self.addCleanup(server.end)
        password, other = make(self.an, "a"), make(self.binh)
        row = AppPassword.objects.get(name="a")
        self.assertEqual(server.submit(AN, password, self.an.address), 250)
        self.assertEqual(server.submit(AN, PASSWORD, self.an.address), 250)
        self.assertGreaterEqual(server.submit(AN, password, self.binh.address), 500)
        self.wait_for_reports(right=3)
        row.refresh_from_db()
        self.assertEqual(row.last_protocol, "smtp")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            server.submit(AN, other, self.an.address)

        with server.open(AN, password) as smtp:
            app_passwords.end(self.an, row.pk)

            # What is open already sends nothing more either.
            self.assertEqual(postfix.offer(smtp, self.an.address), 421)
        self.send()
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            server.submit(AN, password, self.an.address)
        self.assertEqual(server.submit(AN, PASSWORD, self.an.address), 250)


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerCountedTests(CountedJourneys, AskingTestCase):
    version = "2.4"
    kind = Dovecot24
