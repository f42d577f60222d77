"""Measures what a flood of one caller costs others. Run it by hand, on a quiet machine:

    python -m tests.benchmarks.flood

It uses a test database of its own, and gunicorn as an operator starts it, behind a proxy's headers.
"""

import http.client
import multiprocessing
import os
import re
import statistics
import threading
import time
from urllib.parse import urlencode

import tests.support.environment  # noqa: F401  (before the settings are read)

FLOOD = 2_000  # requests of one caller
SENDERS = 4  # connections of his, at the same time
PAGES = 150  # of another caller, before and during it
SLOWER = 1.5  # times, at most, in the median
STRANGER, OTHER = "198.51.100.7", "198.51.100.8"
LOGIN = "/dang-nhap/"
FORM = "application/x-www-form-urlencoded"


def main():
    os.environ.update(DJANGO_SETTINGS_MODULE="mailportal.settings")
    import django

    django.setup()
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure()
    finally:
        teardown_databases(databases, verbosity=0)


def measure():
    from tests.support.programs import deployment

    server = deployment.Server("--workers", "2", LOG_LEVEL="ERROR")
    try:
        before = pages(server)
        asked = transactions()
        # A process of its own, which takes no time from whoever measures.
        flood = multiprocessing.get_context("fork").Process(target=send_flood, args=(server,))
        flood.start()
        during = pages(server)
        flood.join()
        print(f"the database's transactions for it: {transactions() - asked}")
        print(f"another caller's page: {before:.1f} ms before, {during:.1f} ms during it")
        factor = during / before
        print(f"{factor:.2f} times (at most {SLOWER})", "" if factor <= SLOWER else "EXCEEDED")
    finally:
        server.end()


def send_flood(server):
    flood = Flood(server)
    threads = [threading.Thread(target=flood.send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"a flood of {FLOOD}: {flood.answers}")


class Flood:
    """Log-ins of one caller, each with the form's token."""

    def __init__(self, server):
        self.server = server
        self.left = FLOOD
        self.answers = {}
        page = server.request("GET", LOGIN, X_Forwarded_For=STRANGER)
        self.token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        self.cookie = page.headers["Set-Cookie"].partition(";")[0]
        self.lock = threading.Lock()

    def send(self):
        away = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        body = urlencode({"csrfmiddlewaretoken": self.token, "username": "la", "password": "x"})
        headers = {
            "Host": "matkhau.example.gov.vn",
            "Origin": "https://matkhau.example.gov.vn",
            "X-Forwarded-For": STRANGER,
            "X-Forwarded-Proto": "https",
            "Cookie": self.cookie,
            "Content-Type": FORM,
        }
        while self._take_one():
            away.request("POST", LOGIN, body, headers)
            r = away.getresponse()
            r.read()
            with self.lock:
                self.answers[r.status] = self.answers.get(r.status, 0) + 1
        away.close()

    def _take_one(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0


def pages(server):
    """Give the median of another caller's page, in milliseconds."""
    seconds = []
    for _ in range(PAGES):
        began = time.perf_counter()
        assert server.request("GET", LOGIN, X_Forwarded_For=OTHER).status == 200
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


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
