"""A supplier that a file describes: what is sent, and what its answers, silence and file mean."""

import datetime as dt
import json
import tempfile
import traceback
from dataclasses import replace
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from otp.models import Code
from otp.suppliers import http
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown, from_settings
from otp.suppliers.route import route_from_settings
from tests.suppliers import test_esms_gateway as in_code
from tests.suppliers.one_supplier import OneSupplierTestCase
from tests.support.programs import gateway, sms_files
from tests.support.sending import SendingTestCase, State

PHONE = "+84912466981"
TEXT = "Ma xac thuc: 123456."
HOSTILE = "a\"b\\c'd\ne\r\nf&g=h%20{text}{password}<x>\u0111\U0001f600+\t\u2028"


class ExampleRequestTests(in_code.RequestTests):
    kind = sms_files.EsmsByFile


class ExampleAnswerTests(in_code.AnswerTests):
    kind = sms_files.EsmsByFile


class ExampleSilenceTests(in_code.SilenceTests):
    kind = sms_files.EsmsByFile


class ExampleSecrecyTests(in_code.SecrecyTests):
    kind = sms_files.EsmsByFile


class ExampleTests(SimpleTestCase):
    def test_it_asks_for_what_the_gateway_in_code_asks_for(self):
        for text in (TEXT, HOSTILE):
            asked = []
            for kind in (gateway.Esms, sms_files.EsmsByFile):
                (supplier,) = gateway.supply_each(self, kind)
                (carrier,) = from_settings()
                carrier.send(Sms(PHONE, text, good_for=dt.timedelta(minutes=5), message_id=7))
                (given,) = supplier.texts
                path = f"/sms/{kind.name}/"
                self.assertIn(path, given["fields"]["CallbackUrl"])
                given["fields"]["CallbackUrl"] = given["fields"]["CallbackUrl"].replace(path, "")
                asked.append((given["path"], given["fields"]))

            self.assertEqual(*asked)
            self.assertEqual(asked[0][1]["Content"], text)


class PlainTests(OneSupplierTestCase):
    kind = sms_files.Plain

    def send(self, text=TEXT):
        (carrier,) = from_settings()
        return carrier.send(Sms(PHONE, text, good_for=dt.timedelta(minutes=5), message_id=7))

    def test_a_form_holds_every_text_as_it_is(self):
        for text in (TEXT, HOSTILE):
            with self.subTest(text):
                self.assertRegex(self.send(text), "^[0-9a-f]+$")

                given = self.supplier.texts[-1]
                self.assertTrue(given["known"])
                self.assertEqual(given["path"], "/send?v=2")
                self.assertEqual(
                    given["fields"],
                    {"user": "so-tttt", "dest": "84912466981", "message": text},
                )

    def test_a_number_is_written_as_the_supplier_wants_it(self):
        plain = self.supplier.environment()["SMS_SUPPLIERS"]["plain"]
        for begins, number in (("+84", PHONE), ("84", PHONE[1:]), ("0", "0912466981")):
            with (
                self.subTest(begins),
                override_settings(SMS_SUPPLIERS={"plain": replace(plain, number=begins)}),
            ):
                self.send()

                self.assertEqual(self.supplier.texts[-1]["to"], number)

    def test_what_each_answer_means(self):
        cases = (
            (GatewayRefused, "6", gateway.say(200, "6")),
            (NotSent, "http-429", gateway.too_many("7")),
            (NotSent, "-9", gateway.say(503, "-9")),
            (Unknown, "http-503", gateway.say(503, "0|1")),
            (Unknown, "http-503", gateway.say(503, "")),
            (Unknown, "http-403", gateway.say(403, "-9")),
            (Unknown, "http-404", gateway.say(404, "6")),
            (Unknown, "http-307", gateway.say(307, "0|1", {"Location": "/elsewhere"})),
            (Unknown, "unreadable", gateway.say(200, "-9")),
            (Unknown, "unreadable", gateway.say(200, "00")),
            (Unknown, "unreadable", gateway.say(200, "<html>0|1</html>")),
            (Unknown, "unreadable", gateway.say(200, "")),
            (Unknown, "too-large", gateway.say(200, "0|" + "1" * http.LARGEST_ANSWER)),
            (Unknown, "no-answer", gateway.cut_off("0|1")),
        )
        for n, (kind, reason, answer) in enumerate(cases, 1):
            with self.subTest(reason=reason, n=n):
                self.supplier.plan = [answer]

                error = self.failure(kind)

                self.assertEqual(error.reason, reason)
                self.assertEqual(len(self.supplier.texts), n)
                if reason == "http-429":
                    self.assertEqual(error.retry_after, dt.timedelta(seconds=7))

    def test_silence_may_mean_that_it_went_and_a_closed_door_does_not(self):
        for name, answer in (("slow", gateway.hold), ("gone", gateway.drop)):
            with self.subTest(name), self.supplier.answers(answer):
                self.failure(Unknown)
        with override_settings(**self.supplier.environment(gateway.closed_port())):
            self.failure(NotSent)
        self.assertEqual(len(self.supplier.texts), 2)

    def test_no_failure_and_no_log_shows_a_secret(self):
        echo = f"{PHONE} {sms_files.PASSWORD} {TEXT}"
        for kind, answer in (
            (GatewayRefused, gateway.say(200, "6")),
            (Unknown, gateway.say(200, echo)),
            (Unknown, gateway.say(500, echo)),
            (NotSent, gateway.too_many(echo)),
        ):
            self.supplier.plan = [answer]
            error = self.failure(kind)
            (carrier,) = from_settings()

            shown = "".join(traceback.format_exception(error)) + repr(error) + self.log.text
            shown += repr(self.supplier.environment()) + repr(carrier)

            self.assertIsNone(error.__context__)
            for secret in (PHONE[3:], "123456", sms_files.PASSWORD, sms_files.REPORT_SECRET):
                self.assertNotIn(secret, shown)


class FieldTests(SimpleTestCase):
    """Signs that stand deep in an answer in JSON."""

    FILE = sms_files.PLAIN.replace(
        "pattern = '(?P<code>-?[0-9]+)(\\|(?P<id>\\w+))?'\n", ""
    ).replace('id = "id"', 'id = "results.0.id"')

    def test_paths_lead_through_tables_and_lists(self):
        (supplier,) = gateway.supply_each(self, sms_files.Plain)
        file = self.FILE.replace('code = ["0"]', '"results.0.ok" = ["true"], code = ["0"]')
        self.assertNotIn("pattern", file)
        plain = replace(sms_files.described(file)["plain"], address=supplier.address)
        cases = (
            ({"code": 0, "results": [{"ok": True, "id": 71}]}, "71"),
            ({"code": "0", "results": [{"ok": "true", "id": "x\0\ud800"}]}, "x\0\ud800"),
            ({"code": "0", "results": [{"ok": True}]}, ""),
            ({"code": "0", "results": [{"ok": True, "id": {"a": 1}}]}, ""),
            ({"code": "0", "results": [{"ok": False, "id": "1"}]}, None),
            ({"code": 0.0, "results": [{"ok": True, "id": "1"}]}, None),
            ({"code": False, "results": [{"ok": True, "id": "1"}]}, None),
            ({"code": "0", "results": []}, None),
            ({"code": "0", "results": {"0": "true"}}, None),
            ([0], None),
        )
        for body, expected in cases:
            with self.subTest(body), override_settings(SMS_SUPPLIERS={"plain": plain}):
                (carrier,) = from_settings()
                sms = Sms(PHONE, TEXT, good_for=dt.timedelta(minutes=5))
                supplier.plan = [gateway.say(200, json.dumps(body))]

                if expected is None:
                    self.assertRaises(Unknown, carrier.send, sms)
                else:
                    self.assertEqual(carrier.send(sms), expected)


class HandOnTests(SendingTestCase):
    """Described first, the gateways in code behind it."""

    def setUp(self):
        super().setUp()
        self.plain = sms_files.Plain()
        self.addCleanup(self.plain.close)
        described = self.plain.environment() | {"SMS_GATEWAY": "plain,twilio"}
        self.enterContext(override_settings(**described))
        self.route = route_from_settings()

    def test_what_may_have_left_is_with_nobody_else_and_what_did_not_is_handed_on(self):
        cases = (
            (gateway.accept, State.ACCEPTED, "plain"),
            (gateway.say(503, "-9"), State.ACCEPTED, "twilio"),
            (gateway.fail(500), State.UNKNOWN, "plain"),
            (gateway.say(200, '0|a\0"'), State.UNKNOWN, "plain"),
            (gateway.say(200, "6"), State.REJECTED, "plain"),
        )
        for n, (answer, state, by) in enumerate(cases):
            message = self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
            self.plain.plan = [answer]
            with self.subTest(n):
                self.deliver()

                self.assert_state(message, state, by=by)
                self.make_due()
                self.assertFalse(self.deliver())
        self.assertEqual((len(self.plain.texts), len(self.twilio.texts)), (len(cases), 1))
        self.assertEqual(Code.objects.filter(voided=True).count(), 1)


GOOD = sms_files.BY_HMAC
# What replaces what in a good file, and the key that is then named.
FAULTS = (
    ("dead", "alive", "alive"),
    ('dead = ["6"]', "dead = [6]", "dead"),
    ('dead = ["6"]', 'dead = ["6"]\nrepeats_are_harmless = "yes"', "repeats_are_harmless"),
    ('dead = ["6"]', 'dead = ["6"]\nrepeats_are_harmless = true', "repeats_are_harmless"),
    ("SMS_PLAIN_PASSWORD", "SECRET_KEY", "secrets.password"),
    ("SMS_PLAIN_PASSWORD", "SMS_NOT_SET", "SMS_NOT_SET"),
    ("password = ", "text = ", "secrets.text"),
    ("https://sms.example.vn/send?v=2", "sms.example.vn", "request.address"),
    ("https://sms.example.vn", "https://u:geheim@sms.example.vn", "request.address"),
    ("https://sms.example.vn", "https://sms.example.vn:x", "request.address"),
    ("?v=2", "?v={password}", "request.address"),
    ('format = "form"', 'format = "xml"', "request.format"),
    ('format = "form"', 'format = "form"\nmethod = "GET"', "request.method"),
    ('number = "84"', 'number = "084"', "request.number"),
    ('number = "84"', "number = 84", "request.number"),
    ('number = "84"\n', "", "request.number"),
    ("Authorization", "Content-Length", "request.headers.Content-Length"),
    ("Bearer {password}", "{text}", "request.headers.Authorization"),
    ("Bearer {password}", "a\\nb", "request.headers.Authorization"),
    ('user = "so-tttt"', 'user = "{secret}"', "{secret}"),
    ('user = "so-tttt"', "user = 1", "request.body.user"),
    ('user = "so-tttt"', 'user = {a = "b"}', "request.body.user"),
    ('user = "so-tttt"', 'user = "{receipt}"', "{receipt}"),
    ('message = "{text}"', "", "{text}"),
    ('dest = "{to}"', "", "{to}"),
    ("[answer]", "[answer]\nnote = 1", "answer.note"),
    ("(?P<code>", "(?P<code", "answer.pattern"),
    ("(?P<id>", "(?P<ident>", "answer.pattern"),
    ('id = "id"\n', "", "answer.id"),
    ('taken = [{ code = ["0"] }]\n', "", "answer.taken"),
    ('taken = [{ code = ["0"] }]', "taken = []", "answer.taken"),
    ('taken = [{ code = ["0"] }]', "taken = [{}]", "answer.taken[0]"),
    ('code = ["0"]', 'http = ["4xx"]', "answer.taken[0].http"),
    ('code = ["6"]', "code = []", "answer.refused[0].code"),
    ('code = ["6"]', 'http = ["2xx"]', "answer.refused[0].http"),
    ('http = ["429"]', 'http = ["5xx"]', "answer.busy[0].http"),
    ('http = ["429"]', 'http = ["302"]', "answer.busy[0].http"),
    ('method = "POST"', 'method = "GET"', "receipt.method"),
    ('format = "json"', 'format = "query"', "receipt.format"),
    ('id = "report.id"\n', "", "receipt.id"),
    ('"report.state" = ["DELIVRD"]', "", "receipt.delivered[0]"),
    ('secret = "reports"', 'secret = "report"', "receipt.secret"),
    ('header = "X-Signature"', 'header = "X Signature"', "receipt.header"),
    ('proof = "hmac"', 'proof = "none"', "receipt.proof"),
    ('proof = "hmac"', 'proof = "message"', "receipt"),
    ("[receipt]", "[receipt", "is not TOML"),
)


class FileTests(SimpleTestCase):
    def test_a_good_file_is_read(self):
        for text in (sms_files.PLAIN, sms_files.BY_ADDRESS, GOOD):
            self.assertEqual(list(sms_files.described(text)), ["plain"])

    def test_a_secret_may_come_from_a_file(self):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write("from-a-file\n")
            file.flush()
            with mock.patch.dict(sms_files.SECRETS, SMS_PLAIN_PASSWORD_FILE=file.name):
                del sms_files.SECRETS["SMS_PLAIN_PASSWORD"]
                supplier = sms_files.described(GOOD)["plain"]

        self.assertEqual(supplier.secrets["password"], "from-a-file")

    def test_a_fault_is_named_with_its_setting_its_file_and_its_key(self):
        for old, new, key in FAULTS:
            with self.subTest(old=old, new=new):
                self.assertIn(old, GOOD)
                with self.assertRaises(ImproperlyConfigured) as caught:
                    sms_files.described(GOOD.replace(old, new, 1))

                said = str(caught.exception)
                self.assertRegex(said, r"^SMS_SUPPLIER_FILES: \S+/plain\.toml: ")
                self.assertIn(key, said)
                for secret in ("geheim", sms_files.PASSWORD, sms_files.REPORT_SECRET):
                    self.assertNotIn(secret, said)

    def test_a_secret_that_no_header_may_hold_is_not_shown(self):
        for value in ("geheim\nX: 1", "geheim\u0111"):
            with (
                self.subTest(value),
                mock.patch.dict(sms_files.SECRETS, SMS_PLAIN_PASSWORD=value),
                self.assertRaises(ImproperlyConfigured) as caught,
            ):
                sms_files.described(GOOD)
            self.assertIn("request.headers.Authorization", str(caught.exception))
            self.assertNotIn("geheim", str(caught.exception))

    def test_a_file_is_named_as_a_gateway_is(self):
        for name in ("Viettel", "a b", "x" * 33, "-a"):
            with self.subTest(name), self.assertRaises(ImproperlyConfigured):
                sms_files.described(GOOD, name)
