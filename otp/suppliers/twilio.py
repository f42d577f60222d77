"""The gateway to Twilio's Messages, with its delivery reports."""

import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST
from requests import Request, Response
from twilio.http import HttpClient
from twilio.http.response import Response as Answer
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from otp.models import Message
from otp.suppliers import receipts
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown
from otp.suppliers.http import Transport, fields_of, retry_after

logger = logging.getLogger(__name__)

API_BASE = "https://api.twilio.com"
VALIDITY = (1, 36_000)  # seconds; what the supplier allows
# Nothing was sent, and the fault is the office's account's, not the number's: another supplier may
# well take the message. Credentials, suspended account, sender not ours, sender not able to.
NOT_THIS_WAY = frozenset({20003, 20005, 21212, 21606, 21659, 21660, 21705})

State = Message.State
_STATES = {
    "accepted": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.ACCEPTED,
    "sent": State.ACCEPTED,
    "delivered": State.DELIVERED,
    "undelivered": State.FAILED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


class TwilioGateway:
    """Sends by Twilio's Messages. The number and the text are in no error and in no log."""

    name = "twilio"
    repeats_are_harmless = False  # Messages has no idempotency key

    def __init__(self) -> None:
        self._client = client()
        if settings.TWILIO_MESSAGING_SERVICE_SID:
            self._sender = {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
        else:
            self._sender = {"from_": settings.TWILIO_FROM}

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        shortest, longest = VALIDITY
        message = self._client.messages.create(
            to=sms.to,
            body=sms.text,
            validity_period=max(shortest, min(int(sms.left.total_seconds()), longest)),
            status_callback=f"{_receipt_address()}?message={sms.message_id}",
            **self._sender,
        )
        return str(message.sid)


@csrf_exempt
@login_not_required
@require_POST
def receipt(request: HttpRequest) -> HttpResponse:
    """Take a report on a message, where it is signed."""
    if not is_signed(request):
        return HttpResponseForbidden()
    state = _STATES.get(request.POST.get("MessageStatus", ""))
    if state:
        receipts.report(
            receipts.number(request.GET.get("message", "")),
            state,
            gateway=TwilioGateway.name,
            gateway_id=request.POST.get("MessageSid", ""),
            reason=request.POST.get("ErrorCode", ""),
        )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def client() -> Client:
    """Make the library's client, which sends by our transport."""
    return Client(  # type: ignore[no-untyped-call]  # the library's own
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        http_client=_HttpClient(settings.TWILIO_API_BASE or API_BASE),
    )


def is_signed(request: HttpRequest) -> bool:
    """Whether a report is Twilio's: its signature is made over our public address."""
    if not settings.TWILIO_AUTH_TOKEN:
        return False
    address = f"{settings.PUBLIC_BASE_URL}{request.get_full_path()}"
    signature = request.headers.get("X-Twilio-Signature", "")
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)  # type: ignore[no-untyped-call]
    return bool(validator.validate(address, request.POST, signature))  # type: ignore[no-untyped-call]


def _receipt_address() -> str:
    return f"{settings.PUBLIC_BASE_URL}/sms/twilio/trang-thai/"


class _HttpClient(HttpClient):
    """Carries the library's requests to TWILIO_API_BASE and judges the answers.

    The library's own transport logs, and its own errors repeat the number; neither happens here.
    """

    def __init__(self, base: str) -> None:
        super().__init__(logger, is_async=False)
        self._base = base.rstrip("/")
        self._transport = Transport()

    @sensitive_variables()
    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT001, FBT002  (the library's signature)
    ) -> Answer:
        url = self._base + urlsplit(uri).path
        response = self._transport.send(
            Request(method, url, params=params, data=data, headers=headers, auth=auth)
        )
        _judge(response)
        return Answer(response.status_code, response.text, response.headers)


def _judge(response: Response) -> None:
    """Raise what an answer means, unless the supplier took the message and gave its id."""
    status = response.status_code
    fields = fields_of(response)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("http-429", retry_after=retry_after(response.headers))
    if 400 <= status < 500:
        raise _refusal(status, fields.get("code"))
    if not 200 <= status < 300:
        raise Unknown(f"http-{status}")
    if not isinstance(fields.get("sid"), str):
        raise Unknown("unreadable")


def _refusal(status: int, code: object) -> NotSent | GatewayRefused:
    reason = str(code) if isinstance(code, int) else f"http-{status}"
    account_fault = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if account_fault or code in NOT_THIS_WAY:
        return NotSent(reason)
    return GatewayRefused(reason)
