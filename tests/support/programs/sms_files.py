"""Suppliers of SMS that files describe: the shipped example, and one of forms and plain text."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qsl

from django.conf import settings
from environs import FileAwareEnv

from otp.suppliers import description_file
from otp.suppliers.esms import PATH
from tests.support.programs import gateway

EXAMPLE = settings.BASE_DIR / "deploy" / "sms" / "esms-file.toml"
PASSWORD = "a-password-nobody-may-read"
REPORT_SECRET = "5c1f0a9e7d3b48265c1f0a9e7d3b4826"
SECRETS = {
    "SMS_ESMS_API_KEY": gateway.API_KEY,
    "SMS_ESMS_SECRET_KEY": gateway.SECRET_KEY,
    "SMS_PLAIN_PASSWORD": PASSWORD,
    "SMS_PLAIN_REPORTS": REPORT_SECRET,
}
PLAIN = """
dead = ["6"]
[secrets]
password = "SMS_PLAIN_PASSWORD"
reports = "SMS_PLAIN_REPORTS"
[request]
address = "https://sms.example.vn/send?v=2"
format = "form"
number = "84"
[request.headers]
Authorization = "Bearer {password}"
[request.body]
user = "so-tttt"
dest = "{to}"
message = "{text}"
[answer]
pattern = '(?P<code>-?[0-9]+)(\\|(?P<id>\\w+))?'
id = "id"
taken = [{ code = ["0"] }]
refused = [{ code = ["6"] }]
busy = [{ http = ["429"] }, { http = ["503"], code = ["-9"] }]
"""
REPORTS = """
[receipt]
method = "POST"
format = "json"
id = "report.id"
delivered = [{ "report.state" = ["DELIVRD"] }]
failed = [{ "report.state" = ["UNDELIV", "6"] }]
"""
BY_ADDRESS = PLAIN + REPORTS + 'proof = "address"\nsecret = "reports"\n'
BY_HMAC = (
    PLAIN
    + REPORTS
    + ('proof = "hmac"\nsecret = "reports"\nheader = "X-Signature"\nprefix = "sha256="\n')
)


def described(text, name="plain"):
    """Give the supplier of a description, as the settings read it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        with mock.patch.dict(os.environ, SECRETS):
            return description_file.load([str(file)], FileAwareEnv(strip_whitespace=True))


class EsmsByFile(gateway.Esms):
    """eSMS, sent to as deploy/sms/esms-file.toml says."""

    name = "esms-file"

    def environment(self, address=""):
        supplier = described(EXAMPLE.read_text(encoding="utf-8"), self.name)[self.name]
        moved = replace(supplier, address=(address or self.address) + PATH)
        return {"SMS_GATEWAY": self.name, "SMS_SUPPLIERS": {self.name: moved}}


class _PlainHandler(gateway._SupplierHandler):
    refusal_status = 200

    def read(self, body):
        self.fields = dict(parse_qsl(body, strict_parsing=True))
        return {
            "to": self.fields["dest"],
            "text": self.fields["message"],
            "known": self.headers["Authorization"] == f"Bearer {PASSWORD}",
            "fields": self.fields,
        }

    def accept(self):
        self.answer(200, f"0|{self.supplier.next_id():x}\r\n")

    def refuse(self, code, status):
        self.answer(status, str(code))


class Plain(gateway.Supplier):
    name = "plain"
    handler = _PlainHandler
    description = PLAIN

    def environment(self, address=""):
        supplier = described(self.description)[self.name]
        moved = replace(supplier, address=(address or self.address) + "/send?v=2")
        return {"SMS_GATEWAY": self.name, "SMS_SUPPLIERS": {self.name: moved}}
