"""The gateway to Zalo's notification service, by which codes alone go."""

import datetime as dt
from http import HTTPStatus

from django.conf import settings
from django.views.decorators.debug import sensitive_variables
from requests import Request, Response

from otp.suppliers import receipts
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, SmsError, Unknown
from otp.suppliers.http import Transport, fields_of, retry_after
from otp.suppliers.zns import tokens

API_BASE = "https://business.openapi.zalo.me"
PATH = "/message/template"

AGAIN = dt.timedelta(seconds=2)  # after which a token that is being renewed is there
TAKEN = 0
UNCLEAR = -100  # "unknown error": Zalo does not know itself what it did
TOKEN_INVALID = -124
# It lies with the number: no Zalo, too old a one, or its owner wants nothing by this way. All
# other negative answers tell of the office's account, template or quota. Nothing was sent either
# way.
OF_THE_NUMBER = frozenset({-108, -110, -114, -118, -119, -134, -139, -141})


class ZnsGateway:
    """Sends the digits in the office's template. The token is renewed, once, where it is refused.

    What is refused was not sent: another way may have it at once.
    """

    name = "zns"
    repeats_are_harmless = False  # a tracking_id may come twice

    def __init__(self) -> None:
        self._transport = Transport()

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        token = _token()
        answer = self._post(sms, token)
        if _code_of(answer) == TOKEN_INVALID:
            answer = self._post(sms, _token(refused=token))
        return _judge(answer)

    @sensitive_variables()
    def _post(self, sms: Sms, token: str) -> Response:
        zalo = settings.CODE_WAYS.zalo
        fields = {
            "phone": sms.to.removeprefix("+"),
            "template_id": zalo.template_id,
            "template_data": {zalo.code_field: sms.code},
            "tracking_id": tracking_id(sms.message_id),
        }
        address = (zalo.api_base or API_BASE).rstrip("/") + PATH
        return self._transport.send(
            Request("POST", address, json=fields, headers={"access_token": token})
        )


def tracking_id(message_id: int) -> str:
    """Give what Zalo repeats in its report: which message it was, and that we said so."""
    return f"{message_id}.{receipts.token(message_id)}"


@sensitive_variables()
def _token(*, refused: str = "") -> str:
    """Give the token in force, or raise `NotSent`, which another way hears at once."""
    try:
        token = tokens.in_force(refused=refused)
    except SmsError:
        raise NotSent("token") from None
    if token is None:
        raise NotSent("token", retry_after=AGAIN)
    if not token:
        raise NotSent("token")
    return token


def _code_of(response: Response) -> int | None:
    code = fields_of(response).get("error")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _judge(response: Response) -> str:
    """Give Zalo's id of an accepted message, or raise what the answer means."""
    status, code = response.status_code, _code_of(response)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("http-429", retry_after=retry_after(response.headers))
    if 400 <= status < 500:
        raise NotSent(f"http-{status}")
    if code is None or not 200 <= status < 300:
        raise Unknown("unreadable" if 200 <= status < 300 else f"http-{status}")
    if code == TAKEN:
        data = fields_of(response).get("data")
        return str(data.get("msg_id", "")) if isinstance(data, dict) else ""
    if code in OF_THE_NUMBER:
        raise GatewayRefused(f"zns{code}")
    if code == UNCLEAR or code > 0:
        raise Unknown(f"zns{code}")
    raise NotSent(f"zns{code}")
