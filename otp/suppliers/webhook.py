"""Posts an alert to the office's own address, signed, or raises `NotSent`."""

import hashlib
import hmac
import json
import time

from django.conf import settings
from requests import Request

from otp.suppliers.gateway import NotSent, SmsError
from otp.suppliers.http import Transport

OK = range(200, 300)


def body_of(kind: str, lines: list[str]) -> str:
    """Write an alert as it is posted."""
    return json.dumps({"kind": kind, "lines": lines, "portal": settings.PUBLIC_BASE_URL})


def post(body: str) -> str:
    """Post it once. Twice does no harm, so that whatever goes wrong is `NotSent`."""
    at = str(int(time.time()))
    signed = hmac.new(
        settings.ALERT_WEBHOOK_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256
    )
    headers = {
        "Content-Type": "application/json",
        "X-Portal-Timestamp": at,
        "X-Portal-Signature": f"sha256={signed.hexdigest()}",
    }
    request = Request("POST", settings.ALERT_WEBHOOK_URL, headers=headers, data=body.encode())
    try:
        response = Transport().send(request)
    except SmsError as error:
        raise NotSent(error.reason) from None
    if response.status_code not in OK:
        raise NotSent(f"http-{response.status_code}")
    return ""
