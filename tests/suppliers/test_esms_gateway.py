"""What the gateway to eSMS makes of each of its answers, and of its silence."""

import datetime as dt
import re
import traceback
from unittest import mock

from django.conf import settings
from django.test import override_settings

from otp.suppliers import http, receipts
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown, from_settings
from tests.suppliers.one_supplier import OneSupplierTestCase, Silence
from tests.support.programs import gateway

PHONE = "+84912466981"
TEXT = "Ma xac thuc: 123456. KHONG cung cap ma cho bat ky ai."
MESSAGE = 4711


class EsmsTests(OneSupplierTestCase):
    kind = gateway.Esms

    def send(self, message_id=MESSAGE):
        (carrier,) = from_settings()
        return carrier.send(
            Sms(PHONE, TEXT, good_for=dt.timedelta(minutes=5), message_id=message_id)
        )


class RequestTests(EsmsTests):
    def test_an_accepted_message_gives_its_id(self):
        message_id = self.send()

        self.assertRegex(message_id, "^[0-9a-f]+$")
        (given,) = self.supplier.texts
        self.assertTrue(given["known"])
        self.assertEqual(given["path"], "/MainService.svc/json/SendMultipleMessage_V4_post_json/")
        self.assertEqual((given["to"], given["text"]), ("0912466981", TEXT))

    def test_it_goes_out_as_plain_text_under_the_brand_name(self):
        self.send()

        fields = self.supplier.texts[0]["fields"]
        self.assertEqual(fields["Brandname"], settings.PROFILE.sms.brand)
        self.assertEqual(
            (fields["SmsType"], fields["IsUnicode"], fields["Sandbox"]), ("2", "0", "0")
        )

    @override_settings(PUBLIC_BASE_URL="https://matkhau.example.gov.vn")
    def test_each_message_has_a_request_id_and_a_secret_address_of_its_own(self):
        self.send()
        self.send(MESSAGE + 1)

        first, second = self.supplier.texts
        self.assertNotEqual(first["request"], second["request"])
        secret = receipts.token(MESSAGE)
        self.assertEqual(
            first["report_to"],
            f"https://matkhau.example.gov.vn/sms/{self.kind.name}/trang-thai/{MESSAGE}/{secret}/",
        )
        self.assertTrue(re.fullmatch("[0-9a-f]{32}", secret))

    def test_a_repeat_has_the_same_request_id_over_a_rotation_of_the_pepper(self):
        self.send()
        with override_settings(OTP_PEPPERS=["n" * 40, *settings.OTP_PEPPERS]):
            self.send()

        first, second = self.supplier.texts
        self.assertEqual(first["request"], second["request"])


class OwnSettingTests(EsmsTests):
    @override_settings(ESMS_BRANDNAME="Khac", ESMS_SANDBOX=True)
    def test_the_brand_name_and_the_sandbox_can_be_set(self):
        self.send()

        fields = self.supplier.texts[0]["fields"]
        self.assertEqual((fields["Brandname"], fields["Sandbox"]), ("Khac", "1"))


class AnswerTests(EsmsTests):
    def test_a_repeat_that_the_supplier_knows_counts_as_accepted(self):
        self.send()

        self.assertEqual(self.send(), "")

        self.assertEqual(len(self.supplier.texts), 2)

    def test_a_refused_number_is_refused_for_good(self):
        for code in (99, 108):
            with self.subTest(code=code):
                self.supplier.plan = [gateway.refuse(code)]

                self.assertEqual(self.failure(GatewayRefused).reason, str(code))

    def test_trouble_with_the_account_or_the_way_leaves_the_number_to_others(self):
        for code in (101, 102, 103, 104, 118, 140, 146, 177, 300):
            with self.subTest(code=code):
                self.supplier.plan = [gateway.refuse(code)]

                error = self.failure(NotSent)

                self.assertEqual((error.reason, error.retry_after), (str(code), None))

    def test_too_many_requests_may_be_tried_again_and_when(self):
        for header, seconds in (("7", 7), ("soon", None)):
            with self.subTest(header):
                self.supplier.plan = [gateway.too_many(header)]

                error = self.failure(NotSent)

                self.assertEqual(error.reason, "http-429")
                wait = error.retry_after
                self.assertEqual(wait and wait.total_seconds(), seconds)

    def test_a_door_that_is_shut_has_taken_nothing(self):
        for status in (401, 403, 404):
            with self.subTest(status):
                self.supplier.plan = [gateway.say(status, "<html>no</html>")]

                self.assertEqual(self.failure(NotSent).reason, f"http-{status}")

    def test_an_answer_that_tells_nothing_may_mean_that_it_went(self):
        cases = {
            "500": gateway.fail(500),
            "503": gateway.fail(503),
            "elsewhere": gateway.say(307, ""),
            "no JSON": gateway.say(200, "<html>proxy</html>"),
            "no object": gateway.say(200, "[100]"),
            "no result": gateway.say(200, "{}"),
            "null": gateway.say(200, '{"CodeResult": null}'),
            "words": gateway.say(200, '{"CodeResult": "ok"}'),
            "nothing": gateway.say(200, ""),
            "too deep": gateway.say(200, "[" * 100_000),
            "not UTF-8": gateway.say(200, "\ud800"),
            "huge": gateway.say(200, '{"CodeResult": "100"}' + " " * http.LARGEST_ANSWER),
            "cut off": gateway.cut_off('{"CodeResult": "100"}'),
            "no gzip": gateway.say(200, "{}", {"Content-Encoding": "gzip"}),
        }
        for name, answer in cases.items():
            with self.subTest(name):
                self.supplier.plan = [answer]

                self.failure(Unknown)


class SilenceTests(Silence, EsmsTests):
    def test_an_answer_that_never_ends_is_given_up(self):
        self.supplier.plan = [gateway.drip('{"CodeResult": "100"}')]
        with mock.patch.object(http, "ANSWER_WITHIN", 0.3):
            self.assertEqual(self.failure(Unknown).reason, "no-answer")

        self.assertFalse(self.supplier.released.is_set())


class SecrecyTests(EsmsTests):
    secrets = (PHONE[3:], "123456", gateway.API_KEY, gateway.SECRET_KEY)

    def test_no_failure_shows_the_number_the_text_or_the_keys(self):
        cases = {
            GatewayRefused: gateway.refuse(99),
            NotSent: gateway.refuse(103),
            Unknown: gateway.say(200, f"{PHONE} {gateway.SECRET_KEY}"),
        }
        for kind, answer in cases.items():
            with self.subTest(kind.__name__):
                self.supplier.plan = [answer]
                error = self.failure(kind)

                shown = "".join(traceback.format_exception(error)) + repr(error) + self.log.text

                self.assertIsNone(error.__context__)
                for secret in self.secrets:
                    self.assertNotIn(secret, shown)

    def test_a_refused_connection_shows_nothing_either(self):
        with self.nowhere_to(gateway.closed_port()):
            error = self.failure(NotSent)

        shown = "".join(traceback.format_exception(error)) + self.log.text
        self.assertIsNone(error.__context__)
        for secret in self.secrets:
            self.assertNotIn(secret, shown)

    def test_the_log_at_debug_shows_nothing(self):
        self.send()

        self.assertNotEqual(self.log.lines, [])
        for secret in (*self.secrets, receipts.token(MESSAGE)):
            self.assertNotIn(secret, self.log.text)
