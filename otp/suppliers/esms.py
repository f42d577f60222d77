"""The gateway to eSMS, which sends under an office's registered brand name in Vietnam."""

from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe
from requests import Request, Response

from otp.models import Message
from otp.phones import national
from otp.suppliers import receipts
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown
from otp.suppliers.http import Transport, fields_of, retry_after

API_BASE = "https://rest.esms.vn"
PATH = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"

ACCEPTED = "100"
KNOWN_ALREADY = "124"  # the same RequestId was accepted before: a repeat did no harm
# Nothing was sent, and the fault lies with the office's account or this way out, not with the
# number: another supplier may well take the message.
NOT_THIS_WAY = frozenset({"101", "102", "103", "104", "118", "140", "146", "177", "300"})
DONE, REFUSED = "5", "4"  # of SendStatus; the others are on their way


class EsmsGateway:
    """Sends by eSMS, where a repeat with the same request id is harmless."""

    name = "esms"
    repeats_are_harmless = True

    def __init__(self) -> None:
        self._url = (settings.ESMS_API_BASE or API_BASE).rstrip("/") + PATH
        self._transport = Transport()

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        token = receipts.token(sms.message_id)
        receipt_path = f"/sms/esms/trang-thai/{sms.message_id}/{token}/"
        fields = {
            "ApiKey": settings.ESMS_API_KEY,
            "SecretKey": settings.ESMS_SECRET_KEY,
            "Phone": national(sms.to),
            "Content": sms.text,
            "Brandname": settings.ESMS_BRANDNAME or settings.PROFILE.sms.brand,
            "SmsType": "2",  # customer care, which is what codes and notices are
            "IsUnicode": "0",
            "Sandbox": "1" if settings.ESMS_SANDBOX else "0",
            "RequestId": token,
            "CallbackUrl": settings.PUBLIC_BASE_URL + receipt_path,
        }
        return _judge(self._transport.send(Request("POST", self._url, json=fields)))


@login_not_required
@require_safe
def receipt(request: HttpRequest, message_id: int, token: str) -> HttpResponse:
    """Take a report on a message. They are not signed: the address itself is the secret."""
    if not receipts.is_token(token, message_id):
        return HttpResponseForbidden()
    status = request.GET.get("SendStatus", "")
    if status in (DONE, REFUSED):
        arrived = status == DONE and request.GET.get("SendSuccess") == "1"
        receipts.report(
            message_id,
            Message.State.DELIVERED if arrived else Message.State.FAILED,
            gateway=EsmsGateway.name,
            gateway_id=request.GET.get("SMSID", ""),
            reason="" if arrived else status,
        )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _judge(response: Response) -> str:
    """Give the supplier's id of an accepted message, or raise what the answer means."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("http-429", retry_after=retry_after(response.headers))
    if 400 <= response.status_code < 500:
        raise NotSent(f"http-{response.status_code}")
    fields = fields_of(response)
    code = str(fields.get("CodeResult", ""))
    if code in (ACCEPTED, KNOWN_ALREADY):
        return str(fields.get("SMSID") or "")
    if code in NOT_THIS_WAY:
        raise NotSent(code)
    if code.isdigit():
        raise GatewayRefused(code)
    raise Unknown("unreadable" if response.ok else f"http-{response.status_code}")
