"""Settings with which nothing could be sent, or too much be seen, stop the start."""

import secrets
from dataclasses import replace

from django.core.checks import run_checks
from django.test import SimpleTestCase, override_settings

from otp.suppliers.smpp import SetUp
from tests.support.programs import sms_files


class SetUpTests(SimpleTestCase):
    twilio = {
        "SMS_GATEWAY": "twilio",
        "TWILIO_ACCOUNT_SID": "AC0",
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_FROM": "+12025550123",
        "TWILIO_MESSAGING_SERVICE_SID": "",
    }

    def faults(self, *, deploy=False, **changes):
        with override_settings(**changes):
            found = run_checks(include_deployment_checks=deploy)
        faults = [fault for fault in found if fault.id.startswith("otp.")]
        for fault in faults:
            self.assertIn("Set ", fault.hint)
        return [(fault.id, fault.msg + fault.hint) for fault in faults]

    def assert_fault(self, fault_id, name, **changes):
        ((found, words),) = self.faults(**changes)
        self.assertEqual(found, fault_id)
        self.assertIn(name, words)

    def test_good_settings_pass(self):
        good = (
            {},
            {"OTP_LIFETIME": 60},
            {"OTP_LIFETIME": 300},
            {"OTP_PEPPERS": [secrets.token_hex(16), secrets.token_hex(16)]},
            {"RETENTION_CODES_DAYS": 2},
            self.twilio | {"deploy": True},
            self.twilio | {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG0"},
        )
        for changes in good:
            with self.subTest(changes):
                self.assertEqual(self.faults(**changes), [])

    def test_a_code_lives_one_to_five_minutes(self):
        for seconds in (0, 59, 301):
            with self.subTest(seconds):
                self.assert_fault("otp.E001", "OTP_LIFETIME", OTP_LIFETIME=seconds)

    def test_a_weak_or_missing_pepper_is_refused(self):
        for peppers in ([], [""], [secrets.token_hex(16), secrets.token_hex(8)], ["n" * 40]):
            with self.subTest(peppers):
                self.assert_fault("otp.E002", "OTP_PEPPER", OTP_PEPPERS=peppers)

    def test_codes_are_kept_for_as_long_as_they_count(self):
        self.assert_fault("otp.E003", "RETENTION_CODES_DAYS", RETENTION_CODES_DAYS=1)

    def test_a_gateway_must_be_chosen_and_complete(self):
        self.assert_fault("otp.E004", "SMS_GATEWAY", SMS_GATEWAY="")
        self.assert_fault("otp.E004", "SMS_GATEWAY", SMS_GATEWAY="pigeon")
        self.assert_fault("otp.E004", "SMS_GATEWAY", **self.twilio | {"SMS_GATEWAY": "twilio,"})
        self.assert_fault("otp.E005", "SMS_FILE", SMS_GATEWAY="file", SMS_FILE="")
        for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"):
            with self.subTest(name):
                self.assert_fault("otp.E006", name, **self.twilio | {name: ""})

    def test_each_gateway_of_several_must_be_complete(self):
        both = self.twilio | {"SMS_GATEWAY": "twilio,esms", "ESMS_API_KEY": "k"}
        self.assertEqual(self.faults(**both, ESMS_SECRET_KEY="s"), [])
        self.assert_fault("otp.E008", "ESMS_SECRET_KEY", **both, ESMS_SECRET_KEY="")
        self.assert_fault(
            "otp.E006", "TWILIO_AUTH_TOKEN", **both | {"TWILIO_AUTH_TOKEN": ""}, ESMS_SECRET_KEY="s"
        )

    def test_a_line_to_an_operator_is_complete_and_safe(self):
        line = SetUp(url="smpps://smsc.example.vn", system_id="s", password="p")
        over = {"SMS_GATEWAY": "smpp"}
        self.assertEqual(self.faults(**over, SMPP=line, deploy=True), [])
        for field in ("url", "system_id", "password"):
            with self.subTest(field):
                lacking = replace(line, **{field: ""})
                self.assert_fault("otp.E017", f"SMPP_{field.upper()}", **over, SMPP=lacking)
        for ca_file in ("/nonexistent/ca.pem", __file__):
            lost = replace(line, ca_file=ca_file)
            self.assert_fault("otp.E018", "SMPP_CA_FILE", **over, SMPP=lost)

    def test_a_line_is_in_clear_only_where_nobody_else_is_on_it(self):
        over = {"SMS_GATEWAY": "smpp"}
        line = SetUp(system_id="s", password="p")
        cases = {
            "smpp://127.0.0.1:2775": (True, True),
            "smpp://localhost": (True, True),
            "smpp://10.20.0.5": (False, True),
            "smpp://[fd00::5]:2775": (False, True),
            "smpp://123.30.1.1": (False, False),
            "smpp://smsc.example.vn": (False, False),
        }
        for url, allowed in cases.items():
            for leased, good in zip((False, True), allowed, strict=True):
                with self.subTest(url=url, leased=leased):
                    to = replace(line, url=url, leased_line=leased)
                    found = self.faults(**over, SMPP=to)
                    self.assertEqual([each[0] for each in found], [] if good else ["otp.E012"])

    def test_a_described_gateway_is_one_to_choose(self):
        suppliers = sms_files.described(sms_files.BY_ADDRESS)
        several = self.twilio | {"SMS_SUPPLIERS": suppliers}
        for names in ("plain", "twilio,plain"):
            self.assertEqual(self.faults(**several | {"SMS_GATEWAY": names}, deploy=True), [])
        self.assert_fault("otp.E004", "plain", **self.twilio | {"SMS_GATEWAY": "plain"})

    def test_a_described_gateway_is_safe(self):
        plain = sms_files.described(sms_files.BY_ADDRESS)["plain"]
        weak = replace(plain.receipt, secret="a" * 40)
        cases = (
            ("otp.E012", "request.address", replace(plain, address="http://sms.example.vn/")),
            ("otp.E012", "request.address", replace(plain, address="ftp://127.0.0.1/")),
            ("otp.E015", "esms.toml", replace(plain, name="esms")),
            ("otp.E016", "SMS_PLAIN_REPORTS", replace(plain, receipt=weak)),
        )
        for fault_id, words, supplier in cases:
            with self.subTest(words):
                self.assert_fault(
                    fault_id, words, **self.twilio, SMS_SUPPLIERS={supplier.name: supplier}
                )
        local = {"plain": replace(plain, address="http://127.0.0.1:8080/")}
        self.assertEqual(self.faults(**self.twilio, SMS_SUPPLIERS=local), [])

    def test_a_deployment_refuses_gateways_that_show_codes(self):
        for name in ("console", "file", "file,console"):
            with self.subTest(name):
                self.assert_fault("otp.E007", "SMS_GATEWAY", SMS_GATEWAY=name, deploy=True)
