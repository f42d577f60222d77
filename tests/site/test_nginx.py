"""nginx as deploy/nginx.conf has it: who is one caller, and whom slow senders shut out."""

from contextlib import suppress
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.test import SimpleTestCase

from tests.support.programs.nginx import HOST, Nginx
from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for

FORMS = 50  # of one caller that may be under way
FILES = 10  # of all strangers
LOADING = "/quan-tri/accounts/account/nap/"
OFFICE = "10.1.2.3"


class Portal(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.mark.program("nginx")
class NginxTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        Thread(target=cls.portal.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.portal.server_close)
        cls.addClassCleanup(cls.portal.shutdown)
        cls.nginx = Nginx(cls.portal.server_port)
        cls.addClassCleanup(cls.nginx.end)

    def send(self, method, caller, length, body=b"", path="/"):
        connection = self.nginx.connect()
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nX-Test-Caller: {caller}\r\n"
        head += f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection

    def status(self, method, caller, path="/"):
        body = b"x"[: method == "POST"]
        with self.send(method, caller, len(body), body, path) as it:
            return int(it.recv(100).split()[1])

    def page(self, cookie, *, path="/", length=1, nginx=None):
        """Send a form that says so many bytes, and give the status and page that answer it."""
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n"
        head += f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
        with (nginx or self.nginx).connect() as connection:
            connection.sendall(head.encode() + b"x")
            response = HTTPResponse(connection)
            response.begin()
            return response.status, response.read().decode()

    def send_slowly(self, callers, path="/"):
        """Begin a form by each of the callers, which stays under way for the rest of the test."""
        for caller in callers:
            begun = self.send("POST", caller, 100, b"x", path)
            self.addCleanup(self.close, begun)

    def close(self, begun):
        with suppress(OSError):
            begun.close()

    def shut_out(self, caller, path="/"):
        wait_for(lambda: self.status("POST", caller, path) == 429, "nginx to count what was begun")

    def test_an_office_with_a_hundred_slow_senders_goes_on(self):
        self.send_slowly([OFFICE] * 100)
        self.send_slowly(["198.51.100.1"] * FORMS)
        self.shut_out("198.51.100.1")  # begun later, so the hundred before are counted

        for method in ("GET", "POST"):
            self.assertEqual(self.status(method, OFFICE), 200)
            self.assertEqual(self.status(method, "198.51.100.2"), 200)

    def test_whoever_sends_slowly_still_sees_pages(self):
        self.send_slowly(["198.51.100.9"] * FORMS)
        self.shut_out("198.51.100.9")

        self.assertEqual(self.status("GET", "198.51.100.9"), 200)

    def test_strangers_who_send_files_slowly_take_places_of_no_form_and_of_no_office(self):
        self.send_slowly((f"198.51.100.{n}" for n in range(FILES)), LOADING)
        stranger = "198.51.100.99"
        self.shut_out(stranger, LOADING)

        self.assertEqual(self.status("POST", OFFICE, LOADING), 200)
        self.assertEqual(self.status("GET", stranger, LOADING), 200)
        self.assertEqual(self.status("POST", stranger), 200)

    def test_its_own_pages_are_in_the_language_that_was_chosen(self):
        alone = Nginx(free_port())
        self.addCleanup(alone.end)
        self.send_slowly(["203.0.113.7"] * FILES, LOADING)
        self.shut_out("203.0.113.9", LOADING)
        for asked, status, vietnamese, english in (
            ({"length": 100_000}, 413, "Nội dung gửi lên quá lớn", "What you sent is too large"),
            ({"path": LOADING}, 429, "Có quá nhiều yêu cầu", "Too many requests"),
            ({"nginx": alone}, 503, "Hệ thống đang tạm dừng", "The system is pausing"),
        ):
            for cookie, language, title in (
                ("", "vi", vietnamese),
                ("__Host-language=en", "en", english),
                ("a=1; __Host-language=en; b=2", "en", english),
                ("__Host-language=vi", "vi", vietnamese),
                ("x__Host-language=en; __Host-language=english", "vi", vietnamese),
            ):
                with self.subTest(status, cookie=cookie):
                    answered, page = self.page(cookie, **asked)

                    self.assertEqual(answered, status)
                    self.assertIn(f"<html lang={language}>", page)
                    self.assertIn(f"<h1>{title}</h1>", page)

    def test_one_subscriber_of_ipv6_is_one_caller(self):
        self.send_slowly(f"2001:db8:a:b:{n:x}::{n:x}" for n in range(FORMS))

        self.shut_out("2001:db8:a:b::77")

        self.assertEqual(self.status("POST", "2001:db8:a:c::77"), 200)

    def test_networks_with_odd_bytes_are_told_apart(self):
        self.send_slowly(f"2001:db8:0a0a:0d00:{n:x}::" for n in range(FORMS))

        self.shut_out("2001:db8:0a0a:0d00::1")

        for other in ("2001:db8:0a0a:0d01::1", "2001:db8:0a00::1", "::1", "32.1.13.184"):
            self.assertEqual(self.status("POST", other), 200, other)
