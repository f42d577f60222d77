"""The mail server takes the hashes and the addresses that the portal writes."""

import subprocess

import pytest
from django.conf import settings
from django.test import SimpleTestCase, TestCase

from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code

DEPLOY = settings.BASE_DIR / "deploy"


class AddressTests(SimpleTestCase):
    def test_no_program_takes_a_part_of_an_address_away(self):
        """Mail to an+x would land with an: a + is a letter like all others in the portal."""
        for name in ("dovecot/2.3/dovecot.conf", "dovecot/2.4/dovecot.conf", "postfix/main.cf"):
            with self.subTest(name):
                lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()

                self.assertIn("recipient_delimiter =", lines)


class ProtocolTests(SimpleTestCase):
    def test_dovecot_listens_for_what_is_meant_whatever_is_installed(self):
        older = (DEPLOY / "dovecot/2.3/dovecot.conf").read_text(encoding="utf-8")
        newer = (DEPLOY / "dovecot/2.4/dovecot.conf").read_text(encoding="utf-8")

        self.assertIn("\nprotocols = imap lmtp\n", older)
        self.assertIn("\nprotocols {\n  imap = yes\n  lmtp = yes\n}\n", newer)
        for text in (older, newer):
            self.assertNotIn("!include", text)


@pytest.mark.program("doveadm")
class MailServerTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_dovecot_opens_with_the_new_password_and_not_with_the_old(self):
        self.ask()
        self.guess(newest_code())
        self.choose(NEW_PASSWORD)
        self.an.refresh_from_db()

        self.assertTrue(opens(self.an.password, NEW_PASSWORD))
        self.assertFalse(opens(self.an.password, PASSWORD))


def opens(encoded: str, password: str) -> bool:
    """Let Dovecot compare a password with a stored hash, as its passdb would read it."""
    stored = "{ARGON2ID}" + encoded.removeprefix("argon2")
    command = ["doveadm", "pw", "-t", stored, "-p", password]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
