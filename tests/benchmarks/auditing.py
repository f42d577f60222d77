"""Measures how many audited acts a second one PostgreSQL takes from many at once. Run it by hand:

    python -m tests.benchmarks.auditing

It uses a test database of its own. Each act is a transaction of its own with one row of the trail,
which the commit links to the chain; the chain is shown whole afterwards.
"""

import os
import statistics
import threading
import time

from tests.support.environment import own_database

CLIENTS = 16
SECONDS = 10
FEWEST = 300  # a second


def main():
    with own_database():
        print(f"load before: {os.getloadavg()[0]:.1f}")
        alone = measured(1)
        together = measured(CLIENTS)
        mark = "ok  " if together >= FEWEST else "OVER"
        print(f"{mark} {CLIENTS} clients: {together / alone:.1f} times what one alone does")
        shown_whole()
        print(f"load after: {os.getloadavg()[0]:.1f}")


def measured(clients):
    """Let so many write for a while; say what was written, and give how much of it a second."""
    times, stop = [[] for _ in range(clients)], time.monotonic() + SECONDS
    threads = [threading.Thread(target=write, args=(taken, stop)) for taken in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each = sorted(second for taken in times for second in taken)
    a_second = len(each) / SECONDS
    p95 = each[int(len(each) * 0.95)]
    print(
        f"     {clients:>2} clients: {a_second:.0f} acts a second,"
        f" median {statistics.median(each) * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms"
    )
    return a_second


def write(taken, stop):
    from django.db import connection, transaction

    from accounts.models import Account, AuditEvent

    somebody = Account(pk=1, address="an@hagiang.gov.vn")
    try:
        with connection.cursor() as cursor:
            # As a deployment commits: the tests' database is content with less.
            cursor.execute("SET synchronous_commit = on")
        while time.monotonic() < stop:
            began = time.perf_counter()
            with transaction.atomic():
                AuditEvent.record(AuditEvent.Event.LOCKED, somebody)
            taken.append(time.perf_counter() - began)
    finally:
        connection.close()


def shown_whole():
    from accounts.audit import chain

    report = chain.verify()
    assert not report.faults, report.faults
    print(f"     the chain of {report.rows:,} rows is whole")


if __name__ == "__main__":
    main()
