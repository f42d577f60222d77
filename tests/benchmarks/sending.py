"""Measures one sender against what it must do. Run it by hand, on a quiet machine:

    python -m tests.benchmarks.sending

It uses a test database of its own, and a supplier on this machine that takes 100 ms an answer.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.environment import own_database

ROOT = Path(__file__).parent.parent.parent
ANSWER = 0.1  # seconds the supplier takes
THROUGHPUT = 200  # messages a second, at the least
TO_THE_GATEWAY = 10  # ms from commit to the supplier's having read it, median
PAST_NOTICES = 50  # ms, the same while notices wait
NOTICES = 100_000
CROWD = 1_000
RATE, STEADY = 20, 300  # messages a second, and how many
PATIENCE = 120  # seconds


def main():
    with own_database(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1"):
        measure()


def measure():
    from otp.models import Brakes
    from tests.support.programs import gateway

    Brakes.objects.update(codes_an_hour=10**6, codes_a_day=10**6)
    supplier = gateway.Twilio()
    supplier.plan = [slowly] * (CROWD + 2 * STEADY + NOTICES)
    for n in range(CROWD):
        queue(n)
    with tempfile.TemporaryFile("w+") as log:
        sender = start(supplier, log)
        try:
            throughput(supplier)
            delay(supplier, CROWD, "commit to supplier", TO_THE_GATEWAY)
            queue_notices()
            delay(supplier, CROWD + STEADY, f"while {NOTICES:,} notices wait", PAST_NOTICES)
        finally:
            sender.terminate()
            sender.wait(PATIENCE)


def slowly(handler):
    time.sleep(ANSWER)
    handler.accept()


def start(supplier, log):
    from django.conf import settings

    from tests.support.programs.deployment import database_url

    environment = {"DATABASE_URL": database_url(), "OTP_PEPPER": ",".join(settings.OTP_PEPPERS)}
    return subprocess.Popen(
        [sys.executable, "manage.py", "deliver_messages"],
        cwd=ROOT,
        env=os.environ | supplier.environment() | environment,
        stderr=log,
    )


def throughput(supplier):
    wait_for(lambda: len(supplier.texts) >= CROWD)
    times = sorted(given["at"] for given in supplier.texts)
    rate = (CROWD - 1) / (times[-1] - times[0])
    say(f"{CROWD} waiting messages", f"{rate:.0f}/s", f"{THROUGHPUT}/s", rate >= THROUGHPUT)


def delay(supplier, first, what, budget):
    committed_at = {}
    next_at = time.monotonic()
    for n in range(first, first + STEADY):
        next_at += 1 / RATE
        time.sleep(max(0, next_at - time.monotonic()))
        queue(n)
        committed_at[number(n)] = time.monotonic()
    wait_for(lambda: len(delays(supplier, committed_at)) == STEADY)
    found = delays(supplier, committed_at)
    median = statistics.median(found)
    say(f"{what} at {RATE}/s, median", f"{median:.1f} ms", f"{budget} ms", median < budget)
    print(f"      95 %: {statistics.quantiles(found, n=20)[-1]:.1f} ms; slowest {max(found):.1f}")


def delays(supplier, committed_at):
    return [
        1000 * (given["at"] - committed_at[given["to"]])
        for given in list(supplier.texts)
        if given["to"] in committed_at
    ]


def queue_notices():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO otp_message (address_key, phone_key, channel, "to", to_masked, subject,
                text, state, reason, gateway, gateway_id, tries, created_at, due_at, good_until,
                changed_at)
            SELECT '', '', 'sms', '+8498' || lpad(n::text, 7, '0'), '', '', 'Thong bao', 'queued',
                '', '', '', 0, now(), now(), now() + interval '1 day', now()
            FROM generate_series(1, %s) AS n
            """,
            [NOTICES],
        )


def queue(n):
    from django.db import transaction

    from otp import outbox
    from otp.models import Purpose

    with transaction.atomic():
        outbox.send_code(
            f"a{n}@example.vn",
            Purpose.RECOVERY,
            to=number(n),
            text="Ma xac thuc: {code}",
            nonce="n",
        )


def number(n):
    return f"+8491{n:07}"


def wait_for(condition):
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError("the sender does not send")
        time.sleep(0.005)


def say(what, measured, budget, within):
    print(
        f"{'ok  ' if within else 'OVER'}  {what:<44} {measured:>12}   budget {budget}", flush=True
    )


if __name__ == "__main__":
    main()
