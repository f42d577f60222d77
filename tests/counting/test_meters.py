"""The meters' functions in PostgreSQL: exact under any search path, locked in one order by all."""

import datetime as dt
import threading
from contextlib import closing

from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import TestCase, TransactionTestCase

from otp import codes, outbox
from otp.codes import checking
from otp.counting import limits
from otp.models import Meter, Purpose
from tests.support.waiting import wait_for, waiting_for_locks

LIMIT = limits.Limit("test", 2, dt.timedelta(minutes=10))
PHONE = "+84912466981"
HOUR, DAY = "ceiling:codes:hour", "ceiling:codes:day"


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


class LockTests(TransactionTestCase):
    def setUp(self):
        # The meters are there already: a row that is not there cannot be held.
        self.queue("first@example.vn", PHONE)

    def queue(self, address, to):
        with transaction.atomic():
            issued = codes.issue(address, Purpose.RECOVERY, nonce="n")
            outbox.queue_code(issued, to=to, text="{code}")
        return issued

    def waits(self, act, held):
        """Say whether `act` waits for a meter that somebody else holds."""
        waited = []

        def run():
            with closing(connection):
                execute("SET lock_timeout = '200ms'")
                try:
                    act()
                except OperationalError as error:
                    waited.append("lock timeout" in str(error))

        with transaction.atomic():
            Meter.objects.select_for_update().get(pk=held)
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        return any(waited)

    def test_a_decoy_takes_the_ceilings_locks_like_a_code(self):
        for held in (DAY, HOUR):
            for name, to in (("an", PHONE), ("khong.co", "")):
                with self.subTest(name, held=held):
                    self.assertTrue(
                        self.waits(lambda n=name, to=to: self.queue(f"{n}@example.vn", to), held)
                    )

    def test_a_guess_at_a_decoy_takes_the_ceilings_locks_like_one_at_a_code(self):
        issued = {to: self.queue(f"guess{to}@example.vn", to) for to in (PHONE, "")}
        for sent in issued.values():
            codes.verify(sent.id, Purpose.RECOVERY, "x", nonce="n")
        for held in ("ceiling:guesses:day", "ceiling:guesses:hour"):
            for to, sent in issued.items():
                with self.subTest(to, held=held):
                    self.assertTrue(
                        self.waits(
                            lambda pk=sent.id: codes.verify(pk, Purpose.RECOVERY, "x", nonce="n"),
                            held,
                        )
                    )

    def test_a_right_guess_and_a_wrong_one_lock_the_streak_before_the_ceilings(self):
        sent = self.queue("an@example.vn", PHONE)
        codes.verify(sent.id, Purpose.RECOVERY, "x", nonce="n")
        streak = Meter.objects.get(key__startswith="streak:").pk
        for name, guess in (
            ("wrong", lambda: codes.verify(sent.id, Purpose.RECOVERY, "x", nonce="n")),
            ("right", lambda: checking._accept(sent.id, Purpose.RECOVERY)),
        ):
            with self.subTest(name):
                self.assertEqual(self.held_while_waiting_for(streak, guess), [])

    def held_while_waiting_for(self, meter, act):
        """Give the ceilings that `act` holds while it waits for `meter`."""

        def run():
            with closing(connection):
                execute("SET lock_timeout = '20s'")
                act()

        thread = threading.Thread(target=run)
        with transaction.atomic():
            Meter.objects.select_for_update().get(pk=meter)
            thread.start()
            wait_for(waiting_for_locks, "the guess to wait for the meter")
            ceilings = Meter.objects.filter(key__startswith="ceiling:guesses:")
            free = {row.pk for row in ceilings.select_for_update(skip_locked=True)}
            held = [row.pk for row in ceilings if row.pk not in free]
        thread.join()
        return held


class MigrationTests(TransactionTestCase):
    def test_the_functions_can_be_taken_back_and_made_again(self):
        limits.charge(LIMIT, "an")
        kept = list(Meter.objects.values("key", "count", "until"))
        made = "SELECT to_regproc('otp_charge_ceilings'), to_regclass('otp_ceiling')"
        self.addCleanup(call_command, "migrate", "otp", verbosity=0)

        call_command("migrate", "otp", "0010", verbosity=0)
        gone = execute(made)
        call_command("migrate", "otp", verbosity=0)

        self.assertEqual(gone, [(None, None)])
        self.assertEqual(list(Meter.objects.values("key", "count", "until")), kept)
        self.assertTrue(limits.charge(LIMIT, "an").granted)
