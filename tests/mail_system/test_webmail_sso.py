"""Roundcube and Dovecot with the portal's tokens: real programs by docs/webmail-sso.md."""

import datetime as dt
import imaplib
import re
import shutil
from base64 import b64encode
from html import unescape
from unittest import mock, skipUnless

import pytest
from django.test import Client, LiveServerTestCase, override_settings

from accounts.credentials.locks import lock
from accounts.models import AuditEvent, MailLogin, WebmailLogin
from accounts.webmail import logins
from accounts.webmail.set_up import SetUp
from otp.models import Meter
from tests.mail_system.test_mail_programs import DovecotTestCase
from tests.support.cast import PASSWORD, newest_code
from tests.support.programs import mailserver, postfix
from tests.support.programs.deployment import ROOT as HERE
from tests.support.programs.dovecot24 import ROOT, Dovecot24
from tests.support.programs.mailserver import put_in, wait_until_closed
from tests.support.programs.roundcube import BROWSER, Roundcube, shows_log_in
from tests.support.waiting import PATIENCE, wait_for
from tests.webmail.signing import MAIL_SECRET, PEM, SECRET, SET_UP, SignOn

POLICY_TOKEN = "geheim-7b1d5e0c9f3a48e2"
PORTAL = "https://matkhau.example.gov.vn"


class SignOnTestCase(SignOn, DovecotTestCase, LiveServerTestCase):
    """A portal that listens, and a Dovecot that asks it about tokens."""

    version, kind = "2.3", mailserver.Dovecot

    def setUp(self):
        DovecotTestCase.setUp(self)
        self.enterContext(override_settings(WEBMAIL_SSO=SET_UP))

    @classmethod
    def program(cls):
        return cls.kind(mailserver.taking_tokens(cls.version, cls.live_server_url, MAIL_SECRET))

    def authenticate(self, token, name="an@hagiang.gov.vn", mechanism="XOAUTH2"):
        box = self.dovecot.connect()
        self.addCleanup(self.close, box)
        said = f"user={name}\1auth=Bearer {token}\1\1"
        if mechanism == "OAUTHBEARER":
            said = f"n,a={name},\1host=localhost\1port=143\1auth=Bearer {token}\1\1"
        box.authenticate(mechanism, lambda _: said.encode())
        box.select()
        return box

    def assert_opens_by(self, token, **more):
        try:
            return self.authenticate(token, **more)
        except imaplib.IMAP4.error as error:
            raise AssertionError(self.dovecot.log()) from error

    def assert_refused_by(self, token, **more):
        with self.assertRaises(imaplib.IMAP4.error, msg=self.dovecot.log()):
            self.authenticate(token, **more)


class Journeys:
    def test_a_token_opens_its_owner_s_mailbox_and_no_other(self):
        given = self.sign_on()
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            with self.subTest(mechanism):
                self.assert_opens_by(given["access_token"], mechanism=mechanism)
                self.assert_refused_by(
                    given["access_token"], name="binh@hagiang.gov.vn", mechanism=mechanism
                )
                self.assert_refused_by(given["refresh_token"], mechanism=mechanism)
                self.assert_refused_by(PASSWORD, mechanism=mechanism)
        self.assert_opens("an")
        self.assert_refused("an", given["access_token"])

    def test_a_reset_ends_it_at_once_with_what_is_open(self):
        given = self.sign_on()
        box = self.assert_opens_by(given["access_token"])
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.send()

        wait_until_closed(box)
        self.assert_refused_by(given["access_token"])

    def test_so_does_a_lock(self):
        given = self.sign_on()
        box = self.assert_opens_by(given["access_token"])

        lock(self.an, actor=self.em)
        self.send()

        wait_until_closed(box)
        self.assert_refused_by(given["access_token"])


@pytest.mark.program("dovecot")
class OlderTests(Journeys, SignOnTestCase):
    @skipUnless(shutil.which("postfix", path="/usr/sbin"), "Postfix is not here")
    def test_who_sends_by_a_token_sends_until_the_log_in_ends(self):
        given = self.sign_on()
        server = postfix.Server(self.dovecot)
        self.addCleanup(server.end)
        with server.open("", "") as smtp:
            said = f"user=an@hagiang.gov.vn\1auth=Bearer {given['access_token']}\1\1"
            answer = smtp.docmd("AUTH", "XOAUTH2 " + b64encode(said.encode()).decode())
            self.assertEqual(answer[0], 235, (answer, self.dovecot.log()))
            self.assertEqual(postfix.offer(smtp, "an@hagiang.gov.vn"), 250)
            self.assertEqual(postfix.offer(smtp, "binh@hagiang.gov.vn"), 553)

            Client().post("/sso/revoke", self.named | {"token": given["refresh_token"]})

            self.assertEqual(postfix.offer(smtp, "an@hagiang.gov.vn"), 421)

    named = {"client_id": "webmail", "client_secret": SECRET}


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerTests(Journeys, SignOnTestCase):
    version, kind = "2.4", Dovecot24


class Counting:
    """Where Dovecot asks the portal before it compares."""

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(override_settings(AUTH_POLICY_TOKEN=POLICY_TOKEN))
        super().setUpClass()

    @classmethod
    def program(cls):
        lines = mailserver.taking_tokens(cls.version, cls.live_server_url, MAIL_SECRET)
        return cls.kind(lines + mailserver.asking(cls.version, cls.live_server_url, POLICY_TOKEN))

    def test_tokens_are_counted_and_listed_like_passwords(self):
        given = self.sign_on()
        self.assert_opens_by(given["access_token"])
        wait_for(lambda: MailLogin.objects.filter(account=self.an).exists(), "Dovecot's report")

        self.assert_refused_by(given["refresh_token"])

        failed = AuditEvent.objects.filter(event="login-failed", account=self.an)
        wait_for(failed.exists, "Dovecot's report")
        self.assertEqual(self.charged(), 1 if self.version == "2.3" else 0)

    def test_a_right_token_takes_no_wrong_password_back(self):
        given = self.sign_on()
        self.assert_refused("an", "sai")
        wait_for(lambda: self.charged() == 1, "Dovecot's report")

        for _ in range(2):
            self.assert_opens_by(given["access_token"])

        listed = MailLogin.objects.filter(account=self.an, count=2)
        wait_for(listed.exists, "Dovecot's report")
        self.assertEqual(self.charged(), 1)
        self.assertFalse(Meter.objects.filter(key__startswith="mail-unasked").exists())

    def charged(self):
        counts = Meter.objects.filter(key__startswith="login:").values_list("count", flat=True)
        return sum(counts)


@pytest.mark.program("dovecot")
class OlderCountingTests(Counting, SignOnTestCase):
    pass


@skipUnless(ROOT, "Dovecot 2.4 is not here: tests/rehearsals/trixie.sh, then DOVECOT_24_ROOT")
class NewerCountingTests(Counting, SignOnTestCase):
    version, kind = "2.4", Dovecot24


@pytest.mark.program("dovecot")
@pytest.mark.program("php")
class RoundcubeTests(SignOnTestCase):
    """The whole way, with Debian's Roundcube as docs/webmail-sso.md sets it up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.roundcube = Roundcube(cls.dovecot, cls.settings_of)
        cls.addClassCleanup(cls.roundcube.end)

    @classmethod
    def settings_of(cls, _roundcube):
        page = (HERE / "docs/webmail-sso.md").read_text(encoding="utf-8")
        lines = re.findall(r"(?m)^ +(\$config.*)$", page)
        secret = "$config['oauth_client_secret'] = 'SECRET';"
        text = put_in("\n".join(lines), {secret: secret.replace("SECRET", SECRET)})
        return text.replace(PORTAL, cls.live_server_url)

    def setUp(self):
        super().setUp()
        back = f"{self.roundcube.address}index.php/login/oauth"
        set_up = SetUp(back, SECRET, MAIL_SECRET, PEM)
        self.enterContext(override_settings(WEBMAIL_SSO=set_up))
        self.mails = f"{self.roundcube.address}?_task=mail&_mbox=INBOX"

    def come_in(self, name="an"):
        """Go to the webmail as a person does who is logged in nowhere; give browser and page."""
        browser = self.roundcube.browser()
        form = browser.get(self.roundcube.address, timeout=PATIENCE)
        assert form.url.startswith(f"{self.live_server_url}/dang-nhap/"), self.roundcube.log()
        return browser, self.log_in_at_the_portal(browser, form, name)

    def log_in_at_the_portal(self, browser, form, name):
        fields = dict(re.findall(r'name="(csrfmiddlewaretoken|next)" value="([^"]*)"', form.text))
        fields["next"] = unescape(fields["next"])
        page = browser.post(
            form.url, fields | {"username": name, "password": PASSWORD}, timeout=PATIENCE
        )
        return self.led_on(browser, page)

    def led_on(self, browser, page):
        """Follow the page that leads on by itself."""
        onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
        assert onward, page.text
        return browser.get(self.live_server_url + unescape(onward[1]), timeout=PATIENCE)

    def log_out(self, browser):
        page = browser.get(self.mails, timeout=PATIENCE)
        token = re.search(r'"request_token":"([^"]+)"', page.text)[1]
        leave = f"{self.roundcube.address}?_task=logout&_token={token}"
        return browser.get(leave, timeout=PATIENCE)

    def is_inside(self, browser, address="an@hagiang.gov.vn"):
        r = browser.get(self.mails, timeout=PATIENCE)
        return r.url.startswith(self.roundcube.address) and address in r.text

    def test_it_opens_by_the_portal_s_log_in_and_shows_whose_it_is(self):
        browser, r = self.come_in()

        self.assertTrue(r.url.startswith(self.roundcube.address), self.roundcube.log())
        self.assertTrue(self.is_inside(browser), self.roundcube.log() + self.dovecot.log())
        self.dovecot.wait_for_words(r"Login: user=<an@[^>]*>, method=XOAUTH2")
        users = "SELECT username FROM users WHERE username LIKE 'an%'"
        self.assertEqual(self.roundcube.rows(users), [("an@hagiang.gov.vn",)])
        event = AuditEvent.objects.get(event="webmail-opened", account=self.an)
        self.assertEqual(event.client, BROWSER)

    def test_whoever_is_logged_in_is_asked_for_nothing(self):
        browser, _ = self.come_in()
        self.log_out(browser)

        self.led_on(browser, browser.get(self.roundcube.address, timeout=PATIENCE))

        self.assertTrue(self.is_inside(browser), self.roundcube.log())

    def test_a_reset_ends_it_at_the_next_click(self):
        browser, _ = self.come_in()
        self.assertTrue(self.is_inside(browser), self.roundcube.log())
        self.ask()
        self.guess(newest_code())
        self.choose()
        self.send()

        self.assertFalse(self.is_inside(browser), self.roundcube.log())
        self.assertFalse(WebmailLogin.objects.exists())

    def test_it_renews_its_tokens_by_itself(self):
        with mock.patch.object(logins, "ACCESS_LIFE", dt.timedelta(seconds=11)):
            browser, _ = self.come_in()
            # Roundcube renews 10 seconds before the end.
            wait_for(lambda: self.is_inside(browser) and _turn() > 1, "Roundcube to renew")
            self.assertTrue(self.is_inside(browser), self.roundcube.log())

    def test_logging_out_of_it_ends_its_tokens_and_not_the_portal_s_session(self):
        browser, _ = self.come_in()

        r = self.log_out(browser)

        self.assertTrue(shows_no_mail(r), r.text)
        self.assertFalse(WebmailLogin.objects.exists(), self.roundcube.log())
        self.assertTrue(AuditEvent.objects.filter(event="webmail-closed").exists())
        home = browser.get(f"{self.live_server_url}/", timeout=PATIENCE)
        self.assertIn("an@hagiang.gov.vn", home.text)

    def test_who_was_not_sent_by_it_is_not_let_in(self):
        """Somebody else's code, put into a person's browser."""
        other = Client()
        self.log_in("binh", client=other)
        back = self.roundcube.address + "index.php/login/oauth"
        code = self.come_back(other, redirect_uri=back)["code"]

        browser = self.roundcube.browser()
        browser.get(f"{back}?code={code}", timeout=PATIENCE)

        self.assertFalse(self.is_inside(browser, "binh@hagiang.gov.vn"))


def shows_no_mail(response):
    return shows_log_in(response) or "oauth" in response.text


def _turn():
    return WebmailLogin.objects.get().turn
