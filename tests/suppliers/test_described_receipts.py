"""Reports of a supplier that a file describes: how they look, how they are proved."""

import hashlib
import hmac
import json

from django.db import transaction
from django.test import TestCase, override_settings

from otp import outbox
from otp.models import DeadNumberDay, Message, Purpose
from otp.suppliers import receipts
from tests.support.programs import gateway, sms_files
from tests.support.sending import PHONE, WORDING, State

SECRET = sms_files.REPORT_SECRET
DOOR = "/sms/plain/trang-thai/"
STATES = (
    ("DELIVRD", State.DELIVERED, ""),
    ("UNDELIV", State.FAILED, ""),
    ("6", State.FAILED, "6"),
    ("ENROUTE", State.ACCEPTED, ""),
    ("", State.ACCEPTED, ""),
)


class ReceiptTestCase(TestCase):
    """A message that the described supplier has taken, under the id m1."""

    text = ""
    name = "plain"

    @classmethod
    def setUpTestData(cls):
        with transaction.atomic():
            issued = outbox.send_code(
                "an@example.vn", Purpose.RECOVERY, to=PHONE, text=WORDING, nonce="n"
            )
        cls.message = Message.objects.get(code_id=issued.id)
        cls.accept()

    @classmethod
    def accept(cls):
        Message.objects.update(
            state=State.ACCEPTED, gateway=cls.name, gateway_id="m1", reason="", to="", text=""
        )

    def setUp(self):
        suppliers = sms_files.described(self.text, self.name)
        self.enterContext(override_settings(SMS_SUPPLIERS=suppliers))

    def assert_state(self, state, reason=""):
        self.message.refresh_from_db()
        self.assertEqual((self.message.state, self.message.reason), (state, reason))

    def body(self, state="DELIVRD", message="m1"):
        return json.dumps({"report": {"state": state, "id": message, "phone": PHONE}})


class ByAddressTests(ReceiptTestCase):
    text = sms_files.BY_ADDRESS

    def report(self, body, secret=SECRET):
        return self.client.post(f"{DOOR}{secret}/", body, content_type="application/json")

    def test_what_each_report_means(self):
        for word, state, reason in STATES:
            self.accept()
            with self.subTest(word):
                self.assertEqual(self.report(self.body(word)).status_code, 204)

                self.assert_state(state, reason)
        self.assertFalse(self.message.code.voided)

    def test_strangers_are_turned_away(self):
        for secret in ("0" * 32, SECRET[:-1], SECRET.upper(), "é", "1/1", f"{self.message.pk}/x"):
            with self.subTest(secret):
                self.assertEqual(self.report(self.body(), secret).status_code, 403)
        for path in (DOOR, f"/sms/khac/trang-thai/{SECRET}/", "/sms/esms/trang-thai/"):
            with self.subTest(path):
                r = self.client.post(path, self.body(), content_type="application/json")

                self.assertEqual(r.status_code, 403)
        self.assert_state(State.ACCEPTED)

    def test_the_secret_address_of_a_message_opens_nothing_here(self):
        token = receipts.token(self.message.pk)

        r = self.report(self.body(), f"{self.message.pk}/{token}")

        self.assertEqual(r.status_code, 403)

    def test_only_what_was_agreed_reports(self):
        self.assertEqual(self.client.get(f"{DOOR}{SECRET}/").status_code, 405)

    def test_a_report_on_nothing_is_taken_and_forgotten(self):
        bodies = ("", "[]", "{", "[" * 60_000, '{"report": []}', self.body(message="m2"))
        for body in (*bodies, self.body(message=""), self.body(message="m1\0\ud800")):
            with self.subTest(body[:20]):
                self.accept()

                self.assertEqual(self.report(body).status_code, 204)

        # The last one's id is m1, once what no database keeps is left out.
        self.assert_state(State.DELIVERED)

    def test_a_report_on_another_suppliers_message_is_forgotten(self):
        Message.objects.update(gateway="esms")

        self.assertEqual(self.report(self.body()).status_code, 204)

        self.assert_state(State.ACCEPTED)

    def test_reports_repeat_and_come_out_of_order(self):
        self.report(self.body())
        before = Message.objects.values().get()

        for word in ("UNDELIV", "ENROUTE", "DELIVRD"):
            self.report(self.body(word))

        self.assertEqual(Message.objects.values().get(), before)

    def test_a_number_that_is_nobodys_is_noted(self):
        self.report(self.body("UNDELIV"))
        self.assertFalse(DeadNumberDay.objects.exists())
        self.accept()

        self.report(self.body("6"))

        self.assertEqual(DeadNumberDay.objects.get().reason, "6")

    def test_no_log_shows_the_number_or_the_secret(self):
        log = gateway.EveryLogLine(self)

        self.report(self.body("UNDELIV"))
        self.client.get(f"{DOOR}{'0' * 32}/")

        self.assertIn("failed", log.text)
        self.assertIn("Forbidden", log.text)
        for secret in (PHONE[3:], SECRET):
            self.assertNotIn(secret, log.text)


class ByHmacTests(ReceiptTestCase):
    text = sms_files.BY_HMAC

    def report(self, body, signature=None):
        if signature is None:
            signature = self.sign(body)
        return self.client.post(
            DOOR, body, content_type="application/json", headers={"X-Signature": signature}
        )

    def sign(self, body, secret=SECRET):
        signed = hmac.new(secret.encode(), body.encode(), hashlib.sha256)
        return f"sha256={signed.hexdigest()}"

    def test_what_each_report_means(self):
        for word, state, reason in STATES:
            self.accept()
            with self.subTest(word):
                self.assertEqual(self.report(self.body(word)).status_code, 204)

                self.assert_state(state, reason)

    def test_strangers_are_turned_away(self):
        cases = {
            "none": "",
            "without its beginning": self.sign(self.body())[7:],
            "another secret": self.sign(self.body(), "x" * 32),
            "no secret": self.sign(self.body(), ""),
            "another body": self.sign(self.body("UNDELIV")),
            "not of letters": "sha256=é",
        }
        for name, signature in cases.items():
            with self.subTest(name):
                self.assertEqual(self.report(self.body(), signature).status_code, 403)
        self.assertEqual(self.client.post(f"{DOOR}{SECRET}/").status_code, 403)
        self.assertEqual(self.client.get(DOOR).status_code, 403)
        self.assert_state(State.ACCEPTED)


class ByMessageTests(ReceiptTestCase):
    """The shipped example, whose messages have a secret address each, as those in code."""

    name = "esms-file"
    text = sms_files.EXAMPLE.read_text(encoding="utf-8")

    def report(self, name, status, success="1", *, token=None):
        token = receipts.token(self.message.pk) if token is None else token
        data = {"SMSID": "s1", "SendStatus": status, "SendSuccess": success}
        return self.client.get(f"/sms/{name}/trang-thai/{self.message.pk}/{token}/", data)

    def test_it_means_what_it_means_to_the_gateway_in_code(self):
        cases = (("1", "0"), ("", ""), ("x", "1"), ("5", "1"), ("5", "0"), ("4", "0"), ("4", "1"))
        for case in cases:
            ends = []
            for name in ("esms", self.name):
                self.accept()
                self.assertEqual(self.report(name, *case).status_code, 204)
                row = Message.objects.values("state", "reason", "gateway", "gateway_id").get()
                ends.append(row | {"gateway": row["gateway"].removesuffix("-file")})
            with self.subTest(case):
                self.assertEqual(*ends)

    def test_strangers_are_turned_away(self):
        tokens = ("0" * 32, receipts.token(self.message.pk + 1), "é")
        for token in tokens:
            with self.subTest(token):
                self.assertEqual(self.report(self.name, "5", token=token).status_code, 403)
        self.assertEqual(self.client.get("/sms/esms-file/trang-thai/").status_code, 403)
        self.assertEqual(self.client.get("/sms/esms-file/trang-thai//").status_code, 404)
        self.assert_state(State.ACCEPTED)


class WithoutReportsTests(ReceiptTestCase):
    text = sms_files.PLAIN

    def test_nobody_is_believed(self):
        token = receipts.token(self.message.pk)
        for path in ("", f"{SECRET}/", f"{self.message.pk}/{token}/"):
            with self.subTest(path):
                r = self.client.post(DOOR + path, self.body(), content_type="application/json")

                self.assertEqual(r.status_code, 403)
        self.assert_state(State.ACCEPTED)
