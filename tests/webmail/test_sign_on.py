"""Single sign-on: the way through the portal, who is let through, and what is refused."""

import datetime as dt
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import jwt
from django.db import connection
from django.test import Client, TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import AuditEvent, FactorDemand, Unit, WebmailLogin
from accounts.webmail import logins
from accounts.webmail.set_up import SetUp
from mailportal import shield
from otp.counting.limits import Limit
from tests.support import cast
from tests.support.cast import LOGIN, PASSWORD
from tests.support.clock import let_pass
from tests.webmail.signing import ASKED, BACK, MAIL_SECRET, SECRET, VERIFIER, SignOn

Event = AuditEvent.Event


class WayTests(SignOn, TestCase):
    def test_a_log_in_at_the_portal_opens_the_webmail(self):
        asked = self.authorize()
        self.assertEqual(urlsplit(asked.url).path, LOGIN)
        r = self.client.post(asked.url, {"username": "an", "password": PASSWORD})
        page = self.client.get(r.url)
        self.assertContains(page, '<meta http-equiv="refresh" content="0; url=/sso/authorize/')
        self.assertContains(page, "Mở hộp thư")

        back = self.client.get(page.context["onward"])

        self.assertTrue(back.url.startswith(f"{BACK}?code="))
        told = {name: value[0] for name, value in parse_qs(urlsplit(back.url).query).items()}
        self.assertEqual((told["state"], told["iss"]), ("trang-thai-7", "http://testserver/sso"))
        given = self.exchange(told["code"]).json()
        self.assertEqual(given["token_type"], "Bearer")
        whole = int(logins.ACCESS_LIFE.total_seconds())
        self.assertIn(given["expires_in"], range(whole - 30, whole))
        told = self.introspect(given["access_token"])
        self.assertEqual((told["active"], told["username"]), (True, "an@hagiang.gov.vn"))
        self.assertRegex(told["login"], r"^webmail-[0-9a-f]{32}/an@hagiang\.gov\.vn$")

    def test_the_pages_policy_stays_as_it_is_everywhere(self):
        self.log_in()

        for page in (self.authorize(), self.client.get("/")):
            self.assertIn("form-action 'self';", page.headers["Content-Security-Policy"] + ";")

    def test_the_webmail_learns_whose_session_it_is(self):
        given = self.sign_on()
        shown = {"Authorization": f"Bearer {given['access_token']}"}

        told = Client().get("/sso/userinfo", headers=shown).json()

        self.assertEqual(told["email"], "an@hagiang.gov.vn")
        self.assertEqual(told["name"], "Lý Văn An")
        keys = Client().get("/sso/jwks").json()["keys"]
        key = jwt.PyJWK(keys[0])
        signed = jwt.decode(given["id_token"], key, algorithms=["RS256"], audience="webmail")
        self.assertEqual(jwt.get_unverified_header(given["id_token"])["kid"], keys[0]["kid"])
        self.assertEqual((signed["email"], signed["nonce"]), ("an@hagiang.gov.vn", "mot-lan-3"))
        self.assertEqual(signed["iss"], "http://testserver/sso")
        self.assertEqual(signed["sub"], told["sub"])
        self.assertNotIn("d", keys[0])

    def test_it_is_described_and_nothing_else_is_offered(self):
        told = Client().get("/sso/.well-known/openid-configuration").json()

        self.assertEqual(told["issuer"], "http://testserver/sso")
        self.assertEqual(told["response_types_supported"], ["code"])
        self.assertEqual(told["grant_types_supported"], ["authorization_code", "refresh_token"])
        self.assertEqual(told["code_challenge_methods_supported"], ["S256"])
        for name, address in told.items():
            if name.endswith(("_endpoint", "_uri")):
                self.assertNotEqual(Client().post(urlsplit(address).path).status_code, 404, name)

    def test_the_owner_sees_it_and_it_is_on_record(self):
        self.sign_on()

        event = self.events(Event.WEBMAIL_OPENED).get()
        self.assertEqual((event.actor, event.client), (self.an, "127.0.0.1"))
        self.log_in()
        page = self.client.get("/cau-hinh/hoat-dong/")
        self.assertContains(page, "Đăng nhập webmail qua cổng")
        self.assertContains(page, "Thư trên web")

    def test_of_very_many_no_more_are_read_than_are_shown(self):
        now = timezone.now()
        WebmailLogin.objects.bulk_create(
            WebmailLogin(
                account=self.an,
                browser=f"Trình duyệt {n}",
                challenge="x" * 43,
                ends_at=now + dt.timedelta(hours=1),
                turn=1,
                turned_at=now - dt.timedelta(seconds=n),
                access_digest=f"{n:064x}",
            )
            for n in range(60)
        )
        self.log_in()

        with CaptureQueriesContext(connection) as asked:
            page = self.client.get("/cau-hinh/hoat-dong/")

        (read,) = (each["sql"] for each in asked if 'FROM "accounts_webmaillogin"' in each["sql"])
        self.assertIn("LIMIT 51", read)
        self.assertContains(page, "Thư trên web", count=50)
        self.assertContains(page, "Trình duyệt 49<")
        self.assertContains(page, "Còn các phiên khác không nêu ở đây.")
        WebmailLogin.objects.filter(turned_at__lte=now - dt.timedelta(seconds=50)).delete()
        self.assertNotContains(self.client.get("/cau-hinh/hoat-dong/"), "Còn các phiên khác")


class OwingTests(SignOn, TestCase):
    """Whoever owes something first gets no code."""

    def assert_owes(self, path):
        for address in ("/sso/authorize", "/sso/authorize/continue"):
            r = self.client.get(address, ASKED)
            self.assertEqual((r.status_code, urlsplit(r.url).path), (302, path), address)
        self.assertFalse(WebmailLogin.objects.exists())

    def test_a_log_in(self):
        self.assert_owes(LOGIN)

    def test_a_password_that_has_to_be_changed(self):
        self.log_in("em")

        self.assert_owes("/cau-hinh/mat-khau/")

    def test_a_second_factor(self):
        TOTPDevice.objects.create(user=self.an, name="app")
        self.log_in()

        self.assert_owes(cast.FACTOR)

    def test_a_second_factor_of_the_staff(self):
        staff = cast.make_staff("huong", "province-it")
        self.log_in(staff.address)

        self.assert_owes(cast.FACTOR)

        asked = self.authorize()
        r = self.client.post(asked.url, {"token": cast.token_of(staff)})
        page = self.client.get(r.url)
        back = self.client.get(page.context["onward"])
        self.assertTrue(back.url.startswith(f"{BACK}?code="))

    def test_a_second_factor_that_it_asks_of_them(self):
        self.an.unit = Unit.objects.create(name="Sở Y tế")
        self.an.save()
        FactorDemand.objects.create(unit=self.an.unit, from_day=timezone.localdate())
        self.log_in()

        self.assert_owes("/cau-hinh/xac-thuc-hai-lop/")


class UnfitTests(SignOn, TestCase):
    """What is not fit is refused, and nobody is led to another place."""

    def test_another_webmail_or_another_place_leads_nowhere(self):
        self.log_in()
        for change in (
            {"redirect_uri": "https://evil.example/"},
            {"redirect_uri": f"{BACK}/.."},
            {"redirect_uri": f"{BACK}?x=1"},
            {"client_id": "khac"},
            {"client_id": "mail-server"},
            {"client_id": None},
        ):
            with self.subTest(change):
                r = self.authorize(**change)

                self.assertContains(r, "Chưa mở được hộp thư", status_code=400)

    def test_the_webmail_is_told_what_is_missing(self):
        self.log_in()
        for change, error in (
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge": "ngan"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"nonce": "a\0b"}, "invalid_request"),
            ({"nonce": "a" * 256}, "invalid_request"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": "code token"}, "unauthorized_client"),
            ({"response_type": "id_token"}, "unsupported_response_type"),
            ({"scope": "email"}, "invalid_scope"),
            ({"scope": "openid admin"}, "invalid_scope"),
            ({"prompt": "login"}, "login_required"),
            ({"max_age": "60"}, "login_required"),
        ):
            with self.subTest(change):
                r = self.authorize(**change)

                told = parse_qs(urlsplit(r.url).query)
                self.assertTrue(r.url.startswith(BACK), r.url)
                self.assertEqual((told["error"], told["state"]), ([error], ["trang-thai-7"]))
        self.assertFalse(WebmailLogin.objects.exists())

    def test_other_grants_give_nothing(self):
        for grant in (
            {"grant_type": "password", "username": "an", "password": PASSWORD},
            {"grant_type": "client_credentials"},
            {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"},
            {"grant_type": "openid"},
            {},
        ):
            with self.subTest(grant):
                r = self.post("token", grant)

                self.assertEqual(r.status_code, 400)
                self.assertNotIn("access_token", r.json())

    def test_without_the_secret_or_with_the_other_s_nothing_is_answered(self):
        given = self.sign_on()
        code = {"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}
        for name, data, shown in (
            ("token", code, ("webmail", MAIL_SECRET)),
            ("token", code, ("mail-server", MAIL_SECRET)),
            ("introspect", {"token": given["access_token"]}, ("webmail", SECRET)),
            ("introspect", {"token": given["access_token"]}, ("mail-server", "sai")),
            ("revoke", {"token": given["access_token"]}, ("mail-server", MAIL_SECRET)),
        ):
            with self.subTest(name=name, shown=shown):
                r = self.post(name, data, *shown)

                self.assertEqual((r.status_code, r.json()["error"]), (401, "invalid_client"))
        self.assertTrue(self.is_open(given))

    def test_strangers_are_turned_away_after_some_tries(self):
        asked = {"grant_type": "refresh_token", "refresh_token": "x"}
        for _ in range(20):
            self.assertEqual(self.post("token", asked, secret="sai").status_code, 401)

        self.assertEqual(self.post("token", asked, secret="sai").status_code, 429)
        self.assertEqual(self.post("token", {}).status_code, 400)

    def test_the_shield_turns_strangers_away_and_never_the_webmail_and_the_mail_server(self):
        given = self.sign_on()
        few = Limit("few", 2, dt.timedelta(minutes=1))
        with mock.patch.multiple(shield, REQUESTS=few, POSTS=few):
            for _ in range(4):
                self.assertTrue(self.is_open(given))
                given = self.renew(given["refresh_token"]).json()
            answers = [self.post("token", {}, secret="sai").status_code for _ in range(4)]

        self.assertEqual(answers, [400, 429, 429, 429])  # each counts as both

    def test_there_is_no_such_address_where_it_is_not_set_up(self):
        self.log_in()
        with override_settings(WEBMAIL_SSO=SetUp()):
            for name in ("authorize", "token", "introspect", "userinfo", "jwks"):
                self.assertEqual(self.client.get(f"/sso/{name}").status_code, 404, name)


class CodeTests(SignOn, TestCase):
    def setUp(self):
        super().setUp()
        self.log_in()

    def test_the_verifier_has_to_fit_and_a_wrong_one_takes_nothing_away(self):
        code = self.come_back()["code"]

        for change in ({"code_verifier": VERIFIER + "x"}, {"redirect_uri": BACK + "x"}):
            r = self.exchange(code, **change)
            self.assertEqual(r.status_code, 400)
        self.assertEqual(self.post("token", {"grant_type": "authorization_code"}).status_code, 400)
        self.assertEqual(self.exchange(code).status_code, 200)

    def test_a_code_is_good_for_a_minute(self):
        code = self.come_back()["code"]

        let_pass(self, seconds=logins.CODE_LIFE.total_seconds())

        self.assertEqual(self.exchange(code).json()["error"], "invalid_grant")

    def test_a_code_that_comes_again_ends_what_it_gave(self):
        code = self.come_back()["code"]
        given = self.exchange(code).json()

        again = self.exchange(code)

        self.assertEqual(again.json()["error"], "invalid_grant")
        self.assertFalse(self.is_open(given))
        self.assertEqual(self.renew(given["refresh_token"]).status_code, 400)
        self.assertTrue(self.events(Event.WEBMAIL_REUSED).exists())

    def test_one_account_begins_so_many_and_no_more(self):
        for _ in range(logins.BEGUN.count):
            self.come_back()

        page = self.authorize()
        self.assertEqual(self.client.get(page.context["onward"]).status_code, 429)
