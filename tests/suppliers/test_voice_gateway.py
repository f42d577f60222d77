"""A call that reads a code: what is asked for, what it came to, and who is believed."""

import datetime as dt
import re

from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown
from otp.suppliers.route import route_from_settings
from otp.suppliers.voice import VoiceGateway, spoken
from tests.suppliers import zalo
from tests.support.programs import gateway
from tests.support.sending import PHONE, SendingTestCase, State

CODE = "905217"


class CallTests(SendingTestCase):
    def setUp(self):
        super().setUp()
        self.zalo, self.calls = zalo.set_up(self, ("voice", "sms"))
        self.route = route_from_settings()
        self.log = gateway.EveryLogLine(self)

    def call(self):
        sms = Sms(PHONE, "", dt.timedelta(seconds=300), message_id=7, code=CODE)
        return VoiceGateway().send(sms)

    def test_it_is_asked_for_in_the_body_alone(self):
        call_id = self.call()

        self.assertRegex(call_id, "^CA")
        (given,) = self.calls.texts
        self.assertEqual((given["to"], given["from"]), (PHONE, zalo.CALLER))
        self.assertEqual(given["path"], f"/2010-04-01/Accounts/{gateway.SID}/Calls.json")
        self.assertEqual(given["report_to"], "http://testserver/sms/voice/trang-thai/?message=7")
        self.assertEqual(given["events"], ["answered", "completed"])
        self.assertNotIn(CODE, given["path"] + given["report_to"])

    def test_each_digit_is_a_word_said_twice_with_a_pause(self):
        said = re.findall(r'<Say language="vi-VN">([^<]+)</Say>(<Pause/>)?', spoken(CODE))

        digits = ["chín", "không", "năm", "hai", "một", "bảy"]
        words = [word for word, _ in said]
        self.assertEqual(words[1:7], digits)
        self.assertEqual(words[8:14], digits)
        self.assertTrue(all(pause for _, pause in said[:-1]))
        self.assertNotRegex(spoken(CODE), "[0-9]")

    def test_answers_mean_what_they_mean_of_messages(self):
        cases = (
            (gateway.refuse(21211), GatewayRefused),
            (gateway.say(401, "{}"), NotSent),
            (gateway.fail(500), Unknown),
        )
        for answer, kind in cases:
            with self.subTest(kind.__name__), self.assertRaises(kind):
                self.calls.plan = [answer]
                self.call()

    def test_no_log_and_no_error_shows_digits_or_number(self):
        self.calls.plan = [gateway.refuse(21211)]
        with self.assertRaises(GatewayRefused):
            self.call()

        for secret in (CODE, PHONE, "chín", "Twiml"):
            self.assertNotIn(secret, self.log.text)

    def test_what_it_came_to_is_on_record(self):
        cases = {
            "in-progress": (State.DELIVERED, ""),
            "completed": (State.DELIVERED, ""),
            "busy": (State.FAILED, "call-busy"),
            "no-answer": (State.FAILED, "call-no-answer"),
            "failed": (State.FAILED, "call-failed"),
        }
        for n, (status, (state, reason)) in enumerate(cases.items()):
            with self.subTest(status):
                message = self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
                message.ways = ["voice"]
                message.save()
                self.deliver()

                r = zalo.call_came_to(self.client, message.pk, status)

                self.assertEqual(r.status_code, 204)
                self.assert_state(message, state, reason, by="voice")

    def test_strangers_are_turned_away(self):
        message = self.queue()
        message.ways = ["voice"]
        message.save()
        self.deliver()

        r = zalo.call_came_to(self.client, message.pk, "completed", key="another")

        self.assertEqual(r.status_code, 403)
        self.assert_state(message, State.ACCEPTED)
