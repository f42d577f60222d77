"""Roundcube beside the portal: one person, one identity; a reset ends its session."""

import pytest

from accounts.models import Address
from tests.mail_system.test_mail_programs import DovecotTestCase
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.programs.roundcube import BROWSER, Roundcube, shows_log_in
from tests.support.waiting import PATIENCE


@pytest.mark.program("dovecot")
@pytest.mark.program("php")
class RoundcubeTests(DovecotTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.roundcube = Roundcube(cls.dovecot)
        cls.addClassCleanup(cls.roundcube.end)

    def test_its_log_in_page_leads_to_a_new_password(self):
        r = self.roundcube.browser().get(self.roundcube.address, timeout=PATIENCE)

        self.assertTrue(shows_log_in(r), self.roundcube.log())
        link = '<a href="https://matkhau.example.gov.vn/quen-mat-khau/">Quên mật khẩu</a>'
        self.assertIn(link, r.text)
        self.assertEqual(self.client.get("/quen-mat-khau/").status_code, 200)

    def test_a_bare_name_makes_no_second_identity(self):
        for name in ("binh", "binh@hagiang.gov.vn", "Binh", "BINH@HAGIANG.GOV.VN"):
            with self.subTest(name):
                _, r = self.roundcube.log_in(name, PASSWORD)

                self.assertFalse(shows_log_in(r), self.roundcube.log() + self.dovecot.log())
        users = "SELECT username FROM users WHERE username LIKE 'binh%'"
        identities = "SELECT email FROM identities WHERE email LIKE 'binh%'"
        for query in (users, identities):
            self.assertEqual(self.roundcube.rows(query), [("binh@hagiang.gov.vn",)])

    def test_an_alias_makes_no_second_identity(self):
        Address.objects.create(address="vanthu@hagiang.gov.vn", account=self.em)

        for name in ("vanthu", "em"):
            _, r = self.roundcube.log_in(name, PASSWORD)
            self.assertFalse(shows_log_in(r), self.roundcube.log() + self.dovecot.log())

        query = "SELECT username FROM users WHERE username LIKE 'em@%' OR username LIKE 'vanthu%'"
        self.assertEqual(self.roundcube.rows(query), [("em@hagiang.gov.vn",)])

    def test_dovecot_s_log_has_the_address_of_the_browser(self):
        self.roundcube.log_in("em", PASSWORD)

        self.dovecot.wait_for_words(rf"Login: user=<em@[^>]*>.* rip={BROWSER},")

    def test_a_reset_ends_its_session(self):
        browser, _ = self.roundcube.log_in("an", PASSWORD)
        mails = f"{self.roundcube.address}?_task=mail&_mbox=INBOX"
        self.assertFalse(shows_log_in(browser.get(mails, timeout=PATIENCE)))
        self.ask()
        self.guess(newest_code())
        self.choose()
        self.send()

        r = browser.get(mails, timeout=PATIENCE)

        self.assertTrue(shows_log_in(r), self.roundcube.log())
        self.assertTrue(shows_log_in(self.roundcube.log_in("an", PASSWORD)[1]))
        self.assertFalse(shows_log_in(self.roundcube.log_in("an", NEW_PASSWORD)[1]))
