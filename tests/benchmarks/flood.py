"""Measures what a flood of one caller costs others. Run it by hand, on a quiet machine:

    python -m tests.benchmarks.flood

It uses a test database of its own, and gunicorn as an operator starts it: behind nginx as
deploy/nginx.conf has it, and by itself with a proxy's headers, where the portal's own shield is all
there is. The flood is sent from the same processors, so its own work is in the figures.
"""

import multiprocessing
import os
import re
import socket
import statistics
import threading
import time
from contextlib import closing
from urllib.parse import urlencode

from tests.benchmarks.rates import read_answer
from tests.support.environment import own_database

FLOOD = 2_000  # requests of one caller
SENDERS = 4  # connections of his, at the same time
PAGES = 150  # of another caller, before and during it
SLOWER = 1.5  # times, at most, in the median
STRANGER, OTHER = "198.51.100.7", "10.1.2.3"  # the other one opens more pages than a person at home
LOGIN = "/dang-nhap/"
FORM = "application/x-www-form-urlencoded"


def main():
    with own_database():
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        setup_test_environment()
        call_command("collectstatic", verbosity=0, interactive=False)
        for name, place in (("behind nginx", behind_nginx), ("by itself", by_itself)):
            with place() as (connect, head):
                print(f"\n{name} (load {os.getloadavg()[0]:.1f})")
                measure(connect, head)


class by_itself:  # noqa: N801  (used like a function)
    """Gunicorn alone; callers are told apart by the header that a proxy writes."""

    def __enter__(self):
        from tests.support.programs import deployment

        self.server = deployment.Server("--workers", "2", LOG_LEVEL="ERROR")
        return self.connect, "X-Forwarded-Proto: https\r\nX-Forwarded-For: "

    def __exit__(self, *_):
        self.server.end()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), 60)


class behind_nginx(by_itself):  # noqa: N801
    def __enter__(self):
        from tests.support.programs.nginx import Nginx

        super().__enter__()
        self.nginx = Nginx(self.server.port)
        return self.nginx.connect, "X-Test-Caller: "

    def __exit__(self, *_):
        self.nginx.end()
        super().__exit__()


def measure(connect, head):
    page = Page(connect, head, OTHER)
    page.seconds(10)  # the first ones of a process are dearer
    before = page.seconds(PAGES)
    asked = transactions()
    # A process of its own, which takes no time from whoever measures.
    flood = multiprocessing.get_context("fork").Process(target=send_flood, args=(connect, head))
    flood.start()
    during = page.seconds(PAGES, while_lives=flood)
    flood.join()
    print(f"the database's transactions for it: {transactions() - asked}")
    before, during = (statistics.median(s) * 1000 for s in (before, during))
    print(f"another caller's page: {before:.1f} ms before, {during:.1f} ms during it")
    factor = during / before
    print(f"{factor:.2f} times (at most {SLOWER})", "" if factor <= SLOWER else "EXCEEDED")


class Page:
    """Another caller's log-in page, each by a connection of its own."""

    def __init__(self, connect, head, caller):
        self.connect = connect
        self.request = f"GET {LOGIN} HTTP/1.1\r\n{_host()}{head}{caller}\r\n\r\n".encode()

    def seconds(self, count, while_lives=None):
        taken = []
        while len(taken) < count and (while_lives is None or while_lives.is_alive()):
            began = time.perf_counter()
            with closing(self.connect()) as away:
                away.sendall(self.request)
                assert read_answer(away)[0] == 200
            taken.append(time.perf_counter() - began)
        return taken


def send_flood(connect, head):
    os.nice(19)
    flood = Flood(connect, head)
    began = time.monotonic()
    threads = [threading.Thread(target=flood.send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    print(f"a flood of {FLOOD} in {took:.1f} s: {flood.answers}")


class Flood:
    """Log-ins of one caller, each with the form's token; the bytes are made beforehand."""

    def __init__(self, connect, head):
        self.connect = connect
        self.left = FLOOD
        self.answers = {}
        self.lock = threading.Lock()
        with closing(connect()) as away:
            away.sendall(f"GET {LOGIN} HTTP/1.1\r\n{_host()}{head}{STRANGER}\r\n\r\n".encode())
            _, page = read_answer(away)
        token = re.search(rb'csrfmiddlewaretoken" value="(\w+)"', page)[1].decode()
        cookie = re.search(rb"(?i)set-cookie: ([^;]+)", page)[1].decode()
        body = urlencode({"csrfmiddlewaretoken": token, "username": "la", "password": "x"})
        self.request = (
            f"POST {LOGIN} HTTP/1.1\r\n{_host()}Origin: https://{_host().split()[1]}\r\n"
            f"{head}{STRANGER}\r\nCookie: {cookie}\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def send(self):
        away = self.connect()
        while self._take_one():
            try:
                away.sendall(self.request)
                status = read_answer(away)[0]
            except ConnectionError:  # kept connections end after so many requests
                away.close()
                away = self.connect()
                continue
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1
        away.close()

    def _take_one(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0


def _host():
    from tests.support.programs.nginx import HOST

    return f"Host: {HOST}\r\n"


def transactions():
    """Count the transactions of the database; outside one, each statement is its own."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
        return cursor.fetchone()[0]


if __name__ == "__main__":
    main()
