"""STAFF_NETWORKS: from elsewhere there are no staff pages, however the address is written."""

import http.client
import itertools
from ipaddress import ip_network

from django.test import Client, TestCase, TransactionTestCase, override_settings

from tests.support import cast
from tests.support.programs import deployment
from tests.support.waiting import PATIENCE

NEAR = "10.3.0.9"
FAR = "203.0.113.9"
NOWHERE = "/khong-co-trang-nay/"
PAGES = (
    *("/quan-tri/", "/quan-tri", "/quan-tri/login/", "/quan-tri/bao-cao/", "/quan-tri/khong-co/"),
    *("/quan-tri/accounts/account/", "/quan-tri/accounts/account", "/quan-tri/jsi18n/"),
    *("/ho-tro/", "/ho-tro", "/ho-tro/tai-khoan/1/", "/ho-tro/khong-co/"),
)


def told(r):
    """Give all that an answer tells, the order of its headers included."""
    return r.status_code, list(r.headers.items()), r.content, dict(r.cookies)


@override_settings(STAFF_NETWORKS=[ip_network("10.3.0.0/16"), ip_network("2001:db8::/32")])
class HiddenTests(cast.Cast, TestCase):
    def setUp(self):
        self.huong = cast.make_staff("huong")

    def test_a_page_of_the_staff_is_like_none_at_all(self):
        for method in ("get", "post", "put"):
            nowhere = told(getattr(Client(), method)(NOWHERE))
            for address, page in itertools.product((FAR, "", "2001:db9::1"), PAGES):
                with self.subTest(page, address=address, method=method):
                    r = getattr(Client(REMOTE_ADDR=address), method)(page)

                    self.assertEqual(told(r), nowhere)

    def test_nor_to_staff_themselves_when_they_are_away(self):
        browser = Client(REMOTE_ADDR=FAR)
        self.come_in(self.huong, client=browser)

        for page in PAGES:
            with self.subTest(page):
                self.assertEqual(browser.get(page).status_code, 404)

    def test_from_near_they_are_there(self):
        for address in (NEAR, "::ffff:10.3.0.9", "2001:db8::9"):
            browser = Client(REMOTE_ADDR=address)
            self.come_in(self.huong, client=browser)

            for page in ("/quan-tri/", "/quan-tri/accounts/account/", "/ho-tro/"):
                with self.subTest(page, address=address):
                    self.assertEqual(browser.get(page).status_code, 200)

    def test_however_the_address_is_written_it_leads_to_none(self):
        browser = Client(REMOTE_ADDR=FAR)
        self.come_in(self.huong, client=browser)
        for path in (
            *(
                "/quan-tri/",
                "//quan-tri/",
                "/quan-tri//",
                "/Quan-Tri/",
                "/quan-tri/.",
                "/./quan-tri/",
            ),
            *("/x/../quan-tri/", "/quan-tri;x/", "quan-tri/", "/quan-tri/\x00", "/%71uan-tri/"),
        ):
            for mounted in ("", "/x", "/quan-tri", "//evil.vn"):
                with self.subTest(path, mounted=mounted):
                    r = browser.get("/", PATH_INFO=path, SCRIPT_NAME=mounted)

                    self.assertEqual(r.status_code, 404)

    def test_other_pages_are_for_everybody(self):
        for page in ("/dang-nhap/", "/quen-mat-khau/", "/healthz"):
            self.assertEqual(Client(REMOTE_ADDR=FAR).get(page).status_code, 200)


class MountedTests(TestCase):
    def test_nobody_says_where_the_portal_is_mounted(self):
        r = Client().get("/", PATH_INFO="/dang-nhap/", SCRIPT_NAME="/x")

        self.assertEqual(r.wsgi_request.path, "/dang-nhap/")
        self.assertNotContains(r, "/x/")


class ServedTests(TransactionTestCase):
    """gunicorn, asked by a stranger whose proxy passes on every header."""

    def setUp(self):
        self.server = deployment.Server(STAFF_NETWORKS="10.3.0.0/16")
        self.addCleanup(self.server.end)

    def status(self, path, **headers):
        away = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        away.putrequest("GET", path, skip_host=True)
        sent = {"Host": deployment.HOST, "X-Forwarded-For": FAR, "X-Forwarded-Proto": "https"}
        for name, value in (sent | headers).items():
            away.putheader(name, value)
        away.endheaders()
        status = away.getresponse().status
        away.close()
        return status

    def test_headers_lead_to_no_staff_page(self):
        self.assertEqual(self.status("/dang-nhap/"), 200)
        for path, headers in (
            ("/quan-tri/", {}),
            ("/x/quan-tri/", {"SCRIPT_NAME": "/x"}),
            ("/x/ho-tro/", {"SCRIPT_NAME": "/x"}),
            ("/dang-nhap/", {"SCRIPT_NAME": "/dang-nhap", "PATH_INFO": "/quan-tri/"}),
            ("/quan-tri%2f", {}),
            ("/%71uan-tri/", {}),
            ("//quan-tri/", {}),
            ("/quan-tri?x", {}),
        ):
            with self.subTest(path, headers=headers):
                expected = 200 if path == "/dang-nhap/" else 404
                self.assertEqual(self.status(path, **headers), expected)
