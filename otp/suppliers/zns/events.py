"""What Zalo reports: that a message has come to its phone."""

import hashlib
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from otp.models import Message
from otp.suppliers import receipts
from otp.suppliers.http import object_in
from otp.suppliers.zns.gateway import ZnsGateway

RECEIVED = "user_received_message"


@csrf_exempt
@login_not_required
@require_POST
def receipt(request: HttpRequest) -> HttpResponse:
    """Take an event, where it is signed. Zalo sends those of the whole account here."""
    body = request.body.decode(errors="replace")
    fields = object_in(body)
    if not _is_signed(body, fields, request.headers.get("X-ZEvent-Signature", "")):
        return HttpResponseForbidden()
    told = fields.get("message")
    if fields.get("event_name") == RECEIVED and isinstance(told, dict):
        number, _, token = str(told.get("tracking_id", "")).partition(".")
        message_id = receipts.number(number)
        if message_id and receipts.is_token(token, message_id):
            receipts.report(
                message_id,
                Message.State.DELIVERED,
                gateway=ZnsGateway.name,
                gateway_id=str(told.get("msg_id", "")),
                reason="",
            )
    return HttpResponse(status=HTTPStatus.OK)


@sensitive_variables()
def _is_signed(body: str, fields: dict[str, object], signature: str) -> bool:
    """Whether the mac is that of the application's id, the body, its time and the event key."""
    zalo = settings.CODE_WAYS.zalo
    if not (zalo.app_id and zalo.event_key):
        return False
    signed = f"{zalo.app_id}{body}{fields.get('timestamp', '')}{zalo.event_key}"
    mac = hashlib.sha256(signed.encode(errors="replace")).hexdigest()
    return constant_time_compare(signature.encode(errors="replace"), f"mac={mac}".encode())
