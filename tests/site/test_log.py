"""The log: one JSON object a line, with what an operator needs and nothing that forges a line."""

import datetime as dt
import io
import json
import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.urls import path

from mailportal import urls
from mailportal.log import JsonFormatter
from tests.support import cast
from tests.support.cast import ASK, LOGIN
from tests.support.programs import deployment

EVIL = 'x\r\n{"at": "now"}\n\x1b[2J\x9b31m\u2028\u2029\x85\x00\u202e\ud800\x7f'
PRINTABLE = {chr(code) for code in range(32, 127)}


@login_not_required
def fail(request):
    password = "zqcanary"
    raise ValueError(f"{password} is not a number")


@login_not_required
def log_it(request):
    logging.getLogger("accounts").warning("asked for %s", EVIL)
    return HttpResponse("fine")


urlpatterns = [*urls.urlpatterns, path("fail/", fail), path("log/", log_it)]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@override_settings(ROOT_URLCONF="tests.site.test_log")
class LineTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False, headers={"x-forwarded-for": "6.6.6.6"})
        self.written = io.StringIO()
        handler = logging.StreamHandler(self.written)
        handler.setFormatter(JsonFormatter())
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.addCleanup(root.removeHandler, handler)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)

    def lines(self):
        text = self.written.getvalue()
        self.assertLessEqual(set(text), PRINTABLE | {"\n"})
        return [json.loads(line) for line in text.splitlines()]

    def line(self):
        (line,) = self.lines()
        return line

    def test_what_a_line_says(self):
        self.client.get("/khong-co/", REMOTE_ADDR="203.0.113.9")

        line = self.line()
        self.assertEqual(set(line), {"at", "level", "logger", "message", "request", "client"})
        self.assertEqual(dt.datetime.fromisoformat(line["at"]).utcoffset(), dt.timedelta())
        self.assertEqual((line["level"], line["logger"]), ("WARNING", "django.request"))
        self.assertEqual(line["message"], "Not Found: /khong-co/")
        self.assertRegex(line["request"], r"^[0-9a-f]{16}$")
        self.assertEqual(line["client"], "203.0.113.9")

    def test_every_refusal_is_logged_with_its_request(self):
        refusals = {
            400: lambda: self.client.get(LOGIN, headers={"host": "evil.vn"}),
            403: lambda: Client(enforce_csrf_checks=True).post(ASK, {"address": "an"}),
            404: lambda: self.client.get("/khong-co/"),
            405: lambda: self.client.put(LOGIN),
            413: lambda: self.client.post(LOGIN, {"x": "x" * 70_000}),
            429: lambda: [self.client.post(ASK, {"address": "?"}) for _ in range(21)][-1],
            500: lambda: self.client.get("/fail/"),
        }
        for status, refuse in refusals.items():
            with self.subTest(status):
                self.written.truncate(self.written.seek(0))

                self.assertEqual(refuse().status_code, status)

                line = self.line()
                self.assertEqual(line["client"], "127.0.0.1")
                self.assertRegex(line["request"], r"^[0-9a-f]{16}$")

    def test_each_request_has_a_name_of_its_own(self):
        self.client.get("/khong-co/")
        self.client.get("/khong-co/")

        first, second = self.lines()
        self.assertNotEqual(first["request"], second["request"])

    def test_a_fault_keeps_its_place_and_not_its_words(self):
        self.client.get("/fail/")

        line = self.line()
        self.assertEqual((line["level"], line["error"]), ("ERROR", "ValueError"))
        self.assertRegex(line["where"][-1], r"test_log\.py:\d+ fail$")
        self.assertNotIn("zqcanary", json.dumps(line))

    def test_nothing_forges_a_line(self):
        self.client.get("/log/", headers={"user-agent": EVIL[:-3], "referer": EVIL[:-3]})

        self.assertEqual(self.line()["message"], f"asked for {EVIL}")

    def test_nothing_typed_forges_a_line(self):
        for raw in ("/x%0d%0a%7b%7d/", "/%1b%5b2J/", "/%e2%80%a8/", "/%c2%9b/", "/%ff/", "/%00/"):
            with self.subTest(raw):
                self.written.truncate(self.written.seek(0))

                self.client.get(raw, headers={"host": "testserver"})

                self.assertEqual(self.line()["logger"], "django.request")

    def test_the_page_of_a_person_is_named_without_the_person(self):
        self.log_in()
        self.written.truncate(self.written.seek(0))

        for other in ("binh@hagiang.gov.vn", "0987 466 981", "Ruong-bac-thang-7"):
            self.client.get(f"/cau-hinh/thong-tin/{other}/")
            self.client.put(f"/cau-hinh/thong-tin/{other}/xac-thuc/")

        text = self.written.getvalue()
        self.assertIn("Not Found: /cau-hinh/thong-tin/-", text)
        for word in ("binh", "466 981", "466%20981", "Ruong"):
            self.assertNotIn(word, text)

    def test_the_account_that_a_program_asks_for_is_not_named(self):
        self.client.get("/api/v1/accounts/binh@hagiang.gov.vn")
        self.client.post("/api/v1/accounts/binh@hagiang.gov.vn/lock")

        text = self.written.getvalue()
        self.assertIn("Not Found: /api/v1/accounts/-", text)
        self.assertNotIn("binh", text)

    def test_a_suppliers_report_is_named_without_its_secret(self):
        for address in ("esms/trang-thai/1/geheim/", "khac/trang-thai/geheim/"):
            self.client.get(f"/sms/{address}")

        text = self.written.getvalue()
        self.assertEqual(text.count("/trang-thai/-"), 2)
        self.assertNotIn("geheim", text)

    def test_good_requests_are_not_logged(self):
        self.client.get(LOGIN)
        self.ask()
        self.log_in()

        self.assertEqual(self.lines(), [])


class ProcessLogTests(TransactionTestCase):
    def test_all_that_a_web_process_says_is_json(self):
        server = deployment.Server(LOG_LEVEL="DEBUG")
        self.addCleanup(server.end)
        evil = "x\x9b31m\x85y"  # what gunicorn lets through
        for target in ("/a%0d%0a%7b%7d", "/%1b%5b2J", "/cau-hinh/thong-tin/an@hagiang.gov.vn/x"):
            server.request("GET", target, User_Agent=evil, Referer=evil)
        server.request("GET", LOGIN, Host="evil%0d.vn")
        server.request("POST", ASK, b"address=zqcanary")

        lines = server.log().splitlines()

        ours = [json.loads(line) for line in lines if line.startswith("{")]
        self.assertEqual(len(ours), 5)
        for line in lines:
            self.assertLessEqual(set(line), PRINTABLE)
            if not line.startswith("{"):
                self.assertRegex(line, r"^\[[-0-9: +]+\] \[\d+\] \[INFO\] [A-Z]")
        self.assertNotIn("zqcanary", server.log())
        self.assertNotIn("an@", server.log())
