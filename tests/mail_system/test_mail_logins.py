"""Dovecot asks the portal before it compares a password, and tells what became of it."""

import imaplib
import json
import re
import shutil
import smtplib
from unittest import skipUnless

import pytest
from django.test import LiveServerTestCase, override_settings

from accounts.access.login import FAILURES
from accounts.models import AuditEvent, MailLogin
from otp.models import Meter
from tests.mail_system.test_mail_programs import DovecotTestCase
from tests.support.cast import PASSWORD
from tests.support.programs import mailserver, postfix
from tests.support.programs.dovecot24 import ROOT, Dovecot24
from tests.support.waiting import wait_for

TOKEN = "geheim-7b1d5e0c9f3a48e2"
MOST = FAILURES.count
ABROAD, HOME = "127.0.0.3", "127.0.0.4"


class AskingTestCase(DovecotTestCase, LiveServerTestCase):
    """A portal that listens, and a Dovecot that asks it."""

    version = "2.3"

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(override_settings(AUTH_POLICY_TOKEN=TOKEN))
        super().setUpClass()

    @classmethod
    def program(cls):
        lines = mailserver.asking(cls.version, cls.live_server_url, TOKEN)
        return cls.kind(lines + "auth_debug = yes\n")

    kind = mailserver.Dovecot

    def opens(self, name="an", password=PASSWORD, caller=HOME):
        try:
            self.dovecot.log_in(name, password, caller=caller).logout()
        except imaplib.IMAP4.error as error:
            self.assertIn("AUTHENTICATIONFAILED", str(error), self.dovecot.log())
            return False
        return True

    def charged(self):
        return sum(Meter.objects.filter(key__startswith="login:").values_list("count", flat=True))

    def wait_for_reports(self, right=0, wrong=0):
        """Dovecot tells the portal after it has answered the mail program."""
        told = lambda: (  # noqa: E731
            sum(MailLogin.objects.values_list("count", flat=True)) == right
            and AuditEvent.objects.filter(event="login-failed").count() == wrong
        )
        wait_for(told, "Dovecot's reports")


class Journeys:
    def test_wrong_ones_are_counted_with_the_portal_s_and_right_ones_are_listed(self):
        for _ in range(2):
            self.assertTrue(self.opens("AN"))
        self.wait_for_reports(right=2)
        self.assertEqual(self.charged(), 0)
        for name in ("an", "khong.co"):
            with self.subTest(name):
                for _ in range(2):
                    self.assertFalse(self.opens(name, "sai", ABROAD))
                for _ in range(MOST - 2):
                    self.log_in(name, "sai")

                # Held out with the right password, too; nothing is compared any more.
                self.assertFalse(self.opens(name, caller=ABROAD))
                self.assertContains(self.log_in(name), "Đã nhập sai nhiều lần.")
        self.assertTrue(self.opens("binh", caller=ABROAD))

        row = MailLogin.objects.get(account=self.an)
        self.assertEqual((row.client, row.protocol, row.count), (HOME, "imap", 2))
        self.wait_for_reports(right=3, wrong=2 * MOST)
        failed = AuditEvent.objects.filter(event="login-failed", account=self.an)
        self.assertEqual(set(failed.values_list("client", flat=True)), {ABROAD, "127.0.0.1"})

    def test_nothing_of_the_password_is_sent(self):
        self.opens("an", "sai-geheim-1")
        self.wait_for_reports(wrong=1)

        request = r"Policy server request JSON: (\{.*\})"
        self.dovecot.wait_for_words(rf"(?s){request}.*{request}")
        sent = re.findall(request, self.dovecot.log())
        for told in map(json.loads, sent):
            named = {key for key, value in told.items() if value != ""}
            self.assertLessEqual(
                named,
                {"login", "remote", "protocol", "success", "policy_reject", "tls", "fail_type"},
            )
        self.assertNotIn("geheim-1", str(sent))

    def test_a_portal_that_does_not_let_it_ask_keeps_nobody_from_their_mail(self):
        with override_settings(AUTH_POLICY_TOKEN="another-one-of-32-letters-or-more"):
            self.assertTrue(self.opens())
            self.assertFalse(self.opens("an", "sai"))


@pytest.mark.program("dovecot")
class OlderTests(Journeys, AskingTestCase):
    @skipUnless(shutil.which("postfix", path="/usr/sbin"), "Postfix is not here")
    def test_who_sends_is_counted_and_listed_too(self):
        server = postfix.Server(self.dovecot)
        self.addCleanup(server.end)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            # Tried by each mechanism that Postfix offers: by two.
            server.submit("an@hagiang.gov.vn", "sai", self.an.address)
        self.assertEqual(server.submit("an@hagiang.gov.vn", PASSWORD, self.an.address), 250)

        self.wait_for_reports(right=1, wrong=2)
        self.assertEqual(self.charged(), 2)
        row = MailLogin.objects.get(account=self.an)
        self.assertEqual((row.client, row.protocol), ("127.0.0.1", "smtp"))

    def test_a_person_behind_the_webmail_is_the_one_who_is_listed(self):
        self.dovecot.log_in("an", PASSWORD, behind="203.0.113.9").logout()
        self.wait_for_reports(right=1)

        self.assertEqual(MailLogin.objects.get().client, "203.0.113.9")


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerTests(Journeys, AskingTestCase):
    version = "2.4"
    kind = Dovecot24
