"""From the webmail to the portal's log-in and back, in a browser that keeps to pages' policies."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import override_settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.webmail.set_up import SetUp
from tests.support import cast
from tests.support.browser import BrowserTestCase, check
from tests.support.cast import FACTOR, LOGIN, PASSWORD
from tests.webmail.signing import ASKED, MAIL_SECRET, PEM, SECRET


class _Webmail(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><html lang=vi><title>Thu</title><h1>Webmail</h1>")

    def log_message(self, *_):
        pass


class WebmailTests(BrowserTestCase):
    """Chromium holds a redirect after a form against `form-action`: none of these may be one."""

    def setUp(self):
        # A browser may open a line that it then does not use.
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Webmail)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.webmail = f"http://127.0.0.1:{server.server_port}/"
        super().setUp()
        set_up = SetUp(f"{self.webmail}login/oauth", SECRET, MAIL_SECRET, PEM)
        self.enterContext(override_settings(WEBMAIL_SSO=set_up))
        self.asked = ASKED | {"redirect_uri": set_up.redirect_uri}

    def _look_where_to(self, request):
        if not request.url.startswith(self.webmail):
            super()._look_where_to(request)

    def come_from_the_webmail(self):
        self.go(f"/sso/authorize?{urlencode(self.asked)}")

    def log_in_here(self):
        self.is_at(LOGIN)
        self.fill("Tên đăng nhập", "an")
        self.fill("Mật khẩu", PASSWORD)
        self.press("Đăng nhập")

    def assert_back(self):
        check(self.page.get_by_role("heading", name="Webmail")).to_be_visible()
        told = parse_qs(urlsplit(self.page.url).query)
        self.assertEqual(told["state"], [ASKED["state"]])
        self.assertIn("code", told)

    def test_through_the_log_in(self):
        self.come_from_the_webmail()

        self.log_in_here()

        self.assert_back()

    def test_through_the_second_factor_too(self):
        TOTPDevice.objects.create(user=self.an, name="app")
        self.come_from_the_webmail()
        self.log_in_here()
        self.is_at(FACTOR)
        self.page.get_by_label("Mã xác thực").first.fill(cast.token_of(self.an))
        self.press("Xác thực")

        self.assert_back()

    def test_who_is_logged_in_sees_the_webmail_and_nothing_else(self):
        self.log_in_in_browser()

        self.come_from_the_webmail()

        self.assert_back()


class WithoutScriptsTests(WebmailTests):
    java_script = False
