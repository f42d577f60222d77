"""What an operator asks at a terminal: how sending stands, and whether a message goes out."""

import datetime as dt
import io
import threading
from contextlib import closing

from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import override_settings

from otp import outbox
from otp.models import Brakes, GatewayState, Message, Meter
from otp.suppliers.route import route_from_settings
from tests.support.programs import gateway
from tests.support.sending import PHONE, SendingTestCase, State


def said(*command):
    screen = io.StringIO()
    call_command(*command, stdout=screen)
    return screen.getvalue()


class StatusTests(SendingTestCase):
    def assert_line(self, name, value):
        lines = [line.split(maxsplit=1) for line in said("sms_status").splitlines()]
        shown = "\n".join(" ".join(line) for line in lines)
        self.assertIn(" ".join(f"{name} {value}".split()), " ".join(shown.split()), shown)

    def test_a_new_portal_has_nothing_to_tell(self):
        self.assert_line("sender", "NOT RUNNING")
        self.assert_line("queued", "0, oldest due for 0 s")
        self.assert_line("ceiling:codes:day", "0 of 1000")
        self.assert_line("sending stopped by IT", "no")

    def test_the_sender_and_the_queue(self):
        outbox.tend([])
        self.queue()
        Message.objects.update(due_at=Now() - dt.timedelta(days=2, seconds=5))

        self.assert_line("sender", "alive")
        self.assert_line("queued", "1, oldest due for 17280")

    def test_todays_messages_by_gateway_and_state(self):
        self.twilio.plan = [gateway.accept, gateway.refuse(20003, 401), gateway.fail(500)]
        self.queue_many(3)
        while self.deliver():
            pass
        old = self.queue("old@example.vn")
        Message.objects.filter(pk=old.pk).update(created_at=Now() - dt.timedelta(days=2))

        self.assert_line("today sms twilio", "accepted: 1")
        self.assert_line("today sms twilio", "unknown: 1")
        self.assert_line("today sms esms", "accepted: 1")
        self.assertNotIn("queued: 1", said("sms_status"))

    def test_how_each_gateway_fares(self):
        GatewayState.objects.create(name="esms", last_success_at=Now())
        GatewayState.objects.create(
            name="twilio", failures=6, last_reason="http-500", paused_until=Now() + dt.timedelta(1)
        )
        self.queue()
        outbox.deliver_one(self.route)

        shown = said("sms_status")

        self.assertRegex(
            shown, r"gateway esms +last success \d\d:\d\d:\d\d \d\d/\d\d, errors .* 0/1 \(0 %\)"
        )
        self.assertRegex(
            shown, r"gateway twilio .*6 failures in a row \(http-500\), PAUSED until \d\d:"
        )

    def test_ceilings_and_switches(self):
        Brakes.objects.update(codes_an_hour=10, sending_stopped=True, proof_of_work=True)
        Meter.objects.create(key="ceiling:codes:now", count=8, until=Now() + dt.timedelta(days=1))

        self.assert_line("ceiling:codes:hour", "8 of 10 NEAR")
        self.assert_line("sending stopped by IT", "YES")
        self.assert_line("proof of work asked", "YES")

    def test_no_number_is_shown(self):
        self.queue()

        self.assertNotIn(PHONE[3:], said("sms_status"))


class SendTestTests(SendingTestCase):
    def with_a_sender(self):
        """Let a sender work while the command waits."""
        outbox.tend([])
        over = threading.Event()

        def work():
            with closing(connection):
                while not over.wait(0.05):
                    self.deliver()

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(over.set)

    def test_a_message_goes_the_way_of_the_codes(self):
        self.with_a_sender()

        shown = said("sms_send_test", "0912 466 981")

        (given,) = self.twilio.texts
        self.assertEqual(given["to"], PHONE)
        self.assertIn("ThuCongVu", given["text"])
        self.assertNotRegex(given["text"], "[{}]")
        message = Message.objects.get()
        self.assertEqual(shown, f"message {message.pk} by twilio: accepted\n")
        self.assertIsNone(message.code)

    def test_a_refusal_is_told_with_the_suppliers_number_for_it(self):
        self.twilio.plan = [gateway.refuse(21614)]
        self.with_a_sender()

        screen = io.StringIO()
        with self.assertRaisesMessage(CommandError, "did not go out"):
            call_command("sms_send_test", "0912466981", stdout=screen)

        self.assertIn("by twilio: rejected 21614", screen.getvalue())

    def test_without_a_sender_it_says_so_and_queues_nothing(self):
        with self.assertRaisesMessage(CommandError, "No sender is running"):
            call_command("sms_send_test", "0912466981")

        self.assertFalse(Message.objects.exists())

    def test_only_a_vietnamese_mobile_gets_one(self):
        outbox.tend([])
        for number in ("+85512345678", "02193866999", "19001234", "121", "x", ""):
            with self.subTest(number), self.assertRaises(CommandError) as caught:
                call_command("sms_send_test", number)

            self.assertNotIn("12345678", str(caught.exception))
        self.assertFalse(Message.objects.exists())

    def test_it_counts_under_no_ceiling_and_stops_at_no_brake(self):
        Brakes.objects.update(sending_stopped=True, codes_an_hour=0)
        self.with_a_sender()

        said("sms_send_test", "0912466981")

        self.assertEqual(Message.objects.get().state, State.ACCEPTED)
        self.assertFalse(Meter.objects.filter(key__startswith="ceiling").exists())

    @override_settings(SMS_GATEWAY="esms")
    def test_it_goes_by_the_gateway_that_is_set(self):
        self.route = route_from_settings()
        self.with_a_sender()

        self.assertIn("by esms: accepted", said("sms_send_test", "0912466981"))
