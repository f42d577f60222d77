"""Requests that come in drops: they take no thread, and end as a whole in time."""

import re
import select
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from tests.support.programs import deployment
from tests.support.programs.nginx import HOST, Nginx
from tests.support.waiting import PATIENCE, wait_for

HURRY = 5  # seconds in which a request has to be whole, where one is to end
FORM = b"address=an%40hagiang.gov.vn"
LENGTH = len(FORM)
WORDS = "/huong-dan/"  # a page that needs no database
SHIPPED = settings.BASE_DIR / "deploy" / "gunicorn.conf.py"


def head(method="POST", path="/quen-mat-khau/", length=LENGTH, more=""):
    lines = [
        *(f"{method} {path} HTTP/1.1", f"Host: {HOST}", "X-Forwarded-Proto: https"),
        *("X-Forwarded-For: 198.51.100.7", "Connection: close"),
        "Content-Type: application/x-www-form-urlencoded",
    ]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if more:
        lines.append(more)
    return "\r\n".join([*lines, "", ""]).encode()


class Requests(TransactionTestCase):
    whole_within = 2 * PATIENCE  # seconds: what is under way here stays so

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        file = Path(folder.name) / "own.conf.py"
        text = SHIPPED.read_text(encoding="utf-8")
        for name, seconds in (("WHOLE_WITHIN", cls.whole_within), ("keepalive", PATIENCE)):
            text, changed = re.subn(rf"(?m)^{name} = \d+", f"{name} = {seconds}", text)
            assert changed == 1
        file.write_text(text, encoding="utf-8")
        cls.server = deployment.Server("-c", str(file), "--threads", "2", LOG_LEVEL="ERROR")
        cls.addClassCleanup(cls.server.end)
        cls.addClassCleanup(connection.close)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)

    def begin(self, data, connect=None):
        away = (connect or self.connect)()
        self.addCleanup(self.close, away)
        away.sendall(data)
        return away

    def close(self, away):
        with suppress(OSError):
            away.close()

    def answer(self, away, came=b""):
        """Read until the other side closes; give the status and all that came."""
        with suppress(ConnectionResetError):
            while more := away.recv(65_536):
                came += more
        return int(came.split()[1]), came

    def is_answered(self, away, within=0.1):
        return bool(select.select([away], [], [], within)[0])


class SlowFormTests(Requests):
    def test_many_who_send_slowly_hold_no_page_up(self):
        self.answer(self.begin(head("GET", WORDS, None)))  # the first one takes long
        slow = [
            self.begin(begun)
            for begun in (
                head() + FORM[:-1],
                head()[:-4],
                b"POST /quen",
                head(length=None)[:-1],
            )
            for _ in range(10)
        ]

        for _ in range(5):
            status, _ = self.answer(self.begin(head("GET", WORDS, None)))
            self.assertEqual(status, 200)

        self.assertEqual(select.select(slow, [], [], 0)[0], [], "still under way")

    def test_whoever_does_not_hang_up_holds_no_page_up(self):
        self.answer(self.begin(head("GET", WORDS, None)))  # the first one takes long
        first = self.begin(head("GET", WORDS, None))
        self.answer(first)
        for _ in range(20):
            self.answer(self.begin(head("GET", WORDS, None)))

        # Nobody has been hung up on meanwhile: to write gives no error.
        first.sendall(b"x")
        first.sendall(b"x")

    def test_half_a_request_behind_a_whole_one_holds_no_page_up(self):
        self.answer(self.begin(head("GET", WORDS, None)))  # the first one takes long
        whole = head("GET", WORDS, None).replace(b"Connection: close\r\n", b"")
        for half in (head()[:-4], head() + FORM[:-1], b"P"):
            for _ in range(2):
                self.is_answered(self.begin(whole + half), within=PATIENCE)

        status, _ = self.answer(self.begin(head("GET", WORDS, None)))

        self.assertEqual(status, 200)

    def test_half_a_request_behind_a_whole_one_may_come_whole(self):
        whole = head("GET", WORDS, None).replace(b"Connection: close\r\n", b"")
        away = self.begin(whole + (head() + FORM)[:-3])
        self.assertTrue(self.is_answered(away, within=PATIENCE))
        away.sendall(FORM[-3:])
        _, came = self.answer(away)
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", came), [b"200", b"403"])

    def test_empty_lines_before_a_request_hold_no_page_up(self):
        self.answer(self.begin(head("GET", WORDS, None)))  # the first one takes long
        for _ in range(5):
            self.begin(b"\r\n\r\n")

        for lines in (b"", b"\r\n"):
            status, _ = self.answer(self.begin(lines + head("GET", WORDS, None)))
            self.assertEqual(status, 200)

    def test_a_form_in_pieces_is_taken_once_it_is_whole(self):
        whole = head() + FORM
        for cuts in ((1,), (10, 60), (len(head()) - 2,), (len(head()),), (len(head()) + 5,)):
            with self.subTest(cuts):
                away = self.begin(b"")
                for start, end in zip((0, *cuts), (*cuts, len(whole)), strict=True):
                    self.assertFalse(self.is_answered(away))
                    away.sendall(whole[start:end])
                # The form has no token: it was read, and refused for that.
                self.assertEqual(self.answer(away)[0], 403)

    def test_a_form_in_chunks_is_answered_once_and_not_waited_for(self):
        in_chunks = head(length=None, more="Transfer-Encoding: chunked")
        in_chunks = in_chunks.replace(b"Connection: close\r\n", b"")
        self.answer(self.begin(head("GET", WORDS, None)))  # the first one takes long
        for rest in (b"", b"5\r\naddre", b"3\r\n0\r\n\r\n", b"none\r\n\r\n"):
            with self.subTest(rest):
                began = time.monotonic()
                for away in [self.begin(in_chunks + rest) for _ in range(4)]:
                    _, came = self.answer(away)
                    self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", came), [b"403"])
                self.assertLess(time.monotonic() - began, PATIENCE)

    def test_half_a_form_whose_sender_left_is_not_read(self):
        log = "SELECT count(*) FROM accounts_auditevent"
        for begun in (head() + FORM[:10], head()[:-4]):
            away = self.begin(begun)
            away.shutdown(socket.SHUT_WR)

            with suppress(ConnectionResetError):
                self.assertEqual(away.recv(100), b"")
        with connection.cursor() as cursor:
            cursor.execute(log)
            self.assertEqual(cursor.fetchone()[0], 0)

    def test_whoever_left_costs_no_processor(self):
        for _ in range(20):
            self.begin(head() + FORM[:10]).close()
        begun = self.begin(head() + FORM[:10])
        worker = children(self.server.process.pid)
        wait_for(lambda: self.answer(self.begin(head("GET", "/healthz", None)))[0] == 200, "it")
        before = ticks(worker)

        self.assertFalse(self.is_answered(begun, within=1))
        self.assertLess(ticks(worker) - before, 20, "hundredths of a second in one")

    def test_what_is_too_long_is_refused_at_once(self):
        for length in (64 * 1024 + 1, 10**12, 10**30):
            with self.subTest(length):
                status, _ = self.answer(self.begin(head(length=length) + b"x"))
                self.assertIn(status, (400, 403, 413))

    def test_two_requests_at_once_are_both_answered(self):
        first, last = (head("GET", WORDS, None) for _ in range(2))
        away = self.begin(first.replace(b"Connection: close\r\n", b"") + last)

        _, came = self.answer(away)

        self.assertEqual(came.count(b"HTTP/1.1 200 OK"), 2)


class EndTests(Requests):
    whole_within = HURRY

    def drip(self, data, connect=None):
        """Begin so, and send a byte now and then; give the answer, and the seconds until then."""
        began = time.monotonic()
        away = self.begin(data, connect)
        away.settimeout(0.2)
        while not (came := self.came(away)):
            assert time.monotonic() - began < PATIENCE, "it never ended"
            with suppress(BrokenPipeError, ConnectionResetError):
                away.sendall(b"x")
        away.settimeout(PATIENCE)
        return *self.answer(away, came), time.monotonic() - began

    def came(self, away):
        with suppress(TimeoutError):
            return away.recv(65_536)

    def test_half_a_request_behind_a_whole_one_ends_in_time(self):
        whole = head("GET", WORDS, None).replace(b"Connection: close\r\n", b"")

        _, came = self.answer(self.begin(whole + head()))

        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", came), [b"200", b"408"])

    def test_a_form_that_comes_in_drops_ends_in_time_and_says_so(self):
        status, page, took = self.drip(head(length=1_000))

        self.assertEqual(status, 408)
        self.assertIn("Hãy quay lại và gửi lại", page.decode())
        self.assertGreaterEqual(took, HURRY)

    def test_it_says_so_in_the_language_that_was_chosen(self):
        for cookie, language in (
            ("__Host-language=en", "en"),
            ("a=1; __Host-language=en; b=2", "en"),
            ("__Host-language=vi; a=language=english", "vi"),
        ):
            with self.subTest(cookie):
                cookie = f"Cookie: {cookie}"

                status, page = self.answer(self.begin(head(length=1_000, more=cookie) + b"x"))

                self.assertEqual(status, 408)
                self.assertIn(f"<html lang={language}>", page.decode())

    def test_a_head_that_comes_in_drops_ends_in_time(self):
        status, _, _ = self.drip(head()[:-2] + b"X-A: ")

        self.assertEqual(status, 408)

    @pytest.mark.program("nginx")
    def test_it_ends_behind_nginx_too(self):
        nginx = Nginx(self.server.port)
        self.addCleanup(nginx.end)

        status, page, _ = self.drip(head(length=1_000), nginx.connect)

        self.assertEqual(status, 408)
        self.assertIn("Hãy quay lại và gửi lại", page.decode())


def children(pid):
    return [int(pid) for pid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ticks(pids):
    """Give the hundredths of a second that processes have used."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats)
