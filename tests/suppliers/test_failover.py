"""Which supplier carries a message when one has trouble, and when none may have it again."""

import datetime as dt
import json
from unittest import mock

from django.db.models.functions import Now
from django.test import override_settings

from otp import outbox
from otp.models import Code, GatewayState, Message
from otp.suppliers import http
from otp.suppliers.route import route_from_settings
from tests.support.programs import gateway
from tests.support.sending import SendingTestCase, State
from tests.support.waiting import PATIENCE


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
                # To connect and for an answer, which eSMS does give.
                mock.patch.object(http, "TIMEOUTS", (0.3, PATIENCE)),
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
            with self.subTest(name):
                message = self.queue(f"a{n}@example.vn")

                with self.twilio.answers(answer):
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

    def test_an_id_that_the_database_would_refuse_is_kept_without_what_it_refuses(self):
        self.enterContext(override_settings(SMS_GATEWAY="esms"))
        message = self.queue()
        said = json.dumps({"CodeResult": "100", "SMSID": "a\0b\ud800" + "c" * 100})
        self.esms.plan = [gateway.say(200, said)]

        self.deliver(route_from_settings())

        self.assert_state(message, State.ACCEPTED)
        self.assertEqual(message.gateway_id, "ab" + "c" * 62)


class RepeatTests(SendingTestCase):
    """eSMS knows a repeat by its RequestId, so there doubt is settled by asking again."""

    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(SMS_GATEWAY="esms,twilio"))
        self.route = route_from_settings()

    def leave_in_doubt(self, answer=gateway.hold):
        message = self.queue()
        with self.esms.answers(answer):
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
            self.make_due()
            with self.subTest(answer):
                with self.esms.answers(answer):
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
