"""The mail server obeys at once: real Dovecot and Postfix over the portal's database (PR-02)."""

import datetime as dt
import os
import re
import subprocess
from contextlib import suppress
from unittest import mock

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials.foreign_hashes import to_stored
from accounts.credentials.locks import lock, unlock
from accounts.models import Account, Address
from mailportal.profile import load
from otp.models import Message
from otp.suppliers import doveadm
from otp.suppliers.gateway import NotSent
from tests.credentials.test_pbkdf2_hashes import FOR_DOVECOT, FOR_THE_PORTAL
from tests.support import cast
from tests.support.browser import BrowserTestCase
from tests.support.cast import LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.hashing import HashesAsDeployed
from tests.support.programs import mailserver
from tests.support.programs.mailserver import API_KEY, is_closed, wait_until_closed

AN = "an@hagiang.gov.vn"
PHONE = "+84987466981"
GIBIBYTES_5 = b'"User quota" (STORAGE 0 5242880)'


class DovecotTestCase(cast.Cast, TransactionTestCase):
    """People, their mailboxes, and a portal that may end sessions."""

    program = mailserver.Dovecot

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mailserver.make_role()
        cls.addClassCleanup(mailserver.drop_role)
        cls.dovecot = cls.program()
        cls.addClassCleanup(cls.dovecot.end)

    def setUp(self):
        self.set_up_people()
        self.connect_to(self.dovecot)

    def connect_to(self, dovecot):
        door = {"DOVEADM_URL": dovecot.url, "DOVEADM_API_KEY": API_KEY}
        trusted = {"DOVEADM_CA_FILE": str(dovecot.certificate)}
        self.enterContext(override_settings(**door, **trusted))
        # What one test's people had by heart must not help the next one's.
        self.addCleanup(self.send_kick, "*")

    def send_kick(self, mailbox):
        doveadm.kick(mailbox)

    def send(self):
        call_command("deliver_messages", "--once")

    def open(self, name="an", password=PASSWORD):
        box = self.dovecot.log_in(name, password)
        self.addCleanup(self.close, box)
        box.select()
        return box

    def close(self, box):
        with suppress(OSError):
            box.shutdown()

    def assert_opens(self, name, password=PASSWORD):
        self.assertTrue(self.dovecot.opens(name, password), name)

    def assert_refused(self, name, password=PASSWORD):
        self.assertFalse(self.dovecot.opens(name, password), name)


@pytest.mark.program("dovecot")
class WizardTests(DovecotTestCase, BrowserTestCase):
    """Nobody has to wait: what the wizard promises holds when it says so."""

    def setUp(self):
        BrowserTestCase.setUp(self)
        self.connect_to(self.dovecot)

    def test_when_the_wizard_says_done_the_new_password_opens_mail_and_the_old_does_not(self):
        thief = self.open()  # now Dovecot has the old password by heart, too
        self.ask_in_browser()
        self.enter_code(self.code_on_the_phone(PHONE))
        self.is_at(NEW)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", NEW_PASSWORD)

        self.press("Đổi mật khẩu")
        self.is_at(LOGIN)
        self.send()

        self.assert_refused("an", PASSWORD)
        self.assert_opens("an", NEW_PASSWORD)
        wait_until_closed(thief)


@pytest.mark.program("dovecot")
class AccountTests(DovecotTestCase):
    def test_everybody_opens_their_own_mailbox_by_any_spelling(self):
        for name in ("an", "An", AN, AN.upper(), "binh", "em"):
            with self.subTest(name):
                self.assert_opens(name)

    def test_a_new_password_opens_before_anything_is_sent(self):
        self.open()  # now Dovecot has the old password by heart
        self.ask()
        self.guess(newest_code())

        self.choose()

        self.assert_opens("an", NEW_PASSWORD)
        self.assert_refused("an", PASSWORD)

    def test_locked_disabled_and_unknown_are_refused(self):
        for name in ("chi", "dung", "khong.co", "", "@", "an@example.vn"):
            with self.subTest(name):
                self.assert_refused(name)

    def test_what_is_no_name_opens_nothing(self):
        for name in ("' OR true --", "an'", "%", "_n", "a*", "an\\", "an%d", "{0.__class__}"):
            with self.subTest(name):
                self.assert_refused(name)

    def test_a_lock_closes_the_mailbox_and_what_is_open_and_ends_with_the_lock(self):
        box = self.open()

        lock(self.an, actor=self.em)
        self.send()

        wait_until_closed(box)
        self.assert_refused("an")
        unlock(self.an, actor=self.em)
        self.assert_opens("an")

    def test_other_peoples_sessions_go_on(self):
        box = self.open("binh")

        lock(self.an, actor=self.em)
        self.send()

        self.assertFalse(is_closed(box))

    def test_a_mailbox_has_an_end(self):
        _, (_, quotas) = self.open().getquotaroot("INBOX")

        self.assertEqual(quotas, [GIBIBYTES_5])

    def test_a_default_password_opens_until_its_day(self):
        Account.objects.update(default_password_until=timezone.now() + dt.timedelta(hours=1))
        self.assert_opens("em")

        Account.objects.update(default_password_until=timezone.now())
        self.send_kick("*")

        self.assert_refused("em")
        self.assert_opens("an")

    def test_an_alias_and_another_name_of_the_domain_open_the_one_mailbox(self):
        profile = load("tuyenquang")
        new, old = profile.domains
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        with override_settings(**domains):
            call_command("rename_domain", old, new, "--apply")
            giang = cast.make("giang")
            Address.objects.create(address=f"vanthu@{new}", account=giang)
            for name in ("giang", "vanthu"):
                for domain in (new, old):
                    with self.subTest(name=name, domain=domain):
                        box = self.open(f"{name}@{domain}")
                        self.dovecot.wait_for_words(f"user=<giang@{new}>")

            lock(giang, actor=self.em)
            self.send()

            wait_until_closed(box)
            self.assert_refused(f"vanthu@{old}")

    def test_a_renamed_mailbox_keeps_its_mail(self):
        domains = {"MAIL_DOMAINS": ("hagiang.gov.vn", "tuyenquang.gov.vn")}
        self.open().append("INBOX", None, None, b"Subject: thu cu\r\n\r\n...")

        with override_settings(**domains):
            call_command("rename_domain", "hagiang.gov.vn", "tuyenquang.gov.vn", "--apply")
        self.send()

        for name in ("an@tuyenquang.gov.vn", AN):
            with self.subTest(name):
                self.assertEqual(self.open(name).select()[1], [b"1"])


@pytest.mark.program("dovecot")
class HashTests(HashesAsDeployed, DovecotTestCase):
    """What the portal stores, and what it takes over from older systems, opens mail."""

    def test_each_scheme_opens_with_the_right_password_only(self):
        for scheme in ("SSHA", "SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT", "ARGON2ID"):
            with self.subTest(scheme):
                self.store(f"imported${hashed(scheme)}")

                self.assert_opens("an")
                self.assert_refused("an", NEW_PASSWORD)

    def test_what_directories_derive_opens_too(self):
        self.store(to_stored(FOR_DOVECOT["389, FreeIPA"]))

        self.assert_opens("an")
        self.assert_refused("an", NEW_PASSWORD)

    def test_what_dovecot_cannot_check_opens_after_the_first_log_in_here(self):
        self.store(to_stored(FOR_THE_PORTAL["389, older"]))
        self.assert_refused("an")

        self.assertRedirects(self.log_in(), "/")

        self.assert_opens("an")

    def test_the_portals_own_hash_opens(self):
        self.assertRegex(self.an.password, r"^argon2\$argon2id\$v=19\$m=19456,t=2,p=1\$")

        self.assert_opens("an")

    def test_no_password_is_opened_by_nothing(self):
        for stored in ("!", "!" + "x" * 40, "", "imported$", "imported$x", "md5$x$y", "argon2$"):
            with self.subTest(stored):
                self.store(stored)

                for password in ("", "!", stored, PASSWORD):
                    self.assert_refused("an", password)

    def store(self, password):
        Account.objects.filter(pk=self.an.pk).update(password=password)
        self.send_kick("*")


@pytest.mark.program("dovecot")
class DoorTests(DovecotTestCase):
    """The key of the portal ends sessions and opens nothing else; its way is a private one."""

    def test_a_certificate_that_nobody_vouches_for_is_refused(self):
        box = self.open()

        lock(self.an, actor=self.em)
        # One that the surroundings name is for others: suppliers, the portal's own proxy.
        others = {"REQUESTS_CA_BUNDLE": str(self.dovecot.certificate)}
        with mock.patch.dict(os.environ, others), override_settings(DOVEADM_CA_FILE=""):
            self.send()

        message = Message.objects.get()
        self.assertEqual((message.state, message.reason), ("queued", "connect"))
        self.assertFalse(is_closed(box))
        # Dovecot heard no command, and may have said by now that it was not trusted.
        errors = re.findall(r"doveadm\(127\.0\.0\.1\): Error: .*", self.dovecot.log())
        for error in errors:
            self.assertIn("SSL handshake failed", error)

    def test_a_wrong_key_is_refused(self):
        with override_settings(DOVEADM_API_KEY="falsch"):
            lock(self.an, actor=self.em)
            self.send()

        message = Message.objects.get()
        self.assertEqual((message.state, message.reason), ("queued", "http-401"))

    def test_nobody_there_is_as_good(self):
        lock(self.binh, actor=self.em)

        self.send()

        message = Message.objects.get()
        self.assertEqual((message.gateway, message.reason), ("doveadm", ""))

    def test_a_server_that_was_away_obeys_when_it_is_back(self):
        box = self.open()
        with override_settings(DOVEADM_URL="https://localhost:1"):
            lock(self.an, actor=self.em)
            self.send()
        self.assertFalse(is_closed(box))

        Message.objects.update(due_at=Now())
        self.send()

        wait_until_closed(box)

    def test_a_session_that_was_about_to_open_is_ended_ten_seconds_later(self):
        lock(self.an, actor=self.em)
        self.send()
        box = self.open("binh")
        Message.objects.update(to=self.binh.address, due_at=Now())

        self.send()

        self.assertEqual(Message.objects.get().state, "accepted")
        wait_until_closed(box)

    def test_the_key_opens_no_mailbox(self):
        for command in (
            ["fetch", {"user": AN, "field": ["text"], "query": ["ALL"]}, "x"],
            ["mailboxList", {"user": AN}, "x"],
            ["who", {}, "x"],
        ):
            with self.subTest(command[0]), self.assertRaisesMessage(NotSent, "x-unAuthorized"):
                doveadm._order(doveadm._transport(), command)


def hashed(scheme):
    """Let Dovecot itself hash PASSWORD, as an older system did."""
    made = subprocess.run(
        ["doveadm", "pw", "-s", scheme, "-p", PASSWORD], capture_output=True, text=True, check=True
    )
    return made.stdout.strip()
