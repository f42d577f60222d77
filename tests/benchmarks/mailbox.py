"""Measures how soon a reset counts in the mail server. Run it by hand, on a quiet machine:

    python -m tests.benchmarks.mailbox

It uses a test database of its own, a real sender, and Dovecot with the files of deploy/.
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
OBEYED = 1.0  # seconds from the press of the button until the mail server obeys in everything
ROUNDS = 20
PATIENCE = 60  # seconds


def main():
    with own_database(NO_PROXY="localhost", no_proxy="localhost"):
        from django.test.utils import setup_test_environment

        setup_test_environment()
        measure()


def measure():
    from django.test import override_settings

    from tests.support.programs import mailserver

    mailserver.make_role()
    dovecot = mailserver.Dovecot()
    door = {"DOVEADM_URL": dovecot.url, "DOVEADM_API_KEY": mailserver.API_KEY}
    with tempfile.TemporaryFile("w+") as log, override_settings(**door):
        sender = start_sender(door | {"DOVEADM_CA_FILE": str(dovecot.certificate)}, log)
        try:
            report([one_round(dovecot, n) for n in range(ROUNDS)])
        finally:
            sender.terminate()
            sender.wait(PATIENCE)
            dovecot.end()
            mailserver.drop_role()


def start_sender(environment, log):
    from otp import outbox
    from tests.support.programs.deployment import database_url
    from tests.support.waiting import wait_for

    sender = subprocess.Popen(
        [sys.executable, "manage.py", "deliver_messages"],
        cwd=ROOT,
        env=os.environ | environment | {"DATABASE_URL": database_url()},
        stderr=log,
    )
    wait_for(outbox.sender_is_alive, "the sender's first sign of life")
    return sender


def one_round(dovecot, n):
    """Reset one person's password while a thief reads; give the seconds until each thing holds."""
    from django.test import Client
    from django.utils import timezone

    from tests.support import cast
    from tests.support.cast import ASK, CODE, NEW, NEW_PASSWORD, PASSWORD
    from tests.support.programs.mailserver import is_closed

    name = f"nguoi{n}"
    cast.make(name, phone=f"+8491200{n:04}", phone_confirmed_at=timezone.now())
    thief = dovecot.log_in(name, PASSWORD)
    client = Client(REMOTE_ADDR=f"10.0.0.{n + 1}")
    client.post(ASK, {"address": name})
    client.post(CODE, {"code": cast.newest_code()})
    began = time.perf_counter()
    client.post(NEW, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    answered = time.perf_counter() - began
    assert dovecot.opens(name, NEW_PASSWORD)
    opened = time.perf_counter() - began
    while not is_closed(thief):
        time.sleep(0.005)
    closed = time.perf_counter() - began
    assert not dovecot.opens(name, PASSWORD)
    thief.shutdown()
    return answered, opened, closed


def report(rounds):
    for what, seconds in zip(
        ("the portal has answered", "the new password opens IMAP", "the thief's session is closed"),
        zip(*rounds, strict=True),
        strict=True,
    ):
        slowest = max(seconds)
        mark = "ok  " if slowest <= OBEYED else "OVER"
        print(
            f"{mark}  {what:<34} median {1000 * statistics.median(seconds):>5.0f} ms,"
            f" slowest {1000 * slowest:>5.0f} ms   budget {1000 * OBEYED:.0f} ms"
        )
    print(f"      {len(rounds)} resets, from the press of the button")


if __name__ == "__main__":
    main()
