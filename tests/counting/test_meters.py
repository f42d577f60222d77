"""The meters' functions in PostgreSQL: exact under any search path, held by nobody for others."""

import datetime as dt
import threading
from contextlib import closing

from django.db import OperationalError, connection, transaction
from django.test import TestCase, TransactionTestCase

from otp import codes, outbox
from otp.codes import checking
from otp.counting import limits
from otp.counting.tightening import Asker
from otp.models import Meter, Purpose
from tests.support.clock import let_pass

LIMIT = limits.Limit("test", 2, dt.timedelta(minutes=10))
PHONE, OTHER = "+84912466981", "+84912466982"
SOMEBODY = Asker("somebody", "network")
GUESS = "otp_tally('network:guesses:somebody', 1, now())"


def execute(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


class ChargeTests(TestCase):
    def test_what_is_refused_costs_nothing_and_says_until_when(self):
        granted = [limits.charge(LIMIT, "an") for _ in range(2)]

        refused = limits.charge(LIMIT, "an")

        self.assertEqual([charge.granted for charge in granted], [True, True])
        self.assertFalse(refused.granted)
        self.assertEqual(granted[0].until, refused.until)
        self.assertEqual(Meter.objects.get().count, 2)

    def test_what_a_session_calls_a_meter_is_not_what_is_charged(self):
        execute("CREATE TEMP TABLE otp_meter (LIKE public.otp_meter INCLUDING ALL) ON COMMIT DROP")

        limits.charge(LIMIT, "an")

        self.assertEqual(execute("SELECT count FROM public.otp_meter"), [(1,)])


class TallyTests(TransactionTestCase):
    """Nobody waits for what somebody else counts, however long their transaction is open."""

    def queue(self, address, to):
        with transaction.atomic():
            return outbox.send_code(
                address, Purpose.RECOVERY, to=to, text="{code}", nonce="n", asker=SOMEBODY
            )

    def meanwhile(self, act):
        """Act on another connection, which would rather fail than wait for a lock."""
        failed = []

        def run():
            with closing(connection):
                execute("SET lock_timeout = '200ms'")
                try:
                    act()
                except OperationalError as error:
                    failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual(failed, [])

    def test_an_ask_that_is_held_open_holds_no_other(self):
        for first, second in ((PHONE, OTHER), (PHONE, ""), ("", OTHER)):
            with self.subTest(first=first, second=second), transaction.atomic():
                self.queue(f"first{first}{second}@example.vn", first)
                self.meanwhile(lambda s=second, f=first: self.queue(f"{f}{s}@example.vn", s))

    def test_a_guess_that_is_held_open_holds_no_other(self):
        sent = [self.queue(f"{to}@example.vn", to) for to in (PHONE, OTHER, "")]
        others = [lambda pk=each.id: self.verify(pk) for each in sent]
        others.append(lambda: checking._accept(sent[1].id, Purpose.RECOVERY, SOMEBODY))
        with transaction.atomic():
            execute(f"SELECT otp_tally('ceiling:guesses', 1, now()), {GUESS}")

            for other in others:
                self.meanwhile(other)

    def verify(self, pk):
        return codes.verify(pk, Purpose.RECOVERY, "x", nonce="n", asker=SOMEBODY)

    def test_a_code_and_a_decoy_write_the_same_rows(self):
        written = []
        for name, to in (("an", PHONE), ("khong.co", "")):
            Meter.objects.all().delete()
            sent = self.queue(f"{name}@example.vn", to)
            self.verify(sent.id)
            written.append(sorted(key.split(":")[0] for key in self.keys()))

        self.assertEqual(written[0], written[1])
        self.assertIn("ceiling", written[0])

    def keys(self):
        return Meter.objects.values_list("key", flat=True)

    def test_spans_leave_the_hour_and_the_day_one_by_one(self):
        for minutes in (0, 30, 29):
            let_pass(self, minutes=minutes)
            execute("SELECT otp_tally('ceiling:codes', 1, statement_timestamp())")
        for minutes, hour, day in ((0, 3, 3), (12, 2, 3), (30, 1, 3), (22 * 60 + 30, 0, 2)):
            let_pass(self, minutes=minutes)
            with self.subTest(minutes):
                found = execute(
                    "SELECT hour, day FROM otp_tallied('ceiling:codes', statement_timestamp())"
                )

                self.assertEqual(found, [(hour, day)])
