"""Many at once, whole offices behind one address, and a webmail hold nobody up."""

import subprocess

import pytest

from tests.mail_system.test_mail_programs import DovecotTestCase
from tests.support.cast import PASSWORD

OFFICE = "127.0.0.2"  # many people, one address


@pytest.mark.program("dovecot")
class CrowdTests(DovecotTestCase):
    def test_three_hundred_connections_are_open_at_once(self):
        """Each is held by a log-in process, whether it has logged in or not."""
        boxes = [self.connect() for _ in range(300)]
        for box, name in zip(boxes[::10], ("an", "binh", "em") * 10, strict=True):
            box.login(name, PASSWORD)

        self.assertEqual({box.noop()[0] for box in boxes}, {"OK"})
        self.assertNotRegex(self.dovecot.log(), r"(?i)warning|limit")

    def connect(self):
        box = self.dovecot.connect()
        self.addCleanup(self.close, box)
        return box

    def test_wrong_passwords_of_one_do_not_make_an_office_wait(self):
        for _ in range(3):
            with self.assertRaisesRegex(Exception, "AUTHENTICATIONFAILED"):
                self.dovecot.log_in("binh", "sai", caller=OFFICE)

        told = subprocess.run(
            self.dovecot.command("doveadm", "penalty"),
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertNotIn(OFFICE, told.stdout)

    def test_the_log_has_the_address_of_a_person_behind_the_webmail(self):
        self.dovecot.log_in("an", PASSWORD, behind="203.0.113.9").logout()

        self.dovecot.wait_for_words("Login: user=<an@[^>]*>.* rip=203.0.113.9,")

    def test_nobody_else_may_claim_an_address(self):
        self.dovecot.log_in("an", PASSWORD, caller=OFFICE, behind="203.0.113.10").logout()

        self.assertNotIn("rip=203.0.113.10", self.dovecot.log())
