"""When a supplier is paused, and how it is tried again."""

import datetime as dt
from unittest import mock

from django.db import connection
from django.db.models.functions import Now
from django.test import SimpleTestCase, override_settings

from otp import outbox
from otp.models import GatewayState, Message
from otp.suppliers import breakers, http
from otp.suppliers.route import route_from_settings
from tests.support.crowd import at_once
from tests.support.programs import gateway
from tests.support.sending import SendingTestCase, State
from tests.support.waiting import wait_for


class BreakerTests(SendingTestCase):
    def break_twilio(self):
        self.twilio.plan = [gateway.fail(500)] * breakers.FAILURES
        for message in self.queue_many(breakers.FAILURES):
            self.deliver()
            self.assert_state(message, State.UNKNOWN)

    def state(self):
        return GatewayState.objects.get(pk="twilio")

    def pause(self):
        """Give the seconds for which Twilio is now paused."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM paused_until - statement_timestamp())"
                " FROM otp_gatewaystate WHERE name = 'twilio'"
            )
            return float(cursor.fetchone()[0] or 0)

    def let_the_pause_end(self):
        GatewayState.objects.filter(pk="twilio").update(paused_until=Now())
        # A process looks at most once a second.
        self.route = route_from_settings()

    def send_one(self, name="next"):
        message = self.queue(f"{name}@example.vn", to="+84987466981")
        self.deliver()
        message.refresh_from_db()
        return message

    def test_four_failures_in_a_row_pause_nothing(self):
        self.twilio.plan = [gateway.fail(500)] * (breakers.FAILURES - 1)
        for _ in self.queue_many(breakers.FAILURES - 1):
            self.deliver()

        self.assertEqual(self.send_one().gateway, "twilio")
        self.assertEqual(self.state().failures, 0)

    def test_a_success_or_a_refusal_between_begins_the_count_anew(self):
        for n, answer in enumerate((gateway.accept, gateway.refuse(21614))):
            GatewayState.objects.all().delete()
            half = [gateway.fail(500)] * (breakers.FAILURES - 1)
            self.twilio.plan = [*half, answer, *half]
            for each in range(len(self.twilio.plan)):
                self.queue(f"b{n}{each}@example.vn", to=f"+8491{n}{each:06}")
                self.deliver()
            with self.subTest(answer):
                self.assertIsNone(self.state().paused_until)
                self.assertEqual(self.esms.texts, [])

    def test_after_five_failures_the_next_message_goes_the_other_way_at_once(self):
        self.break_twilio()

        message = self.send_one()

        self.assertEqual((message.state, message.gateway), (State.ACCEPTED, "esms"))
        self.assertEqual(self.given(), (breakers.FAILURES, 1))
        self.assertAlmostEqual(self.pause(), breakers.SHORTEST_PAUSE, delta=10)

    def test_time_outs_and_refused_connections_count_too(self):
        with (
            override_settings(TWILIO_API_BASE=gateway.closed_port()),
            mock.patch.object(http, "TIMEOUTS", (0.3, 0.3)),
        ):
            self.route = route_from_settings()
            for _ in self.queue_many(breakers.FAILURES):
                self.deliver()

        self.assertGreater(self.pause(), 0)
        self.assertEqual(self.state().last_reason, "connect")

    def test_a_busy_supplier_is_not_a_broken_one(self):
        self.twilio.plan = [gateway.too_many("1")] * (breakers.FAILURES + 1)

        for _ in self.queue_many(breakers.FAILURES + 1):
            self.deliver()

        self.assertFalse(GatewayState.objects.filter(pk="twilio").exists())

    def test_another_process_finds_it_paused_too(self):
        self.break_twilio()

        self.deliver(another := route_from_settings())
        self.queue("next@example.vn", to="+84987466981")
        self.deliver(another)

        self.assertEqual(self.given(), (breakers.FAILURES, 1))

    def test_with_no_other_way_it_waits_and_costs_no_call(self):
        with override_settings(SMS_GATEWAY="twilio"):
            self.route = route_from_settings()
            # Before there is no way: without one, no code is issued.
            message = self.queue("next@example.vn", to="+84987466981")
            Message.objects.update(due_at=Now() + dt.timedelta(minutes=1))
            self.break_twilio()

            self.make_due()
            self.deliver()

        self.assert_state(message, State.QUEUED, "paused")
        self.assertEqual(len(self.twilio.texts), breakers.FAILURES)

    def test_after_the_pause_a_success_ends_it(self):
        self.break_twilio()
        self.let_the_pause_end()

        message = self.send_one()

        self.assertEqual((message.state, message.gateway), (State.ACCEPTED, "twilio"))
        state = self.state()
        self.assertEqual((state.failures, state.paused_until), (0, None))
        self.assertIsNotNone(state.last_success_at)
        self.assertEqual(self.send_one("again").gateway, "twilio")

    def test_after_the_pause_one_message_tries_and_the_others_go_round(self):
        self.break_twilio()
        self.let_the_pause_end()
        self.twilio.plan = [self.drop_when_the_others_are_gone]
        messages = [self.queue(f"t{n}@example.vn", to=f"+8498{n:07}") for n in range(6)]
        claimed = [outbox.claim() for _ in messages]
        routes = [self.route, route_from_settings()]

        at_once(lambda n: outbox.deliver(claimed[n], routes[n % 2]), len(claimed))

        self.assertEqual(self.given(), (breakers.FAILURES + 1, len(messages) - 1))
        states = sorted(
            Message.objects.filter(pk__in=[each.id for each in claimed]).values_list(
                "state", flat=True
            )
        )
        self.assertEqual(states, ["accepted"] * 5 + ["unknown"])

    def drop_when_the_others_are_gone(self, handler):
        wait_for(lambda: len(self.esms.texts) == 5, "the others to go round")
        gateway.drop(handler)

    def test_each_trial_that_fails_doubles_the_pause_up_to_ten_minutes(self):
        self.break_twilio()
        for n, seconds in enumerate((60, 120, 240, 480, 600, 600)):
            self.let_the_pause_end()
            self.twilio.plan = [gateway.fail(500)]
            self.queue(f"t{n}@example.vn", to=f"+8498{n:07}")
            self.deliver()
            with self.subTest(n):
                self.assertAlmostEqual(self.pause(), seconds, delta=10)

    def test_failures_of_what_was_on_its_way_do_not_lengthen_the_pause(self):
        ahead = breakers.Breakers()

        for _ in range(16):
            ahead.failed("twilio", "no-answer")

        self.assertEqual(self.state().failures, breakers.FAILURES)
        self.assertAlmostEqual(self.pause(), breakers.SHORTEST_PAUSE, delta=10)


class PatienceTests(SimpleTestCase):
    def test_a_supplier_has_three_seconds_to_be_reached_and_ten_to_answer(self):
        self.assertEqual(http.TIMEOUTS, (3, 10))


class BreakerFaultTests(SendingTestCase):
    """The table of gateways is locked away or gone; what the suppliers said still counts."""

    def lose_the_table(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE otp_gatewaystate RENAME TO lost")
        self.addCleanup(self.find_the_table)

    def find_the_table(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE lost RENAME TO otp_gatewaystate")

    def test_an_accepted_message_stays_accepted(self):
        message = self.queue()
        self.lose_the_table()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="twilio")

    def test_fail_over_goes_on(self):
        message = self.queue()
        self.lose_the_table()
        self.twilio.plan = [gateway.refuse(20003, 401)]

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="esms")

    def test_doubt_stays_doubt(self):
        message = self.queue()
        self.lose_the_table()
        self.twilio.plan = [gateway.fail(500)]

        self.deliver()

        self.assert_state(message, State.UNKNOWN, by="twilio")
