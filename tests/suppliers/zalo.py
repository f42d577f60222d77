"""Zalo and Twilio's calls on this machine: messages, tokens and signed reports."""

import hashlib
import json
import secrets
from urllib.parse import parse_qsl

from django.test import override_settings
from twilio.request_validator import RequestValidator

from otp.suppliers.code_ways import CodeWays, Zalo
from otp.suppliers.zns import tokens
from otp.suppliers.zns.gateway import tracking_id  # noqa: F401
from tests.support.programs import gateway

APP_ID, APP_KEY, EVENT_KEY = "4214214214", "an-app-key-nobody-may-read", "an-event-key"
TEMPLATE = "213456"
CALLER = "+12025550177"


class _ZaloHandler(gateway._SupplierHandler):
    refusal_status = 200

    def read(self, body):
        if self.path.startswith("/v4/oa/"):
            fields = dict(parse_qsl(body, strict_parsing=True))
            self.renews = True
            return {"renews": fields, "known": self.headers["secret_key"] == APP_KEY}
        self.renews = False
        self.fields = json.loads(body)
        return {
            "to": self.fields["phone"],
            "text": self.fields["template_data"],
            "template": self.fields["template_id"],
            "tracking": self.fields["tracking_id"],
            "token": self.headers["access_token"],
        }

    def accept(self):
        supplier = self.supplier
        if self.renews:
            self.answer(200, supplier.renew(supplier.renewals[-1]["renews"]))
        elif self.headers["access_token"] != supplier.access:
            self.answer(200, {"error": -124, "message": "Access token invalid"})
        else:
            data = {"msg_id": f"z{supplier.next_id():x}", "quota": {}}
            self.answer(200, {"error": 0, "data": data})

    def refuse(self, code, status):
        # As if the number were in its words.
        self.answer(200, {"error": code, "message": f"{self.fields.get('phone')} refused"})


class ZaloService(gateway.Supplier):
    """Both of Zalo's addresses: a refresh token is good once."""

    name = "zns"
    handler = _ZaloHandler

    def __init__(self):
        super().__init__()
        self.access, self.refresh = "access-0", "refresh-0"
        self.renewals, self.token_plan = [], []

    def take(self, given):
        if "renews" not in given:
            return super().take(given)
        with self._lock:
            self.renewals.append(given)
            return self.token_plan.pop(0) if self.token_plan else gateway.accept

    def renew(self, asked):
        with self._lock:
            if asked["refresh_token"] != self.refresh:
                return {"error": -14014, "error_name": "Invalid refresh token."}
            self.access, self.refresh = (f"{kind}-{secrets.token_hex(4)}" for kind in ("a", "r"))
            pair = {"access_token": self.access, "refresh_token": self.refresh}
            return pair | {"expires_in": "90000"}


class _CallHandler(gateway._SupplierHandler):
    refusal_status = 400

    def read(self, body):
        self.fields = dict(parse_qsl(body, strict_parsing=True))
        return {
            "to": self.fields["To"],
            "from": self.fields["From"],
            "said": self.fields["Twiml"],
            "events": [value for name, value in parse_qsl(body) if name == "StatusCallbackEvent"],
            "report_to": self.fields["StatusCallback"],
        }

    def accept(self):
        self.answer(201, {"sid": f"CA{self.supplier.next_id():032x}", "status": "queued"})

    def refuse(self, code, status):
        words = f"{self.fields['To']} {self.fields['Twiml']}"
        self.answer(400, {"code": code, "message": words, "status": 400})


class Calls(gateway.Supplier):
    name = "voice"
    handler = _CallHandler


def set_up(test, order, *, twilio=None):
    """Start what the ways of `order` need, and make the settings send codes by them."""
    zalo, calls = ZaloService(), Calls()
    test.addCleanup(zalo.close)
    test.addCleanup(calls.close)
    ways = CodeWays(
        order=order,
        zalo=Zalo(
            app_id=APP_ID,
            secret_key=APP_KEY,
            event_key=EVENT_KEY,
            template_id=TEMPLATE,
            api_base=zalo.address,
            oauth_base=zalo.address,
        ),
        voice_from=CALLER,
    )
    changed = {"CODE_WAYS": ways}
    if twilio is None:
        changed |= {
            "TWILIO_ACCOUNT_SID": gateway.SID,
            "TWILIO_AUTH_TOKEN": gateway.TOKEN,
            "TWILIO_API_BASE": calls.address,
        }
    over = override_settings(**changed)
    over.enable()
    test.addCleanup(over.disable)
    return zalo, calls


def give_tokens(zalo):
    """Keep the pair that this Zalo knows, as good for a day."""
    tokens.store(zalo.access, zalo.refresh)
    tokens.in_force()


def received(client, tracking, *, key=EVENT_KEY, name="user_received_message", signature=None):
    """Report, as Zalo does, that a message has come to its phone."""
    event = {
        "app_id": APP_ID,
        "event_name": name,
        "message": {"msg_id": "z1", "tracking_id": tracking, "delivery_time": "1767225600000"},
        "timestamp": "1767225600001",
    }
    body = json.dumps(event)
    mac = hashlib.sha256(f"{APP_ID}{body}{event['timestamp']}{key}".encode()).hexdigest()
    return client.post(
        "/sms/zns/trang-thai/",
        body,
        content_type="application/json",
        headers={"X-ZEvent-Signature": f"mac={mac}" if signature is None else signature},
    )


def call_came_to(client, message_id, status, *, key=gateway.TOKEN):
    """Report, as Twilio does, what a call came to."""
    path = f"/sms/voice/trang-thai/?message={message_id}"
    data = {"CallSid": "CA1", "CallStatus": status}
    signature = RequestValidator(key).compute_signature(f"http://testserver{path}", data)
    return client.post(path, data, headers={"X-Twilio-Signature": signature})
