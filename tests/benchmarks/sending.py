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

import tests.support.environment  # noqa: F401  (before the settings are read)

ROOT = Path(__file__).parent.parent.parent
ANSWER = 0.1  # seconds the supplier takes
THROUGHPUT = 50  # messages a second, at the least
TO_THE_GATEWAY = 20  # ms from commit to the supplier's having read it, median
CROWD = 1_000
RATE, STEADY = 20, 300  # messages a second, and how many
PATIENCE = 120  # seconds


def main():
    os.environ.update(
        DJANGO_SETTINGS_MODULE="mailportal.settings", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1"
    )
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure()
    finally:
        teardown_databases(databases, verbosity=0)


def measure():
    from otp.models import Brakes
    from tests.support.programs import gateway

    Brakes.objects.update(codes_an_hour=10**6, codes_a_day=10**6)
    supplier = gateway.Twilio()
    supplier.plan = [slowly] * (CROWD + STEADY)
    for n in range(CROWD):
        queue(n)
    with tempfile.TemporaryFile("w+") as log:
        sender = start(supplier, log)
        try:
            throughput(supplier)
            delay(supplier)
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


def delay(supplier):
    committed_at = {}
    next_at = time.monotonic()
    for n in range(CROWD, CROWD + STEADY):
        next_at += 1 / RATE
        time.sleep(max(0, next_at - time.monotonic()))
        queue(n)
        committed_at[number(n)] = time.monotonic()
    wait_for(lambda: len(supplier.texts) >= CROWD + STEADY)
    delays = [
        1000 * (given["at"] - committed_at[given["to"]])
        for given in supplier.texts
        if given["to"] in committed_at
    ]
    median = statistics.median(delays)
    say(
        f"commit to supplier at {RATE}/s, median",
        f"{median:.1f} ms",
        f"{TO_THE_GATEWAY} ms",
        median < TO_THE_GATEWAY,
    )
    print(f"      95 %: {statistics.quantiles(delays, n=20)[-1]:.1f} ms; slowest {max(delays):.1f}")


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
