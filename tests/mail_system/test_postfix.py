"""Postfix takes mail for those who have a mailbox, and lets nobody send as somebody else."""

import datetime as dt
import os
import smtplib
from unittest import skipUnless

import pytest
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials.locks import lock
from accounts.models import Account, Address, Departure
from accounts.organisation.domains import copy_domains
from mailportal.profile import load
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.programs import mailserver, postfix


@pytest.mark.program("postmap")
class MapTests(cast.Cast, TransactionTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mailserver.make_role()
        cls.addClassCleanup(mailserver.drop_role)
        cls.postfix = postfix.Postfix()
        cls.addClassCleanup(cls.postfix.end)

    def setUp(self):
        profile = load("tuyenquang")
        self.new, self.old = profile.domains
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        self.enterContext(override_settings(**domains))
        copy_domains()
        self.set_up_people()
        Address.objects.create(address=f"vanthu@{self.new}", account=self.an)

    def assert_found(self, name, cases):
        for key, found in cases.items():
            with self.subTest(map=name, key=key):
                self.assertEqual(self.postfix.finds(name, key), found)

    def test_it_knows_the_domains(self):
        self.assert_found("domains", {self.new: self.new, self.old: None, "example.vn": None})
        self.assert_found("alias-domains", {self.new: None, self.old: self.old, "x' OR '1": None})

    def test_it_knows_the_mailboxes(self):
        an = f"an@{self.new}"
        cases = {an: an, f"chi@{self.new}": f"chi@{self.new}", an.upper(): an}
        # Disabled, unknown, an alias, another name of the domain, no address.
        none = ("dung", "khong.co", "vanthu", "an'", "' OR true --", "%", "a_")
        cases |= {f"{name}@{self.new}": None for name in none}
        cases |= {f"an@{self.old}": None, "an": None}
        self.assert_found("mailboxes", cases)

    def test_it_knows_the_aliases(self):
        an = f"an@{self.new}"
        self.assert_found(
            "aliases",
            {
                f"vanthu@{self.new}": an,
                f"vanthu@{self.old}": an,
                f"an@{self.old}": an,
                f"chi@{self.old}": f"chi@{self.new}",
                an: None,
                f"dung@{self.old}": None,
                f"khong.co@{self.old}": None,
                f"an@{self.old}.vn": None,
                "an": None,
            },
        )

    def test_it_knows_who_has_left(self):
        vanthu = cast.make("vanthu.so", kind="organisation")
        left = {"last_day": "2026-03-01", "shut_at": timezone.now(), "planned_by": self.binh}
        columns = left | {"sentence": "Da nghi viec.", "why": "x"}
        Departure.objects.create(account=self.an, forward_to=vanthu, forward_days=30, **columns)
        Departure.objects.create(account=self.dung, **columns)
        Account.objects.filter(pk=self.an.pk).update(is_active=False)

        for name in (f"an@{self.new}", f"an@{self.old}", f"vanthu@{self.old}"):
            self.assert_found("forwards", {name: vanthu.address})
            self.assert_found("refusals", {name: None})
        dung = f"dung@{self.new}"
        self.assert_found("refusals", {dung: "550 5.1.6 Da nghi viec.", "dung": None, "x'": None})
        self.assert_found("forwards", {dung: None, vanthu.address: None})

    def test_it_knows_who_may_send_as_whom(self):
        an = f"an@{self.new}"
        self.assert_found(
            "senders",
            {
                an: an,
                f"an@{self.old}": an,
                f"vanthu@{self.new}": an,
                f"vanthu@{self.old}": an,
                # Nobody else may use the address of somebody who is locked or gone.
                f"chi@{self.new}": f"chi@{self.new}",
                f"dung@{self.new}": f"dung@{self.new}",
                f"khong.co@{self.new}": None,
            },
        )

    def test_it_knows_the_sessions_of_today(self):
        # The second is what a Dovecot says that still has the query of an older release.
        for login in (self.login(self.an), self.an.address):
            self.assertIsNone(self.postfix.finds("sessions", login))
        for login in ("an", f"1/an@{self.new}", f"chi@{self.new}", f"dung@{self.new}", "1/", "x'"):
            with self.subTest(login):
                self.assertRegex(self.postfix.finds("sessions", login), r"^421 4\.7\.0 ")

    def test_it_knows_the_log_ins_of_a_sender(self):
        an = f"an@{self.new}"
        both = f"{self.login(self.an)},{an}"
        self.assert_found(
            "logins", {f"vanthu@{self.old}": both, an: both, f"chi@{self.new}": None, "x'": None}
        )

    def login(self, account):
        with connection.cursor() as cursor:
            cursor.execute("SELECT login FROM mail_logins WHERE username = %s", [account.address])
            return cursor.fetchone()[0]

    def test_postmaster_is_somebody_where_nobody_has_the_address(self):
        somebody = "it-support@example.gov.vn"
        self.assert_found(
            "postmaster",
            {
                f"postmaster@{self.new}": somebody,
                f"abuse@{self.old}": somebody,
                "abuse@example.vn": None,
                f"an@{self.new}": None,
            },
        )

        cast.make("postmaster")

        self.assert_found(
            "postmaster", {f"postmaster@{self.new}": None, f"postmaster@{self.old}": None}
        )

    def test_it_reads_the_settings_and_finds_nothing_unknown_in_them(self):
        settings = self.postfix.settings()

        for name, file in (
            ("virtual_mailbox_domains", "domains"),
            ("virtual_alias_domains", "alias-domains"),
            ("virtual_mailbox_maps", "mailboxes"),
            ("virtual_alias_maps", "aliases"),
            ("smtpd_sender_login_maps", "senders"),
            ("smtpd_sender_restrictions", "own-domains"),
        ):
            path = f"{self.postfix.path}/pgsql-{file}.cf"
            self.assertEqual(settings[name].split()[-1], f"proxy:pgsql:{path}")


@pytest.mark.program("dovecot")
@pytest.mark.program("postmap")
@skipUnless(os.geteuid() == 0, "Postfix's server is started by root alone")
class ServerTests(cast.Cast, TransactionTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mailserver.make_role()
        cls.addClassCleanup(mailserver.drop_role)
        cls.dovecot = mailserver.Dovecot()
        cls.addClassCleanup(cls.dovecot.end)
        cls.postfix = postfix.Server(cls.dovecot)
        cls.addClassCleanup(cls.postfix.end)

    def setUp(self):
        self.set_up_people()
        Address.objects.create(address="vanthu@hagiang.gov.vn", account=self.an)

    def test_it_takes_mail_for_mailboxes_and_aliases_only(self):
        for name, code in (
            ("an", 250),
            ("AN", 250),
            ("vanthu", 250),
            ("chi", 250),  # locked: the mail is kept
            ("dung", 550),
            ("khong.co", 550),
            ("an+x", 550),
        ):
            with self.subTest(name):
                answer = self.postfix.deliver("ai.do@example.org", f"{name}@hagiang.gov.vn")

                self.assertEqual(answer, code, self.postfix.log())

    def test_it_relays_for_nobody(self):
        self.assertEqual(self.postfix.deliver("a@example.org", "b@example.com"), 554)

    def test_nobody_borrows_an_address_of_the_office_without_its_password(self):
        for sender in ("an", "vanthu", "chi", "dung"):
            with self.subTest(sender):
                code = self.postfix.deliver(f"{sender}@hagiang.gov.vn", self.binh.address)

                self.assertEqual(code, 554)

    def test_other_offices_below_the_domain_are_no_strangers(self):
        code = self.postfix.deliver("ai.do@phong.hagiang.gov.vn", self.binh.address)

        self.assertEqual(code, 250)

    def test_people_send_from_their_own_addresses_only(self):
        for sender, code in (
            ("an@hagiang.gov.vn", 250),
            ("vanthu@hagiang.gov.vn", 250),
            ("binh@hagiang.gov.vn", 553),
            ("ai.do@example.org", 553),
        ):
            with self.subTest(sender):
                answer = self.postfix.submit("an@hagiang.gov.vn", PASSWORD, sender)

                self.assertEqual(answer, code, self.postfix.log())

    def test_nobody_sends_without_the_password(self):
        self.assertEqual(self.postfix.submit("", "", self.an.address), 554)
        for name, password in ((self.an.address, "sai"), (self.chi.address, PASSWORD)):
            with self.subTest(name), self.assertRaises(smtplib.SMTPAuthenticationError):
                self.postfix.submit(name, password, name)

    def test_an_open_session_sends_nothing_after_what_closes_the_account(self):
        soon = timezone.now() + dt.timedelta(hours=1)
        Account.objects.filter(pk=self.em.pk).update(default_password_until=soon)
        for what, account, end in (
            ("lock", self.an, lambda: lock(self.an, actor=self.em)),
            ("disabled", self.binh, lambda: close(self.binh, is_active=False)),
            ("expired", self.em, lambda: close(self.em, default_password_until=timezone.now())),
        ):
            with self.subTest(what):
                smtp = self.open(account)
                self.assertEqual(postfix.offer(smtp, account.address), 250, self.postfix.log())

                end()

                self.assertEqual(postfix.offer(smtp, account.address), 421)
                with self.assertRaises(smtplib.SMTPServerDisconnected):
                    smtp.noop()

    def test_an_open_session_ends_with_the_password_that_opened_it(self):
        other = self.open(self.binh)
        smtp = self.open(self.an)
        self.assertEqual(postfix.offer(smtp, self.an.address), 250)

        self.ask()
        self.guess(newest_code())
        self.choose(NEW_PASSWORD)

        self.assertEqual(postfix.offer(smtp, self.an.address), 421)
        self.assertEqual(self.postfix.submit(self.an.address, NEW_PASSWORD, self.an.address), 250)
        self.assertEqual(postfix.offer(other, self.binh.address), 250)

    def open(self, account):
        smtp = self.postfix.open(account.address, PASSWORD)
        self.addCleanup(smtp.close)
        return smtp

    def test_postmaster_and_abuse_are_read_by_somebody(self):
        for name in ("postmaster", "abuse", "Postmaster"):
            with self.subTest(name):
                answer = self.postfix.deliver("ai.do@example.org", f"{name}@hagiang.gov.vn")

                self.assertEqual(answer, 250, self.postfix.log())

    def test_it_says_how_large_a_mail_may_be(self):
        with self.postfix.open("", "") as smtp:
            self.assertEqual(smtp.esmtp_features["size"], str(30 * 1024 * 1024))

    def test_a_lock_ends_sending(self):
        lock(self.binh, actor=self.em)

        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.postfix.submit(self.binh.address, PASSWORD, self.binh.address)


def close(account, **columns):
    Account.objects.filter(pk=account.pk).update(**columns)
