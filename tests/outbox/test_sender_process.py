"""The sender as the operator runs it: a process that is woken, stopped, killed and cut off."""

import functools
import os
import signal
import threading
from contextlib import closing
from unittest import mock

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Now
from django.test import TransactionTestCase

from otp import codes, outbox
from otp.models import Message, Purpose
from otp.outbox import sender as loop
from otp.outbox.sender import LANES, NOTICE_LANES
from otp.suppliers.route import route_from_settings
from tests.support import cast
from tests.support.programs import gateway
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import PATIENCE, wait_for, wait_for_end

ROOT = settings.BASE_DIR
PHONE = "+84912466981"
State = Message.State

# manage.py, whose suppliers may take their time: they answer when a test says so.
PATIENTLY = f"""
import runpy, sys
from otp.suppliers import http
http.TIMEOUTS = ({PATIENCE}, {PATIENCE})
sys.argv[0] = "manage.py"
runpy.run_path("manage.py", run_name="__main__")
"""

# At the commit of a change to the state, wait for a lock that the test holds.
HOLD_COMMITS = """
CREATE FUNCTION hold_commits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER hold_commits AFTER UPDATE ON otp_message
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = %(state)s) EXECUTE FUNCTION hold_commits()
"""


class SenderTests(TransactionTestCase):
    def setUp(self):
        self.supplier = gateway.supply(self)
        self.processes = []

    def start(self, *arguments, address=""):
        log = self.enterContext(closing(Output()))
        process = Program(
            *("-c", PATIENTLY, "deliver_messages"),
            *arguments,
            env=os.environ
            | self.supplier.environment(address)
            | {
                "DATABASE_URL": database_url(),
                "OTP_PEPPER": ",".join(settings.OTP_PEPPERS),
                "LOG_LEVEL": "DEBUG",
            },
            stderr=log,
        )
        process.log = log
        self.addCleanup(self.end, process)
        return process

    def start_and_wait(self, count=1, **options):
        processes = [self.start(**options) for _ in range(count)]
        for process in processes:
            self.wait_for_words("sender: started", process)
        wait_for(outbox.sender_is_alive, "the sender's first sign of life")
        return processes if count > 1 else processes[0]

    def end(self, process):
        self.supplier.released.set()
        process.kill()
        process.wait()

    def assert_ends_well(self, process):
        log = functools.partial(self.log_of, process)
        self.assertEqual(wait_for_end(process, "the sender", log=log), 0, log())

    def log_of(self, process):
        return process.log.text()

    def wait_for_words(self, words, process):
        log = functools.partial(self.log_of, process)
        wait_for(lambda: words in log(), f"{words!r} in the sender's log", log=log)

    def wait_for_state(self, message, state):
        wait_for(lambda: self.state_of(message) == state, f"the message to be {state}")

    def wait_for_states(self, **counts):
        counts = {State[name.upper()]: count for name, count in counts.items()}
        wait_for(lambda: self.states() == counts, f"the messages to be {counts}", log=self.told)

    def told(self):
        return f"{self.states()}, {len(self.supplier.texts)} given to the supplier"

    def wait_until_given(self, count=1):
        wait_for(
            lambda: len(self.supplier.texts) >= count,
            f"{count} messages at the supplier",
            log=self.told,
        )

    def queue(self, address="an@example.vn", to=PHONE):
        with transaction.atomic():
            text = "Ma xac thuc: {code}"
            issued = outbox.send_code(address, Purpose.RECOVERY, to=to, text=text, nonce="n")
        return Message.objects.get(code_id=issued.id)

    def queue_many(self, count):
        for n in range(count):
            self.queue(f"a{n}@example.vn", to=f"+8491{n:07}")

    def state_of(self, message):
        message.refresh_from_db()
        return message.state

    def states(self):
        counts = Message.objects.values_list("state").annotate(Count("pk"))
        return {State(state): count for state, count in counts}

    def is_over(self):
        return not ({State.QUEUED, State.SENDING} & self.states().keys())

    def ask(self, condition):
        """Count the database connections of senders for which it holds."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                f" AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND {condition}"
            )
            return cursor.fetchone()[0]

    def other_hands(self, name=None):
        """Connect beside Django, as the database's keeper."""
        at = connection.settings_dict
        return psycopg.connect(
            dbname=name or at["NAME"],
            user=at["USER"],
            password=at["PASSWORD"] or None,
            host=at["HOST"] or "localhost",
            port=at["PORT"] or None,
            autocommit=True,
        )


class WorkTests(SenderTests):
    def test_a_message_leaves_as_soon_as_it_is_committed(self):
        """Every second a sender looks by itself; this one would not before the end of the test."""
        self.enterContext(mock.patch.object(loop, "TICK", 2 * PATIENCE))
        self.work_here()
        for n in range(11):
            # A lane that has just sent looks once more, which is not the look that is meant.
            wait_for(self.is_quiet, "the lanes to have nothing to do")

            self.queue(f"a{n}@example.vn", to=f"+8491{n:07}")

            self.wait_until_given(n + 1)

    def work_here(self):
        """Let a sender work in a thread of this process."""
        sender = loop.Sender(route_from_settings())
        thread = threading.Thread(target=sender.run)
        thread.start()

        def end():
            sender.stop()
            with connection.cursor() as cursor:
                cursor.execute("NOTIFY otp_message")
            thread.join()

        self.addCleanup(end)
        wait_for(outbox.sender_is_alive, "the sender's first sign of life")

    def is_quiet(self):
        return not self.ask("state_change > clock_timestamp() - interval '50 ms'")

    def test_what_waits_at_the_start_is_sent(self):
        message = self.queue()

        self.start()

        self.wait_for_state(message, State.ACCEPTED)

    def test_a_second_try_needs_no_wake(self):
        self.start_and_wait()
        self.supplier.plan = [gateway.too_many("0")]

        message = self.queue()

        self.wait_for_state(message, State.ACCEPTED)
        self.assertEqual(len(self.supplier.texts), 2)

    def test_two_senders_side_by_side_send_each_message_once(self):
        self.start_and_wait(2)

        self.queue_many(200)

        self.wait_for_states(accepted=200)
        numbers = [given["to"] for given in self.supplier.texts]
        self.assertEqual(len(numbers), 200)
        self.assertEqual(len(set(numbers)), 200)

    def test_slow_notices_do_not_hold_up_a_code(self):
        self.supplier.plan = [gateway.hold] * 30
        for _ in range(30):
            outbox.queue_sms("an@example.vn", to=PHONE, text="Notice")
        self.start_and_wait()
        self.wait_until_given(NOTICE_LANES)
        self.supplier.plan.clear()

        code = self.queue()

        self.wait_for_state(code, State.ACCEPTED)
        self.assertEqual(self.states()[State.SENDING], NOTICE_LANES)

    def test_the_log_at_debug_shows_no_number_and_no_code(self):
        self.supplier.plan = [gateway.accept, gateway.refuse(21614), gateway.fail(500)]
        process = self.start_and_wait()
        messages = [self.queue(f"a{n}@example.vn") for n in range(4)]
        wait_for(self.is_over, "the end of all messages", log=self.told)

        log = self.log_of(process)

        self.assertRegex(log, r"message \d+ by twilio: accepted\b")
        self.assertNotIn(PHONE[3:], log)
        self.assertNotIn(gateway.TOKEN, log)
        for message in messages:
            digits = codes.digits(message.code.pk, message.code.pepper_id)
            self.assertNotRegex(cast.without_fractions(log), cast.code_as_typed(digits))


class StopTests(SenderTests):
    def test_a_sender_told_to_stop_finishes_what_it_sends_and_begins_nothing(self):
        self.stop_while_sending(signal.SIGTERM)

    def test_a_sender_interrupted_finishes_what_it_sends_and_begins_nothing(self):
        self.stop_while_sending(signal.SIGINT)

    def stop_while_sending(self, number):
        self.supplier.plan = [gateway.hold]
        process = self.start_and_wait()
        sending = self.queue()
        self.wait_until_given()

        process.send_signal(number)
        self.wait_for_words("sender: stopping", process)
        waiting = self.queue("binh@example.vn")
        self.supplier.released.set()

        self.assert_ends_well(process)
        self.assertEqual(self.state_of(sending), State.ACCEPTED)
        self.assertEqual(self.state_of(waiting), State.QUEUED)
        self.assertEqual(len(self.supplier.texts), 1)
        self.assertIn("sender: stopped", self.log_of(process))

    def test_a_busy_sender_told_to_stop_leaves_the_rest_waiting(self):
        self.supplier.plan = [gateway.hold] * 40
        process = self.start_and_wait()
        self.queue_many(40)
        self.wait_until_given(LANES)

        process.terminate()
        self.wait_for_words("sender: stopping", process)
        self.supplier.released.set()

        self.assert_ends_well(process)
        self.assertEqual(self.states(), {State.ACCEPTED: LANES, State.QUEUED: 40 - LANES})
        self.assertEqual(len(self.supplier.texts), LANES)

    def test_an_idle_sender_stops_at_once(self):
        process = self.start_and_wait()

        process.terminate()

        self.assert_ends_well(process)


class KillTests(SenderTests):
    """The process is killed at each point of a message's way; another then takes over."""

    def hold_commits(self, state):
        """Let no change of a message to `state` be committed before its process is killed."""
        hands = self.enterContext(closing(self.other_hands()))
        hands.execute("SELECT pg_advisory_lock(42)")
        with connection.cursor() as cursor:
            cursor.execute(HOLD_COMMITS, {"state": state})
        self.addCleanup(self.let_go)

    def let_go(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION IF EXISTS hold_commits CASCADE")

    def is_held(self):
        return self.ask("wait_event = 'advisory'")

    def kill(self, process):
        """Kill it, and what it left half done in the database."""
        process.kill()
        process.wait()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event = 'advisory'"
            )
        # The server may need a moment to see that nobody is there any more.
        wait_for(
            lambda: not self.ask("query NOT LIKE '%%advisory_lock%%'"),
            "the end of the killed sender's connections",
        )
        self.let_go()

    def take_over(self):
        """Let the time pass after which a silent sender is given up, and run another."""
        Message.objects.filter(state=State.SENDING).update(changed_at=Now() - 2 * outbox.ABANDONED)
        Message.objects.update(due_at=Now())
        process = self.start("--once")
        self.assert_ends_well(process)

    def test_killed_before_the_claim_is_committed(self):
        message = self.queue()
        self.hold_commits(State.SENDING)
        process = self.start()
        wait_for(self.is_held, "a sender that waits to commit")
        self.kill(process)
        self.assertEqual(self.state_of(message), State.QUEUED)
        self.assertEqual(self.supplier.texts, [])

        self.take_over()

        self.assertEqual(self.state_of(message), State.ACCEPTED)
        self.assertEqual(len(self.supplier.texts), 1)

    def test_killed_before_the_request_left(self):
        message = self.queue()
        ears = gateway.DeafEars(full=True)
        self.addCleanup(ears.close)
        process = self.start(address=ears.address)
        self.wait_for_state(message, State.SENDING)
        self.kill(process)

        self.take_over()

        self.assertEqual(self.state_of(message), State.UNKNOWN)
        self.assertEqual(self.supplier.texts, [])

    def test_killed_while_the_supplier_thinks(self):
        message = self.queue()
        self.supplier.plan = [gateway.hold]
        process = self.start()
        self.wait_until_given()
        self.kill(process)

        self.take_over()

        self.assertEqual(self.state_of(message), State.UNKNOWN)
        self.assertEqual(len(self.supplier.texts), 1)

    def test_killed_between_the_suppliers_yes_and_its_entry(self):
        message = self.queue()
        self.hold_commits(State.ACCEPTED)
        process = self.start()
        wait_for(self.is_held, "a sender that waits to commit")
        self.kill(process)
        self.assertEqual(self.state_of(message), State.SENDING)
        self.assertEqual(len(self.supplier.texts), 1)

        self.take_over()

        self.assertEqual(self.state_of(message), State.UNKNOWN)
        self.assertEqual(len(self.supplier.texts), 1)

    def test_killed_again_and_again_nothing_goes_twice_and_nothing_waiting_is_lost(self):
        def slowly(handler):
            threading.Event().wait(0.02)
            gateway.accept(handler)

        self.queue_many(150)
        self.supplier.plan = [slowly] * 150
        for round_ in range(1, 5):
            process = self.start()
            self.wait_until_given(25 * round_)
            self.kill(process)

        self.take_over()

        numbers = [given["to"] for given in self.supplier.texts]
        self.assertEqual(len(numbers), len(set(numbers)))
        states = self.states()
        self.assertEqual(states[State.ACCEPTED] + states.get(State.UNKNOWN, 0), 150)
        self.assertLessEqual(states.get(State.UNKNOWN, 0), 4 * LANES)
        self.assertGreaterEqual(len(numbers), states[State.ACCEPTED])


class CutOffTests(SenderTests):
    def cut(self, hands):
        hands.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        )

    def test_a_sender_outlives_a_database_that_goes_away(self):
        process = self.start_and_wait()
        name = connection.settings_dict["NAME"]
        connection.close()
        with closing(self.other_hands("postgres")) as hands:
            hands.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                self.cut(hands)
                self.wait_for_words("does not answer", process)
            finally:
                hands.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        message = self.queue()

        self.wait_for_state(message, State.ACCEPTED)
        self.wait_for_words("answers again", process)
        self.assertEqual(self.log_of(process).count("does not answer"), 1)
        self.assertIsNone(process.poll())

    def test_a_message_on_its_way_when_the_database_is_cut_off_is_entered_later(self):
        self.supplier.plan = [gateway.hold]
        self.start_and_wait()
        message = self.queue()
        self.wait_until_given()
        connection.close()
        with closing(self.other_hands("postgres")) as hands:
            self.cut(hands)
        self.supplier.released.set()

        self.wait_for_state(message, State.ACCEPTED)
        self.assertEqual(len(self.supplier.texts), 1)
