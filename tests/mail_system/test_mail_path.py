"""The examples of docs/mail-path.md do what is said of them."""

import re
import socket

import pytest
from django.conf import settings
from django.test import TransactionTestCase

from tests.support import cast
from tests.support.programs import mailserver
from tests.support.waiting import PATIENCE

PAGE = settings.BASE_DIR / "docs" / "mail-path.md"
ASKED = "request=smtpd_access_policy\nrecipient={recipient}\nsize={size}\n\n"
GIBIBYTE = 1024**3


@pytest.mark.program("dovecot")
class QuotaTests(cast.Cast, TransactionTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mailserver.make_role()
        cls.addClassCleanup(mailserver.drop_role)
        page = PAGE.read_text(encoding="utf-8").partition("\n## Quota\n")[2]
        example = re.search(r"\n\n((?: {4}.*\n)+)", page)[1]
        owner = mailserver._postfix()
        cls.dovecot = mailserver.Dovecot(
            example.replace("/var/spool/postfix/private/", "")
            .replace("= postfix", f"= {owner}")
            .replace(f"group = {owner}", f"group = {mailserver._group_of(owner)}")
        )
        cls.addClassCleanup(cls.dovecot.end)

    def ask_dovecot(self, **question):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.dovecot.path / "run/quota-status"))
            line.sendall(ASKED.format(**question).encode())
            return line.recv(1000).decode().strip()

    def test_postfix_learns_beforehand_that_a_mailbox_is_full(self):
        self.set_up_people()
        for recipient, size, answer in (
            (self.an.address, 1000, "action=DUNNO"),
            (self.an.address, 6 * GIBIBYTE, "action=552 5.2.2 Mailbox is full"),
            ("khong.co@hagiang.gov.vn", 1000, "action=DUNNO"),
        ):
            with self.subTest(recipient=recipient, size=size):
                self.assertEqual(self.ask_dovecot(recipient=recipient, size=size), answer)
