"""What suppliers report later, and who may not."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.functions import Now
from django.test import override_settings
from twilio.request_validator import RequestValidator

from otp import outbox
from otp.models import Code, Message
from otp.suppliers import receipts
from otp.suppliers.route import route_from_settings
from tests.support.programs import gateway
from tests.support.sending import PHONE, SendingTestCase, State

SID = "SM" + "7" * 32


class TwilioTests(SendingTestCase):
    def report(self, message, status, *, address="", signature=None, **fields):
        """Report as Twilio does, signed unless told otherwise."""
        path = f"/sms/twilio/trang-thai/?message={message.pk}"
        data = {"MessageSid": SID, "MessageStatus": status, "To": PHONE} | fields
        if signature is None:
            address = address or f"http://testserver{path}"
            signature = RequestValidator(gateway.TOKEN).compute_signature(address, data)
        headers = {"X-Twilio-Signature": signature} if signature else {}
        return self.client.post(path, data, headers=headers)

    def send(self):
        message = self.queue()
        self.deliver()
        return message

    def test_a_report_comes_to_the_address_that_was_given(self):
        message = self.send()

        target = urlsplit(self.twilio.texts[0]["report_to"])

        self.assertEqual(f"{target.scheme}://{target.netloc}", "http://testserver")
        r = self.report(message, "delivered")
        self.assertEqual(r.status_code, 204)
        self.assertEqual(r.wsgi_request.get_full_path(), f"{target.path}?{target.query}")
        self.assert_state(message, State.DELIVERED, "", by="twilio")

    @override_settings(PUBLIC_BASE_URL="https://matkhau.example.gov.vn")
    def test_the_signature_is_over_the_public_address_whatever_the_host(self):
        message = self.send()
        path = f"/sms/twilio/trang-thai/?message={message.pk}"

        wrong = self.report(message, "delivered", address=f"http://testserver{path}")
        right = self.report(message, "delivered", address=f"https://matkhau.example.gov.vn{path}")

        self.assertEqual((wrong.status_code, right.status_code), (403, 204))

    def test_strangers_are_turned_away(self):
        message = self.send()
        path = f"http://testserver/sms/twilio/trang-thai/?message={message.pk}"
        data = {"MessageSid": SID, "MessageStatus": "delivered", "To": PHONE}
        sign = RequestValidator(gateway.TOKEN).compute_signature
        cases = {
            "none": "",
            "nonsense": "c2lnbmF0dXJl",
            "not of letters": "\u00e9",
            "another key": RequestValidator("another").compute_signature(path, data),
            "another message": sign(path + "1", data),
            "another status": sign(path, data | {"MessageStatus": "sent"}),
            "without fields": sign(path, {}),
        }
        for name, signature in cases.items():
            with self.subTest(name):
                r = self.report(message, "delivered", signature=signature)

                self.assertEqual(r.status_code, 403)
                self.assert_state(message, State.ACCEPTED)

    def test_without_a_key_nobody_is_believed(self):
        message = self.send()

        with override_settings(TWILIO_AUTH_TOKEN=""):
            path = f"http://testserver/sms/twilio/trang-thai/?message={message.pk}"
            data = {"MessageSid": SID, "MessageStatus": "delivered", "To": PHONE}
            signature = RequestValidator("").compute_signature(path, data)
            r = self.report(message, "delivered", signature=signature)

        self.assertEqual(r.status_code, 403)

    def test_only_a_post_reports(self):
        self.assertEqual(self.client.get("/sms/twilio/trang-thai/").status_code, 405)

    def test_a_report_that_comes_again_changes_nothing(self):
        message = self.send()
        self.report(message, "delivered")
        before = Message.objects.values().get()

        r = self.report(message, "delivered")

        self.assertEqual(r.status_code, 204)
        self.assertEqual(Message.objects.values().get(), before)

    def test_reports_out_of_order_move_only_forward(self):
        for last in ("delivered", "undelivered"):
            message = self.queue(f"{last}@example.vn")
            self.deliver()
            self.report(message, last)
            message.refresh_from_db()
            reached = message.state
            for late in ("queued", "sending", "sent", "delivered", "failed", "new-word"):
                with self.subTest(last=last, late=late):
                    self.assertEqual(self.report(message, late).status_code, 204)

                    self.assert_state(message, reached)

    def test_a_report_that_overtakes_the_answer_stands(self):
        message = self.queue()
        claimed = outbox.claim()
        self.report(message, "delivered")

        outbox.deliver(claimed, self.route)

        self.assert_state(message, State.DELIVERED)
        self.assertEqual(message.gateway_id, SID)

    def test_a_report_settles_a_doubt(self):
        for status, state in (
            ("sent", State.ACCEPTED),
            ("delivered", State.DELIVERED),
            ("failed", State.FAILED),
        ):
            message = self.queue(f"{status}@example.vn")
            self.twilio.plan = [gateway.fail(500)]
            self.deliver()
            with self.subTest(status):
                self.report(message, status)

                self.assert_state(message, state, by="twilio")

    def test_what_did_not_arrive_keeps_its_place_in_the_day(self):
        for status in ("delivered", "undelivered", "failed"):
            message = self.queue(f"{status}@example.vn")
            self.deliver()
            with self.subTest(status):
                self.report(message, status, ErrorCode="30003")

                self.assertFalse(Code.objects.get(message=message).voided)
        self.assert_state(message, State.FAILED, "30003")

    def test_a_message_that_is_over_is_left_alone(self):
        message = self.queue()
        for state in (State.REJECTED, State.EXPIRED, State.SKIPPED):
            Message.objects.update(state=state, to="", text="")
            with self.subTest(state):
                self.report(message, "delivered")

                self.assert_state(message, state)

    def test_a_signed_report_on_nothing_is_taken_and_forgotten(self):
        for number in ("", "0", "x", "-1", "9" * 15, "9" * 40, "%D9%A3"):
            path = f"/sms/twilio/trang-thai/?message={number}"
            data = {"MessageStatus": "delivered"}
            signature = RequestValidator(gateway.TOKEN).compute_signature(
                f"http://testserver{path}", data
            )
            with self.subTest(number):
                r = self.client.post(path, data, headers={"X-Twilio-Signature": signature})

                self.assertEqual(r.status_code, 204)

    def test_no_report_shows_the_number_in_the_log(self):
        log = gateway.EveryLogLine(self)
        message = self.send()

        self.report(message, "undelivered", ErrorCode="30003", ErrorMessage=PHONE)
        self.report(message, "delivered", signature="forged")

        self.assertIn("failed", log.text)
        self.assertIn("Forbidden", log.text)
        self.assertNotIn(PHONE[3:], log.text)


class EsmsTests(SendingTestCase):
    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(SMS_GATEWAY="esms,twilio"))
        self.route = route_from_settings()

    def send(self, address="an@example.vn", to=PHONE):
        message = self.queue(address, to=to)
        self.deliver()
        return message

    def report(self, message, status="5", success="1", *, token=None, **fields):
        token = receipts.token(message.pk) if token is None else token
        data = {"SMSID": "s1", "SendStatus": status, "SendSuccess": success} | fields
        data |= {"phonenumber": "0912466981", "RequestId": receipts.token(message.pk)}
        return self.client.get(f"/sms/esms/trang-thai/{message.pk}/{token}/", data)

    def test_a_report_comes_to_the_secret_address_that_was_given(self):
        message = self.send()

        r = self.client.get(
            urlsplit(self.esms.texts[0]["report_to"]).path,
            {"SMSID": "s1", "SendStatus": "5", "SendSuccess": "1"},
        )

        self.assertEqual(r.status_code, 204)
        self.assert_state(message, State.DELIVERED, by="esms")
        self.assertEqual(message.gateway_id, "s1")

    def test_strangers_are_turned_away(self):
        message, other = self.send(), self.send("binh@example.vn")
        tokens = {
            "nonsense": "0" * 32,
            "of another message": receipts.token(other.pk),
            "cut short": receipts.token(message.pk)[:-1],
            "in capitals": receipts.token(message.pk).upper() + "A",
            "not of letters": "é",
        }
        for name, token in tokens.items():
            with self.subTest(name):
                self.assertEqual(self.report(message, token=token).status_code, 403)
        self.assert_state(message, State.ACCEPTED)
        self.assertEqual(self.client.get(f"/sms/esms/trang-thai/{'9' * 40}/x/").status_code, 403)

    def test_only_a_get_reports(self):
        message = self.send()

        path = f"/sms/esms/trang-thai/{message.pk}/{receipts.token(message.pk)}/"

        self.assertEqual(self.client.post(path).status_code, 405)

    def test_the_address_holds_over_a_rotation_of_the_pepper(self):
        message = self.send()
        path = urlsplit(self.esms.texts[0]["report_to"]).path

        with override_settings(OTP_PEPPERS=["n" * 40, *settings.OTP_PEPPERS]):
            r = self.client.get(path, {"SendStatus": "5", "SendSuccess": "1"})

        self.assertEqual(r.status_code, 204)
        self.assert_state(message, State.DELIVERED)

    def test_what_each_report_means(self):
        cases = (
            ("1", "0", State.ACCEPTED),
            ("2", "0", State.ACCEPTED),
            ("", "", State.ACCEPTED),
            ("x", "1", State.ACCEPTED),
            ("5", "1", State.DELIVERED),
            ("5", "0", State.FAILED),
            ("4", "0", State.FAILED),
        )
        for n, (status, success, state) in enumerate(cases):
            message = self.send(f"a{n}@example.vn", f"+8491246698{n}")
            with self.subTest(status=status, success=success):
                self.assertEqual(self.report(message, status, success).status_code, 204)

                self.assert_state(message, state)
                self.assertFalse(message.code.voided)

    def test_reports_repeat_and_come_out_of_order(self):
        message = self.send()
        self.report(message)
        before = Message.objects.values().get()

        for status in ("1", "2", "4", "5"):
            self.report(message, status)

        self.assertEqual(Message.objects.values().get(), before)

    def test_a_report_on_what_waits_for_its_repeat_stops_the_repeat(self):
        for success, state in (("1", State.DELIVERED), ("0", State.FAILED)):
            message = self.queue(f"a{success}@example.vn")
            self.esms.plan = [gateway.fail(500)]
            self.deliver()
            self.assert_state(message, State.QUEUED, by="esms")
            with self.subTest(state):
                self.report(message, "5", success)

                self.assert_state(message, state)
                self.make_due()
                self.assertFalse(self.deliver())

    def test_a_report_that_overtakes_a_failed_call_stops_the_repeat(self):
        message = self.queue()
        claimed = outbox.claim()
        self.report(message)
        self.esms.plan = [gateway.fail(500)]

        outbox.deliver(claimed, self.route)

        self.assert_state(message, State.DELIVERED)

    def test_a_hostile_report_does_no_harm(self):
        message = self.send()

        r = self.report(message, SMSID="s\0" + "x" * 500)

        self.assertEqual(r.status_code, 204)
        self.assert_state(message, State.DELIVERED)
        self.assertEqual(len(message.gateway_id), 64)

    def test_no_report_shows_the_number_or_the_secret_address_in_the_log(self):
        log = gateway.EveryLogLine(self)
        message = self.send()

        self.report(message, token="0" * 32)
        self.report(message, "4", "0")

        self.assertIn("failed", log.text)
        self.assertIn("Forbidden", log.text)
        self.assertNotIn(PHONE[3:], log.text)
        self.assertNotIn(receipts.token(message.pk), log.text)

    def test_the_number_and_the_text_are_gone_with_the_report(self):
        message = self.queue()
        Message.objects.update(gateway="esms", due_at=Now())

        self.report(message)

        self.assert_state(message, State.DELIVERED)
