"""Strangers hold nobody out of a browser that has logged in before, nor of the office (QU-12)."""

from ipaddress import ip_network

from django.conf import settings
from django.core.signing import TimestampSigner
from django.db import connection
from django.test import Client, RequestFactory, TestCase, override_settings

from accounts.access import devices, known_browsers
from accounts.access.login import FAILURES
from accounts.models import AuditEvent, Device
from tests.support import cast
from tests.support.cast import PASSWORD, newest_code
from tests.support.clock import let_pass
from tests.support.programs import deployment

COOKIE = settings.KNOWN_BROWSER_COOKIE_NAME
HELD = "Đã nhập sai nhiều lần."
OFFICE = "10.3.0.9"


class Browsers(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def strangers_hold(self, *names, **caller):
        """Try wrong passwords for each name, from one address after the other."""
        for name in names:
            for n in range(FAILURES.count + 1):
                stranger = Client(**{"REMOTE_ADDR": f"198.51.100.{n}", **caller})
                self.log_in(name, "sai", stranger)

    def left(self, client):
        """Log out, as people do before they come back."""
        client.post("/dang-xuat/")
        return client

    def known(self, name="an"):
        browser = Client()
        self.assertEqual(self.log_in(name, client=browser).status_code, 302)
        return self.left(browser)


class HoldTests(Browsers):
    def test_nobody_is_held_out_of_a_browser_of_his_own(self):
        staff = [cast.make_staff(f"canbo{n}", role="hotline") for n in range(3)]
        staff += [cast.make_staff("quantri1"), cast.make_staff("quantri2")]
        browsers = {one.address: self.known(one.address) for one in staff}

        self.strangers_hold(*browsers)

        for address, browser in browsers.items():
            self.assertContains(self.log_in(address, client=Client()), HELD)
            self.assertEqual(self.log_in(address, client=browser).status_code, 302)

    def test_it_has_a_count_of_its_own(self):
        browser = self.known()

        tries = [self.log_in(password="sai", client=browser) for _ in range(FAILURES.count)]

        self.assertNotContains(tries[-1], HELD)
        self.assertContains(self.log_in(client=browser), HELD)
        self.assertEqual(self.log_in(client=Client()).status_code, 302)

    def test_it_is_known_to_its_own_accounts_only(self):
        self.log_in("em", client=(browser := Client()))
        self.left(browser)
        self.strangers_hold("an")

        self.assertContains(self.log_in("an", client=browser), HELD)

    def test_people_who_share_a_browser_are_all_known(self):
        browser = Client()
        for name in ("an", "binh", "em"):
            self.log_in(name, client=browser)
            self.left(browser)
        self.strangers_hold("an", "binh", "em")

        for name in ("an", "binh", "em"):
            self.assertEqual(self.log_in(name, client=browser).status_code, 302)
            self.left(browser)

    def test_of_very_many_the_last_are_kept(self):
        browser = Client()
        for n in range(known_browsers.ACCOUNTS_KEPT + 3):
            cast.make(f"nguoi{n}")
            self.log_in(f"nguoi{n}", client=browser)
            self.left(browser)

        kept = browser.cookies[COOKIE].value.split(".")

        self.assertEqual(len(kept), known_browsers.ACCOUNTS_KEPT)
        self.assertLess(len(browser.cookies[COOKIE].value), 1000)

    def test_a_wrong_password_makes_no_browser_known(self):
        browser = Client()
        for name, password in (("an", "sai"), ("khong.co", PASSWORD), ("chi", PASSWORD)):
            self.log_in(name, password, browser)

        self.assertNotIn(COOKIE, browser.cookies)

    def test_what_was_made_up_is_not_known(self):
        address = self.an.address
        other = TimestampSigner(salt="x").sign("a" * 22)
        real = self.known().cookies[COOKIE].value
        self.strangers_hold("an")
        for value in (
            "",
            "x",
            "." * 9,
            "a:b:c",
            other,
            real[:-1],
            real + "x",
            f"{address}:1:x",
            "\xff",
        ):
            with self.subTest(value):
                browser = Client()
                browser.cookies[COOKIE] = value

                self.assertContains(self.log_in(client=browser), HELD)

    def test_one_that_its_owner_had_forgotten_is_a_stranger_again(self):
        browser = self.known()
        old, _, _ = browser.cookies[COOKIE].value.partition(":")
        devices.disown(self.an, Device.objects.get().pk, but=None)
        self.strangers_hold("an")

        self.assertContains(self.log_in(client=browser), HELD)
        let_pass(self, minutes=16)
        self.log_in(client=browser)

        new, _, _ = browser.cookies[COOKIE].value.partition(":")
        self.assertNotEqual(new, old)
        self.strangers_hold("an")
        self.assertEqual(self.log_in(client=self.left(browser)).status_code, 302)

    def test_an_alias_is_the_same_account(self):
        browser = self.known()
        self.an.addresses.create(address="ly.an@hagiang.gov.vn", is_main=False)
        self.strangers_hold("ly.an")

        self.assertEqual(self.log_in("ly.an", client=browser).status_code, 302)

    def test_after_a_year_it_is_forgotten(self):
        browser = self.known()
        let_pass(self, days=364)
        self.strangers_hold("an")
        self.assertEqual(self.log_in(client=self.left(browser)).status_code, 302)
        self.left(browser)

        let_pass(self, days=366)
        self.strangers_hold("an")

        self.assertContains(self.log_in(client=browser), HELD)

    def test_a_password_typed_again_is_not_held_by_strangers(self):
        self.log_in()
        let_pass(self, minutes=11)
        self.client.get("/")
        self.strangers_hold("an")

        r = self.client.post(
            "/cau-hinh/thong-tin/an@hagiang.gov.vn/",
            {"phone": "0912345678", "password": PASSWORD},
        )

        self.assertEqual(r.status_code, 302)

    def test_who_forgot_the_password_is_not_kept_waiting_with_the_new_one(self):
        browser = self.known()
        for _ in range(FAILURES.count + 1):
            r = self.log_in(password="sai", client=browser)
        self.assertContains(r, HELD)
        self.ask(client=browser)
        self.guess(newest_code(), browser)
        self.choose(client=browser)

        self.assertEqual(self.log_in("an", cast.NEW_PASSWORD, browser).status_code, 302)

    def test_one_hold_is_one_row(self):
        for name in ("an", "khong.co"):
            held = AuditEvent.objects.about(f"{name}@hagiang.gov.vn").filter(event="login-held")
            for hold in (1, 2):
                for _ in range(3):
                    self.strangers_hold(name)
                self.assertEqual(held.count(), hold, name)
                let_pass(self, minutes=16)


@override_settings(
    OFFICE_NETWORKS=[ip_network("10.0.0.0/8")],
    STAFF_NETWORKS=[ip_network("10.3.0.0/16"), ip_network("2001:db8::/32")],
)
class NetworkTests(Browsers):
    def test_the_office_is_not_held_out_by_strangers(self):
        self.strangers_hold("an")

        self.assertContains(self.log_in(client=Client(REMOTE_ADDR="203.0.113.1")), HELD)
        for address in (OFFICE, "10.9.9.9", "2001:db8::1"):
            self.assertEqual(self.log_in(client=Client(REMOTE_ADDR=address)).status_code, 302)

    def test_nor_strangers_by_the_office(self):
        self.strangers_hold("an", REMOTE_ADDR="10.9.9.9")

        self.assertContains(self.log_in(client=Client(REMOTE_ADDR="10.8.8.8")), HELD)
        for address in (OFFICE, "203.0.113.1"):
            self.assertEqual(self.log_in(client=Client(REMOTE_ADDR=address)).status_code, 302)


class CookieTests(Browsers):
    def cookie(self):
        self.log_in()
        return self.client.cookies[COOKIE]

    def test_it_is_for_this_site_alone_and_read_by_no_script(self):
        cookie = self.cookie()

        self.assertTrue(cookie["httponly"])
        self.assertEqual(cookie["samesite"], "Lax")
        self.assertEqual((cookie["path"], cookie["domain"]), ("/", ""))
        self.assertEqual(cookie["max-age"], known_browsers.REMEMBERED)

    def test_over_tls_its_name_says_so(self):
        done = deployment.run(
            "-c",
            "import django; from django.conf import settings; import os;"
            "os.environ['DJANGO_SETTINGS_MODULE'] = 'mailportal.settings';"
            "print(settings.KNOWN_BROWSER_COOKIE_NAME, settings.SESSION_COOKIE_SECURE)",
        )

        self.assertEqual(done.stdout.strip(), "__Host-browser True")

    def test_it_names_nobody_and_opens_nothing(self):
        value = self.cookie().value
        self.assertNotIn("an@", value)
        browser = Client()
        browser.cookies[COOKIE] = value

        self.assertEqual(browser.get("/").status_code, 302)

    def test_the_database_does_not_hold_it(self):
        value = self.cookie().value
        self.log_in(password="sai", client=self.left(self.client))
        with connection.cursor() as cursor:
            cursor.execute("SELECT json_agg(t)::text FROM otp_meter AS t")
            (kept,) = cursor.fetchone()

        for part in (value, *value.split(":")):
            self.assertNotIn(part, kept)

    def test_it_stays_the_same_token_at_each_log_in(self):
        first = self.cookie().value
        let_pass(self, minutes=1)
        self.left(self.client)

        again = self.cookie().value

        self.assertEqual(first.split(":")[0], again.split(":")[0])
        self.assertEqual(len(again.split(".")), 1)

    def test_the_notice_of_privacy_names_it(self):
        self.assertContains(self.client.get("/quyen-rieng-tu/"), "cookie trong 365 ngày")


class QuestionTests(Browsers):
    """What others ask: is this browser known to this account?"""

    def test_it_says_whether_the_browser_is_known(self):
        request = RequestFactory().get("/")
        request.COOKIES[COOKIE] = self.known().cookies[COOKIE].value

        self.assertTrue(known_browsers.token_of(request, self.an.address))
        self.assertFalse(known_browsers.token_of(request, self.em.address))
        self.assertFalse(known_browsers.token_of(RequestFactory().get("/"), self.an.address))
