"""The gateway to a supplier that a file describes, with the reports on its messages."""

import hashlib
import hmac
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from requests import Request, Response

from otp.models import Message
from otp.suppliers import receipts
from otp.suppliers.description import Receipt, Supplier, filled, first_reason, word_at
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown
from otp.suppliers.http import Transport, object_in, retry_after

State = Message.State


class DescribedGateway:
    """Sends as the supplier's file says; an answer that the file does not name is `Unknown`."""

    def __init__(self, name: str) -> None:
        self._supplier = settings.SMS_SUPPLIERS[name]
        self.name = name
        self.repeats_are_harmless = self._supplier.repeats_are_harmless
        self._transport = Transport()

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        supplier = self._supplier
        places = _places(supplier, sms)
        request = Request(
            supplier.method,
            supplier.address,
            headers={name: filled(value, places) for name, value in supplier.headers.items()},
        )
        if supplier.format == "json":
            request.json = filled(supplier.body, places)
        else:
            request.data = filled(supplier.body, places)
        return _judge(supplier, self._transport.send(request))


@csrf_exempt
@login_not_required
def receipt(
    request: HttpRequest, supplier: str, message_id: int = 0, token: str = "", secret: str = ""
) -> HttpResponse:
    """Take a report on a message, proved in the way that the supplier's file names."""
    described = settings.SMS_SUPPLIERS.get(supplier)
    looks = described.receipt if described else None
    if looks is None or not _is_proved(looks, request, message_id, token, secret):
        return HttpResponseForbidden()
    if request.method != looks.method:
        return HttpResponseNotAllowed([looks.method])
    fields = _fields(looks, request)
    gateway_id = receipts.clean_id(word_at(fields, looks.id)) if looks.id else ""
    number = message_id if looks.proof == "message" else receipts.message_of(supplier, gateway_id)
    _report(looks, fields, supplier, number, gateway_id)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _places(supplier: Supplier, sms: Sms) -> dict[str, str]:
    """Give what stands for each place of the request."""
    token = receipts.token(sms.message_id)
    path = f"/sms/{supplier.name}/trang-thai/{sms.message_id}/{token}/"
    return {
        **supplier.secrets,
        "to": supplier.number + sms.to.removeprefix("+84"),
        "text": sms.text,
        "id": token,
        "receipt": settings.PUBLIC_BASE_URL + path,
        "brand": settings.PROFILE.sms.brand,
    }


def _judge(supplier: Supplier, response: Response) -> str:
    """Give the supplier's id of an accepted message, or raise what the answer means."""
    status, fields = response.status_code, _fields_of(supplier, response)
    if first_reason(supplier.taken, fields, status) is not None:
        return word_at(fields, supplier.id) if supplier.id else ""
    refused = first_reason(supplier.refused, fields, status)
    if refused is not None:
        raise GatewayRefused(refused)
    busy = first_reason(supplier.busy, fields, status)
    if busy is not None:
        raise NotSent(busy, retry_after=retry_after(response.headers))
    raise Unknown("unreadable" if 200 <= status < 300 else f"http-{status}")


def _fields_of(supplier: Supplier, response: Response) -> dict[str, object]:
    if supplier.pattern is None:
        return object_in(response.text)
    found = supplier.pattern.fullmatch(response.text.strip())
    return dict(found.groupdict()) if found else {}


def _is_proved(
    looks: Receipt, request: HttpRequest, message_id: int, token: str, secret: str
) -> bool:
    if looks.proof == "message":
        return receipts.is_token(token, message_id)
    if looks.proof == "address":
        return constant_time_compare(secret, looks.secret)
    signed = hmac.new(looks.secret.encode(), request.body, hashlib.sha256).hexdigest()
    return constant_time_compare(request.headers.get(looks.header, ""), looks.prefix + signed)


def _fields(looks: Receipt, request: HttpRequest) -> dict[str, object]:
    if looks.format == "json":
        return object_in(request.body.decode(errors="replace"))
    return dict((request.GET if looks.format == "query" else request.POST).items())


def _report(
    looks: Receipt, fields: dict[str, object], gateway: str, number: int, gateway_id: str
) -> None:
    if first_reason(looks.delivered, fields) is not None:
        state, reason = State.DELIVERED, ""
    else:
        failed = first_reason(looks.failed, fields)
        if failed is None:
            return
        state, reason = State.FAILED, failed
    receipts.report(number, state, gateway=gateway, gateway_id=gateway_id, reason=reason)
