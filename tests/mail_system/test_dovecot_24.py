"""Dovecot 2.4 obeys as 2.3 does, where there is one: in a root of Debian 13."""

import subprocess
from unittest import skipUnless

from accounts.credentials.locks import lock
from otp.models import Message
from tests.mail_system.test_mail_programs import AN, GIBIBYTES_5, DovecotTestCase
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.programs.dovecot24 import ROOT, Dovecot24
from tests.support.programs.mailserver import is_closed, wait_until_closed


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerTests(DovecotTestCase):
    program = Dovecot24

    def test_it_reads_the_settings_without_a_complaint(self):
        self.assertNotRegex(self.dovecot.log(), r"(?i)warning|error|fatal|panic")

    def test_everybody_opens_their_own_mailbox_by_any_spelling(self):
        for name in ("an", "AN@HAGIANG.GOV.VN", "binh", "em"):
            with self.subTest(name):
                self.assert_opens(name)
        for name in ("chi", "dung", "khong.co", "' OR true --", "an%d"):
            with self.subTest(name):
                self.assert_refused(name)

    def test_a_lock_ends_what_is_open_and_nobody_else_s(self):
        box, other = self.open(), self.open("binh")

        lock(self.an, actor=self.em)
        self.send()

        wait_until_closed(box)
        self.assertFalse(is_closed(other))
        self.assert_refused("an")
        message = Message.objects.get()
        self.assertEqual((message.gateway, message.reason), ("doveadm", ""))
        self.assertNotRegex(self.dovecot.log(), r"(?i)panic|fatal")

    def test_a_new_password_opens_and_the_old_does_not(self):
        box = self.open()
        self.ask()
        self.guess(newest_code())
        self.choose()
        self.send()

        wait_until_closed(box)
        self.assert_refused("an", PASSWORD)
        self.assert_opens("an", NEW_PASSWORD)

    def test_postfix_is_told_the_moment_of_the_password_and_others_are_not(self):
        for service, name in (("smtp", f"user=0/{AN}"), ("imap", f"user={AN}")):
            with self.subTest(service):
                said = subprocess.run(
                    self.dovecot.command(
                        *("doveadm", "auth", "test", "-x", f"service={service}", "an", PASSWORD)
                    ),
                    capture_output=True,
                    text=True,
                    check=False,
                )

                self.assertIn(name, said.stdout.split(), said.stderr)

    def test_a_mailbox_has_an_end(self):
        _, (_, quotas) = self.open().getquotaroot("INBOX")

        self.assertEqual(quotas, [GIBIBYTES_5])

    def test_three_hundred_connections_are_open_at_once(self):
        boxes = [self.dovecot.connect() for _ in range(300)]
        for box in boxes:
            self.addCleanup(self.close, box)
        for box, name in zip(boxes[::10], ("an", "binh", "em") * 10, strict=True):
            box.login(name, PASSWORD)

        self.assertEqual({box.noop()[0] for box in boxes}, {"OK"})
