"""The gateway that calls a number and reads a code aloud, by Twilio's Calls."""

from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from otp.models import Message
from otp.suppliers import receipts, twilio
from otp.suppliers.gateway import Sms

RING_FOR = 25  # seconds

# What is read is Vietnamese, whatever language pages are read in. Each digit is a word, because a
# voice would read six of them as one number.
_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_BEGINNING = "Đây là mã xác thực thư công vụ của bạn."
_AGAIN = "Xin nhắc lại."
_END = "Không đọc mã này cho bất kỳ ai."

State = Message.State
_STATES = {
    "in-progress": State.DELIVERED,  # somebody has answered
    "completed": State.DELIVERED,
    "busy": State.FAILED,
    "no-answer": State.FAILED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


class VoiceGateway:
    """Calls, and reads the digits twice. They are in the body of one request and nowhere else."""

    name = "voice"
    repeats_are_harmless = False

    def __init__(self) -> None:
        self._client = twilio.client()

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        call = self._client.calls.create(
            to=sms.to,
            from_=settings.CODE_WAYS.voice_from,
            twiml=spoken(sms.code),
            timeout=RING_FOR,
            status_callback=f"{_receipt_address()}?message={sms.message_id}",
            status_callback_event=["answered", "completed"],
            status_callback_method="POST",
        )
        return str(call.sid)


@sensitive_variables()
def spoken(code: str) -> str:
    """Write what is said: the digits one by one, twice, with a second between them."""
    digits = "<Pause/>".join(_said(_DIGITS[int(digit)]) for digit in code)
    said = [_said(_BEGINNING), digits, _said(_AGAIN), digits, _said(_END)]
    return f"<Response>{'<Pause/>'.join(said)}</Response>"


def _said(words: str) -> str:
    return f'<Say language="vi-VN">{words}</Say>'


@csrf_exempt
@login_not_required
@require_POST
def receipt(request: HttpRequest) -> HttpResponse:
    """Take a report on a call, signed as those on messages are."""
    if not twilio.is_signed(request):
        return HttpResponseForbidden()
    status = request.POST.get("CallStatus", "")
    state = _STATES.get(status)
    if state:
        receipts.report(
            receipts.number(request.GET.get("message", "")),
            state,
            gateway=VoiceGateway.name,
            gateway_id=request.POST.get("CallSid", ""),
            reason=f"call-{status}" if state == State.FAILED else "",
        )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _receipt_address() -> str:
    return f"{settings.PUBLIC_BASE_URL}/sms/voice/trang-thai/"
