"""Cookies that are garbage, stolen or kept away, and forms without the token of their page."""

import re

from django.test import Client, TestCase, override_settings

from accounts.models import Session
from otp.models import Code, Message
from tests.support import cast, hostile
from tests.support.cast import ASK, CODE, LOGIN, NEW, PASSWORD

OLD_PAGE = "Trang đã mở quá lâu"
GARBAGE = ("", "x", "x" * 4000, "../..", "'--", "\0", "\x1b[31m", "ÿ", '"\\377\\000"', "%s")
FORMS = (
    LOGIN,
    ASK,
    CODE,
    NEW,
    "/dang-nhap/yeu-to-thu-hai/",
    "/dang-xuat/",
    "/cau-hinh/mat-khau/",
    "/cau-hinh/hoat-dong/",
)


@override_settings(RATELIMIT_ENABLE=False)
class CookieTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False)

    def test_garbage_for_a_session(self):
        for key in GARBAGE:
            with self.subTest(key[:10]):
                # As it comes in: Python's own cookies refuse control characters.
                garbage = {"HTTP_COOKIE": f"sessionid={key}"}
                client = Client(raise_request_exception=False, **garbage)

                self.assertContains(client.get(LOGIN), "Tên đăng nhập")
                self.assertEqual(self.log_in(client=client).url, "/")
                self.assertNotEqual(client.cookies["sessionid"].value, key)

    def test_the_session_key_in_the_table_opens_nothing(self):
        self.log_in()
        stranger = Client()

        stranger.cookies["sessionid"] = Session.objects.get().session_key

        self.assertEqual(stranger.get("/").status_code, 302)

    def test_session_data_that_was_tampered_with(self):
        self.log_in()
        for data in ("", "x", ":::", "eyJhIjoxfQ:x:y", "\ufffd"):
            with self.subTest(data):
                Session.objects.update(session_data=data)

                r = self.client.get("/cau-hinh/")

                self.assertEqual(r.status_code, 302)

    def test_messages_cannot_be_put_into_a_cookie(self):
        self.client.cookies["messages"] = '[["__json_message",0,25,"Hay goi 0900 000 000"]]:x:y'

        self.assertNotContains(self.client.get(LOGIN), "0900 000 000")


@override_settings(RATELIMIT_ENABLE=False)
class TokenTests(cast.Cast, TestCase):
    """A form is taken only with the token of its page, and from a browser that keeps cookies."""

    def setUp(self):
        self.set_up_people()
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def token(self, url=LOGIN):
        page = self.client.get(url).content.decode()
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]

    def assert_nothing_began(self):
        self.assertEqual((Code.objects.count(), Message.objects.count()), (0, 0))
        self.assertNotIn("_auth_user_id", self.client.session)

    def assert_refused(self, r):
        self.assertContains(r, OLD_PAGE, status_code=403)
        self.assertContains(r, "cho phép cookie", status_code=403)

    def test_no_token(self):
        for url in FORMS:
            with self.subTest(url):
                self.client.get(LOGIN)

                self.assert_refused(self.client.post(url, {"address": "an"}))

        self.assert_nothing_began()

    def test_wrong_tokens(self):
        right = self.token()
        values = [value for value in hostile.VALUES.values() if value]
        for token in (*values, right[:-1], right[::-1], right + "x"):
            with self.subTest(token[:20]):
                r = self.client.post(ASK, {"address": "an", "csrfmiddlewaretoken": token})

                self.assert_refused(r)

        self.assert_nothing_began()

    def test_a_token_from_before_the_log_in(self):
        old = self.token()
        self.client.post(
            LOGIN, {"username": "an", "password": PASSWORD, "csrfmiddlewaretoken": old}
        )

        r = self.client.post("/dang-xuat/", {"csrfmiddlewaretoken": old})

        self.assert_refused(r)
        self.assertIn("_auth_user_id", self.client.session)

    def test_a_browser_without_cookies(self):
        token = self.token()
        self.client.cookies.clear()

        r = self.client.post(ASK, {"address": "an", "csrfmiddlewaretoken": token})

        self.assert_refused(r)

    def test_garbage_for_a_cookie(self):
        token = self.token()
        for value in ("", "x", "x" * 64, "*)(uid=*", "ÿ" * 32):
            with self.subTest(value):
                self.client.cookies["csrftoken"] = value

                r = self.client.post(ASK, {"address": "an", "csrfmiddlewaretoken": token})

                self.assert_refused(r)

    def test_another_origin(self):
        token = self.token()
        for origin in (
            "http://evil.vn",
            "null",
            "https://testserver",
            "http://testserver.evil.vn",
            "x",
        ):
            with self.subTest(origin):
                data = {"address": "an", "csrfmiddlewaretoken": token}

                r = self.client.post(ASK, data, headers={"origin": origin})

                self.assert_refused(r)

        self.assert_nothing_began()

    def test_json_with_the_token_in_a_header(self):
        token = self.token()

        r = self.client.post(
            LOGIN, {"username": "an", "password": PASSWORD}, "application/json",
            headers={"x-csrftoken": token},
        )  # fmt: skip

        self.assertEqual(r.status_code, 200)
        self.assert_nothing_began()
