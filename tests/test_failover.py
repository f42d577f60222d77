"""Which supplier carries a message when one has trouble, and when none may have it again."""

import datetime as dt
import threading
from contextlib import closing
from unittest import mock

from django.db import connection
from django.db.models.functions import Now
from django.test import override_settings

from otp import breakers, outbox, transport
from otp.models import Code, GatewayState, Message
from otp.route import route_from_settings
from tests import gateway
from tests.sending import SendingTestCase, State


class HandOnTests(SendingTestCase):
    def test_the_first_in_order_carries_what_it_can(self):
        message = self.queue()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="twilio")
        self.assertEqual(self.given(), (1, 0))

    def test_the_order_is_the_offices(self):
        message = self.queue()

        with override_settings(SMS_GATEWAY="esms,twilio"):
            self.deliver(route_from_settings())

        self.assert_state(message, State.ACCEPTED, by="esms")

    def test_what_certainly_did_not_leave_is_handed_on_at_once(self):
        cases = {
            "busy": gateway.too_many("30"),
            "busy for nobody knows how long": gateway.too_many(""),
            "wrong key": gateway.refuse(20003, 401),
            "no sender": gateway.refuse(21606),
            "shut": gateway.say(403, "<html>no</html>"),
        }
        for n, (name, answer) in enumerate(cases.items()):
            with self.subTest(name):
                message = self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
                self.twilio.plan = [answer]

                self.deliver()

                self.assert_state(message, State.ACCEPTED, "", by="esms")
                self.assertEqual(message.tries, 1)
                self.assertEqual(self.twilio.texts[-1]["text"], self.esms.texts[-1]["text"])
        self.assertEqual(self.given(), (len(cases), len(cases)))

    def test_a_supplier_that_cannot_be_reached_is_gone_round(self):
        ears = gateway.DeafEars(full=True)
        self.addCleanup(ears.close)
        for name, address in (("closed", gateway.closed_port()), ("full", ears.address)):
            with (
                self.subTest(name),
                override_settings(TWILIO_API_BASE=address),
                mock.patch.object(transport, "TIMEOUTS", (0.3, 0.3)),
            ):
                message = self.queue(f"{name}@example.vn")

                self.deliver(route_from_settings())

                self.assert_state(message, State.ACCEPTED, by="esms")
        self.assertEqual(self.given(), (0, 2))

    def test_what_may_have_left_goes_to_nobody_else(self):
        cases = {
            "500": gateway.fail(500),
            "503": gateway.fail(503),
            "no id": gateway.say(201, "{}"),
            "slow": gateway.hold,
            "gone": gateway.drop,
        }
        for n, (name, answer) in enumerate(cases.items()):
            GatewayState.objects.all().delete()
            with self.subTest(name), mock.patch.object(transport, "TIMEOUTS", (0.3, 0.3)):
                message = self.queue(f"a{n}@example.vn")
                self.twilio.plan = [answer]

                self.deliver()

                self.assert_state(message, State.UNKNOWN, by="twilio")
                self.make_due()
                self.assertFalse(self.deliver())
                self.assertFalse(message.code.voided)
        self.assertEqual(self.given(), (len(cases), 0))

    def test_a_refused_number_is_refused_by_all(self):
        message = self.queue()
        self.twilio.plan = [gateway.refuse(21614)]

        self.deliver()

        self.assert_state(message, State.REJECTED, "21614", by="twilio")
        self.assertTrue(Code.objects.get().voided)
        self.assertEqual(self.given(), (1, 0))

    def test_where_nobody_can_it_waits_for_the_shortest_time_that_was_asked_for(self):
        for waits, seconds in ((("20", "7"), 7), (("20", ""), 1)):
            with self.subTest(waits):
                message = self.queue(f"a{seconds}@example.vn")
                self.twilio.plan = [gateway.too_many(waits[0])]
                self.esms.plan = [gateway.too_many(waits[1])]

                self.deliver()

                self.assert_state(message, State.QUEUED, "http-429", by="")
                wait = message.due_at - message.changed_at
                self.assertEqual(wait, dt.timedelta(seconds=seconds))

    def test_a_second_try_begins_with_the_first_supplier_again(self):
        message = self.queue()
        self.twilio.plan, self.esms.plan = [gateway.too_many("0")], [gateway.refuse(103)]
        self.deliver()
        self.make_due()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="twilio")


class RepeatTests(SendingTestCase):
    """eSMS knows a repeat by its RequestId, so there doubt is settled by asking again."""

    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(SMS_GATEWAY="esms,twilio"))
        self.route = route_from_settings()
        self.enterContext(mock.patch.object(transport, "TIMEOUTS", (0.5, 0.5)))

    def leave_in_doubt(self, answer=gateway.hold):
        message = self.queue()
        self.esms.plan = [answer]
        self.deliver()
        self.assert_state(message, State.QUEUED, by="esms")
        return message

    def test_doubt_is_settled_by_the_same_request(self):
        message = self.leave_in_doubt()
        self.make_due()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="esms")
        first, second = self.esms.texts
        self.assertEqual(first["request"], second["request"])
        self.assertEqual(first["text"], second["text"])
        self.assertEqual(self.given(), (0, 2))

    def test_a_message_that_had_arrived_is_known_again(self):
        def take_and_drop(handler):
            handler.supplier.knows(handler.fields["RequestId"])
            gateway.drop(handler)

        message = self.leave_in_doubt(take_and_drop)
        self.make_due()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="esms")

    def test_it_is_never_handed_to_another(self):
        for answer in (gateway.too_many("0"), gateway.refuse(103), gateway.fail(500), gateway.hold):
            message = self.leave_in_doubt(gateway.drop)
            self.esms.plan = [answer]
            self.make_due()
            with self.subTest(answer):
                self.deliver()

                self.assert_state(message, State.QUEUED, by="esms")
            message.delete()
            Code.objects.all().delete()
            GatewayState.objects.all().delete()
        self.assertEqual(self.twilio.texts, [])

    def test_while_its_supplier_is_paused_it_waits(self):
        message = self.leave_in_doubt(gateway.drop)
        GatewayState.objects.update(paused_until=Now() + dt.timedelta(minutes=1))
        self.make_due()

        self.deliver(route_from_settings())

        self.assert_state(message, State.QUEUED, "paused", by="esms")
        self.assertEqual(self.given(), (0, 1))

    def test_past_its_life_it_stays_in_doubt(self):
        message = self.leave_in_doubt()
        Message.objects.update(good_until=Now())

        outbox.sweep()

        self.assert_state(message, State.UNKNOWN, by="esms")
        self.assertFalse(message.code.voided)

    def test_past_its_life_in_the_senders_hands_it_stays_in_doubt(self):
        message = self.leave_in_doubt()
        self.make_due()
        claimed = outbox.claim()

        with override_settings(OTP_PEPPERS=["q" * 40]):
            outbox.deliver(claimed, self.route)

        self.assert_state(message, State.UNKNOWN)

    def test_a_repeat_that_is_refused_says_nothing_of_the_first_time(self):
        message = self.leave_in_doubt()
        self.esms.plan = [gateway.refuse(99)]
        self.make_due()

        self.deliver()

        self.assert_state(message, State.UNKNOWN, "99")
        self.assertFalse(message.code.voided)


class BreakerTests(SendingTestCase):
    def break_twilio(self):
        self.twilio.plan = [gateway.fail(500)] * breakers.FAILURES
        for message in self.queue_many(breakers.FAILURES):
            self.deliver()
            self.assert_state(message, State.UNKNOWN)

    def state(self):
        return GatewayState.objects.get(pk="twilio")

    def pause(self):
        """Give the seconds for which Twilio is now left alone."""
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
            mock.patch.object(transport, "TIMEOUTS", (0.3, 0.3)),
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
            self.break_twilio()

            message = self.send_one()

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
        self.twilio.plan = [gateway.hold]
        messages = [self.queue(f"t{n}@example.vn", to=f"+8498{n:07}") for n in range(6)]
        claimed = [outbox.claim() for _ in messages]
        together = threading.Barrier(len(claimed))

        def carry(message, route):
            with closing(connection):
                together.wait()
                outbox.deliver(message, route)

        routes = [self.route, route_from_settings()]
        threads = [
            threading.Thread(target=carry, args=[message, routes[n % 2]])
            for n, message in enumerate(claimed)
        ]
        with mock.patch.object(transport, "TIMEOUTS", (1, 1)):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        self.assertEqual(self.given(), (breakers.FAILURES + 1, len(messages) - 1))
        states = sorted(
            Message.objects.filter(pk__in=[each.id for each in claimed]).values_list(
                "state", flat=True
            )
        )
        self.assertEqual(states, ["accepted"] * 5 + ["unknown"])

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
