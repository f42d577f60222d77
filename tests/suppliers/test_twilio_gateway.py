"""What the gateway makes of each of the supplier's answers, and of its silence."""

import datetime as dt
import traceback
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from otp.suppliers import http
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown, from_settings
from tests.suppliers.one_supplier import OneSupplierTestCase, Silence
from tests.support.programs import gateway

PHONE = "+84912466981"
TEXT = "Ma xac thuc: 123456. KHONG cung cap ma cho bat ky ai."


class TwilioTests(OneSupplierTestCase):
    def send(self, *, good_for=300.0):
        sms = Sms(PHONE, TEXT, good_for=dt.timedelta(seconds=good_for))
        (carrier,) = from_settings()
        return carrier.send(sms)


class AnswerTests(TwilioTests):
    def test_an_accepted_message_gives_its_id(self):
        message_id = self.send()

        self.assertRegex(message_id, "^SM[0-9a-f]{32}$")
        (given,) = self.supplier.texts
        self.assertEqual(given["to"], PHONE)
        self.assertEqual(given["text"], TEXT)
        self.assertEqual(given["from"], gateway.SENDER)
        self.assertEqual(given["path"], f"/2010-04-01/Accounts/{gateway.SID}/Messages.json")
        self.assertTrue(given["known"])

    @override_settings(TWILIO_MESSAGING_SERVICE_SID="MG" + "1" * 32)
    def test_a_messaging_service_goes_before_a_number(self):
        self.send()

        self.assertEqual(self.supplier.texts[0]["from"], "MG" + "1" * 32)

    def test_the_supplier_is_told_how_long_the_message_is_good(self):
        for left, told in ((299.9, range(270, 300)), (0.2, [1]), (86_400, [36_000])):
            with self.subTest(left=left):
                self.send(good_for=left)

                self.assertIn(self.supplier.texts[-1]["seconds"], told)

    def test_a_refusal_gives_only_the_suppliers_number_for_it(self):
        for code, status in ((21614, 400), (21211, 400), (21610, 400)):
            with self.subTest(code=code):
                self.supplier.plan = [gateway.refuse(code, status)]

                error = self.failure(GatewayRefused)

                self.assertEqual(error.reason, str(code))

    def test_a_fault_of_the_account_refuses_no_number(self):
        for code, status in ((20003, 401), (21408, 403), (21606, 400), (21659, 400)):
            with self.subTest(code=code):
                self.supplier.plan = [gateway.refuse(code, status)]

                error = self.failure(NotSent)

                self.assertEqual((error.reason, error.retry_after), (str(code), None))

    def test_a_refusal_that_is_not_the_suppliers_own_gives_its_status(self):
        self.supplier.plan = [gateway.say(404, f"<html>{PHONE}</html>")]

        self.assertEqual(self.failure(GatewayRefused).reason, "http-404")

    def test_too_many_requests_may_be_tried_again_and_when(self):
        cases = {"7": 7, "": None, "soon": None, "-5": None, "9" * 30: 3_600}
        for retry_after, seconds in cases.items():
            with self.subTest(retry_after=retry_after):
                self.supplier.plan = [gateway.too_many(retry_after)]

                wait = self.failure(NotSent).retry_after

                self.assertEqual(wait, seconds and dt.timedelta(seconds=seconds))

    def test_too_many_requests_may_be_tried_again_on_a_date(self):
        moment = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=600)
        self.supplier.plan = [gateway.too_many(moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))]

        longest = moment - dt.datetime.now(dt.UTC)
        wait = self.failure(NotSent).retry_after
        shortest = moment - dt.datetime.now(dt.UTC)

        self.assertLessEqual(shortest, wait)
        self.assertLessEqual(wait, longest)

    def test_an_answer_that_tells_nothing_may_mean_that_it_went(self):
        cases = {
            "500": gateway.fail(500),
            "503": gateway.fail(503),
            "elsewhere": gateway.say(307, ""),
            "no JSON": gateway.say(201, "<html>proxy</html>"),
            "no object": gateway.say(201, "[]"),
            "no id": gateway.say(201, "{}"),
            "null id": gateway.say(201, '{"sid": null}'),
        }
        for name, answer in cases.items():
            with self.subTest(name):
                self.supplier.plan = [answer]

                self.failure(Unknown)


class SilenceTests(Silence, TwilioTests):
    def test_a_failed_handshake_means_that_nothing_left(self):
        with self.nowhere_to(self.supplier.address.replace("http:", "https:")):
            self.failure(NotSent)

        self.assertEqual(self.supplier.texts, [])

    def test_a_connection_is_used_again_unless_it_was_quiet_for_long(self):
        for idle, connections in ((20, 1), (-1, 3)):
            self.supplier.texts.clear()
            with self.subTest(idle=idle), mock.patch.object(http, "IDLE", idle):
                (carrier,) = from_settings()

                for _ in range(3):
                    carrier.send(Sms(PHONE, TEXT, good_for=dt.timedelta(seconds=300)))

                used = {given["connection"] for given in self.supplier.texts}
                self.assertEqual(len(used), connections)


class SecrecyTests(TwilioTests):
    def test_no_failure_shows_the_number_the_text_or_the_key(self):
        cases = {
            GatewayRefused: gateway.refuse(21614),
            NotSent: gateway.too_many("5"),
            Unknown: gateway.say(201, PHONE),
        }
        for kind, answer in cases.items():
            with self.subTest(kind.__name__):
                self.supplier.plan = [answer]
                error = self.failure(kind)

                shown = "".join(traceback.format_exception(error)) + repr(error) + self.log.text

                self.assertIsNone(error.__context__)
                for secret in (PHONE[3:], "123456", gateway.TOKEN):
                    self.assertNotIn(secret, shown)

    def test_the_log_at_debug_shows_no_number_no_text_and_no_key(self):
        self.send()

        self.assertNotEqual(self.log.lines, [])
        for secret in (PHONE[3:], "123456", gateway.TOKEN):
            self.assertNotIn(secret, self.log.text)

    def test_an_sms_does_not_show_itself(self):
        shown = repr(Sms(PHONE, TEXT, good_for=dt.timedelta()))

        self.assertNotIn(PHONE, shown)
        self.assertNotIn("123456", shown)


class ChoiceTests(SimpleTestCase):
    def test_an_unknown_gateway_stops_the_start_by_name(self):
        for name in ("", "pigeon"):
            refused = self.assertRaisesMessage(ImproperlyConfigured, "SMS_GATEWAY")
            with self.subTest(name), override_settings(SMS_GATEWAY=name), refused:
                from_settings()
