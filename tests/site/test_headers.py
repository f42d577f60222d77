"""What every answer carries besides its page, as a deployment gives it (HD-01 to HD-09)."""

import datetime as dt
import re

from django.test import SimpleTestCase, TransactionTestCase

from tests.support.programs import deployment
from tests.support.programs.deployment import HOST

FORM = "application/x-www-form-urlencoded"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), otp-credentials=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
HSTS = "max-age=31536000; includeSubDomains; preload"
LOGIN = "/dang-nhap/"
ASK = "/quen-mat-khau/"


class DeploymentTests(TransactionTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = deployment.Server()
        cls.addClassCleanup(cls.server.end)

    def get(self, path, **headers):
        return self.server.request("GET", path, **headers)

    def answers(self):
        """Give one answer of each kind, by what it is."""
        ask = self.server.request
        css = re.search(r'href="(/static/portal\.[^"]+)"', self.get(LOGIN).text)[1]
        return {
            "page": ask("GET", LOGIN),
            "words": ask("GET", "/huong-dan/"),
            "redirect to the log-in": ask("GET", "/cau-hinh/"),
            "admin": ask("GET", "/quan-tri/"),
            "static file": ask("GET", css),
            "static file by its plain name": ask("GET", "/static/portal.css"),
            "health": ask("GET", "/healthz"),
            "readiness": ask("GET", "/readyz"),
            "robots.txt": ask("GET", "/robots.txt"),
            "security.txt": ask("GET", "/.well-known/security.txt"),
            "head": ask("HEAD", LOGIN),
            "400, unknown host": ask("GET", LOGIN, Host="evil.vn"),
            "400, unknown host, http": ask("GET", LOGIN, Host="evil.vn", over_https=False),
            "403, no token": ask("POST", ASK, b"address=an", Content_Type=FORM),
            "404": ask("GET", "/khong-co/"),
            "404, static": ask("GET", "/static/khong-co.css"),
            "405": ask("TRACE", LOGIN),
            "405, static": ask("PUT", css, b"x"),
            "413": ask("POST", LOGIN, b"x" * 65_537, Content_Type=FORM),
            "redirect to https": ask("GET", LOGIN, over_https=False),
            "redirect to the slash": ask("GET", "/dang-nhap"),
        }


class HeaderTests(DeploymentTests):
    def test_every_answer_has_the_same_headers(self):
        for kind, r in self.answers().items():
            with self.subTest(kind):
                self.assertEqual({name: r.headers[name] for name in HEADERS}, HEADERS)
                policy = [
                    part.split(" ", 1) for part in r.headers["Content-Security-Policy"].split("; ")
                ]
                self.assertEqual(dict(policy), POLICY)
                for name in (*HEADERS, "Content-Security-Policy"):
                    self.assertEqual(len(r.headers.get_all(name)), 1, name)

    def test_https_is_for_good(self):
        for kind, r in self.answers().items():
            if kind not in ("redirect to https", "400, unknown host, http"):
                with self.subTest(kind):
                    self.assertEqual(r.headers["Strict-Transport-Security"], HSTS)

    def test_only_static_files_are_kept_by_browsers(self):
        for kind, r in self.answers().items():
            with self.subTest(kind):
                if kind == "static file":
                    self.assertIn("immutable", r.headers["Cache-Control"])
                    self.assertIn("max-age=315360000", r.headers["Cache-Control"])
                elif kind == "static file by its plain name":
                    self.assertIn("max-age=60", r.headers["Cache-Control"])
                else:
                    self.assertIn("no-store", r.headers["Cache-Control"])

    def test_no_other_origin_may_read(self):
        for kind, r in self.answers().items():
            with self.subTest(kind):
                allowed = [name for name in r.headers if name.lower().startswith("access-control")]
                self.assertEqual(allowed, [])

    def test_another_origin_is_told_nothing(self):
        asked = {"Origin": "https://evil.vn", "Access_Control_Request_Method": "POST"}

        r = self.server.request("OPTIONS", LOGIN, **asked)

        self.assertEqual(r.status, 405)
        self.assertIsNone(r.headers["Access-Control-Allow-Origin"])

    def test_nothing_tells_a_version(self):
        for kind, r in self.answers().items():
            with self.subTest(kind):
                self.assertEqual(r.headers["Server"], "gunicorn")
                for name in ("X-Powered-By", "Via", "X-Django-Version"):
                    self.assertIsNone(r.headers[name])

    def test_the_statuses_are_what_they_should_be(self):
        answers = self.answers()

        for kind, r in answers.items():
            if kind[:3].isdigit():
                with self.subTest(kind):
                    self.assertEqual(r.status, int(kind[:3]))
        self.assertEqual(answers["redirect to the log-in"].status, 302)


class DoorTests(DeploymentTests):
    def test_http_leads_to_https_on_the_same_host(self):
        r = self.server.request("GET", f"{LOGIN}?next=/cau-hinh/", over_https=False)

        self.assertEqual(r.status, 301)
        self.assertEqual(r.headers["Location"], f"https://{HOST}{LOGIN}?next=/cau-hinh/")
        self.assertIsNone(r.headers["Set-Cookie"])

    def test_monitors_need_no_https(self):
        r = self.server.request("GET", "/healthz", over_https=False)

        self.assertEqual((r.status, r.text), (200, "ok\n"))

    def test_cookies(self):
        page = self.get(LOGIN)
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
        cookie = page.headers["Set-Cookie"]

        r = self.server.request(
            "POST",
            ASK,
            f"address=khong.co&csrfmiddlewaretoken={token}".encode(),
            Content_Type=FORM,
            Cookie=cookie.partition(";")[0],
            Origin=f"https://{HOST}",
        )

        self.assertEqual((r.status, r.headers["Location"]), (302, "/quen-mat-khau/xac-thuc/"))
        cookies = [cookie, *r.headers.get_all("Set-Cookie")]
        self.assertEqual(
            {one.partition("=")[0] for one in cookies}, {"__Host-csrftoken", "__Host-sessionid"}
        )
        for one in cookies:
            with self.subTest(one.partition("=")[0]):
                parts = {part.strip().lower() for part in one.split(";")[1:]}
                self.assertEqual(parts, {"secure", "httponly", "path=/", "samesite=lax"})

    def test_a_host_that_a_header_claims_is_not_believed(self):
        claims = {"X_Forwarded_Host": "evil.vn", "Forwarded": "host=evil.vn"}

        for answer in (self.get(LOGIN, **claims), self.get("/cau-hinh/", **claims)):
            self.assertNotIn("evil.vn", answer.text + str(answer.headers))

    def test_what_lies_beside_the_pages_is_not_given_out(self):
        paths = (
            *("/.git/HEAD", "/.env", "/manage.py", "/mailportal/settings.py", "/var/secret_key"),
            *("/static/", "/static/js/", "/static/../manage.py", "/static/%2e%2e/manage.py"),
            *("/demo/", "/static/staticfiles.json/", "/admin/"),
        )
        for path in paths:
            with self.subTest(path):
                r = self.get(path)

                self.assertEqual(r.status, 404)
                self.assertNotIn("DEBUG", r.text)

    def test_robots_stay_away(self):
        self.assertEqual(self.get("/robots.txt").text, "User-agent: *\nDisallow: /\n")

    def test_whom_to_tell_of_a_weakness(self):
        r = self.get("/.well-known/security.txt")

        self.assertEqual(r.headers["Content-Type"], "text/plain; charset=utf-8")
        lines = dict(line.split(": ", 1) for line in r.text.splitlines())
        self.assertEqual(lines["Contact"], "tel:+842193501038")
        self.assertEqual(lines["Canonical"], f"https://{HOST}/.well-known/security.txt")
        left = dt.datetime.fromisoformat(lines["Expires"]) - dt.datetime.now(dt.UTC)
        self.assertLess(dt.timedelta(days=30), left)
        self.assertLess(left, dt.timedelta(days=366))

    def test_bodies_of_any_encoding(self):
        # Django decodes by any codec that is named, before a middleware could catch its failure.
        head = b'--XX\r\nContent-Disposition: form-data; name="address"\r\n\r\n'
        multipart = head + b"+2AA-\\ud800\xff\r\n--XX--\r\n"
        charsets = (
            *("utf-7", "utf-16", "utf-32", "hex", "rot13", "base64", "zlib", "unicode_escape"),
            *("raw_unicode_escape", "idna", "punycode", "undefined", "nonsense", "utf-8", "UTF8"),
        )
        for kind in (FORM, "multipart/form-data; boundary=XX", "text/plain", "application/json"):
            for charset in (*(f"charset={name}" for name in charsets), "charset*=nonsense''%41"):
                for path in (LOGIN, f"{ASK}?x=%FF"):
                    for method in ("POST", "GET"):
                        with self.subTest(kind=kind, charset=charset, method=method):
                            r = self.server.request(
                                method, path, multipart, Content_Type=f"{kind}; {charset}"
                            )

                            self.assertIn(r.status, (200, 400, 403))
                            self.assertEqual(r.headers["X-Frame-Options"], "DENY")

    def test_sizes_that_are_none(self):
        for size in ("-1", "abc", "1e3", "+5", "1_0", "0x10"):
            with self.subTest(size):
                r = self.server.request("POST", LOGIN, b"", Content_Length=size)

                self.assertEqual(r.status, 400)
                self.assertNotIn("Traceback", r.text)


class CheckTests(SimpleTestCase):
    def test_the_checks_for_a_deployment_find_nothing(self):
        done = deployment.run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("no issues", done.stdout)

    def test_debug_is_off_and_no_variable_switches_it_on(self):
        for variables in ({}, {"DEBUG": "1", "DJANGO_DEBUG": "1"}):
            done = deployment.run(
                "manage.py", "shell", "-v0", "-c",
                "from django.conf import settings; print(settings.DEBUG, settings.OVER_HTTPS)",
                **variables,
            )  # fmt: skip

            self.assertEqual(done.stdout.strip(), "False True")
