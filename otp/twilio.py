"""The gateway to Twilio: how its answers and its silences are read."""

import datetime as dt
import io
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.views.decorators.debug import sensitive_variables
from requests import Request, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from twilio.http import HttpClient
from twilio.http.response import Response as Answer
from twilio.rest import Client

from otp.gateways import NotSent, Refused, Sms, Unknown

logger = logging.getLogger(__name__)

API_BASE = "https://api.twilio.com"
TIMEOUTS = (3.0, 10.0)  # seconds to connect, seconds for an answer (DS-04)
VALIDITY = (1, 36_000)  # seconds; what the supplier allows
# Firewalls forget a quiet connection without telling, and what is then sent on it is lost in
# doubt. A new connection is cheaper than a code.
IDLE = 20  # seconds
LONGEST_WAIT = 3_600  # seconds; more is not believed
CONNECTIONS = 32  # kept open for the threads of one sender


class TwilioGateway:
    """Sends by Twilio's Messages. The number and the text are in no error and in no log."""

    name = "twilio"

    def __init__(self) -> None:
        self._client = Client(  # type: ignore[no-untyped-call]  # the library's own
            settings.TWILIO_ACCOUNT_SID,
            settings.TWILIO_AUTH_TOKEN,
            http_client=_HttpClient(settings.TWILIO_API_BASE or API_BASE),
        )
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
            validity_period=max(shortest, min(int(sms.good_for.total_seconds()), longest)),
            **self._sender,
        )
        return str(message.sid)


class _HttpClient(HttpClient):
    """Carries the library's requests to TWILIO_API_BASE and gives every failure as one of ours.

    The library's own transport logs, and its own errors repeat the number; neither happens here.
    """

    def __init__(self, base: str) -> None:
        super().__init__(logger, is_async=False)
        self._base = base.rstrip("/")
        self._session = Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        self._used_at = time.monotonic()

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
        request = Request(method, url, params=params, data=data, headers=headers, auth=auth)
        response = self._send(request)
        response.encoding = "utf-8"  # where it is not told, a library would guess, slowly
        _judge(response)
        return Answer(response.status_code, response.text, response.headers)

    @sensitive_variables()
    def _send(self, request: Request) -> Response:
        """Tell a request that never left from one that may have arrived."""
        self._forget_quiet_connections()
        body = _Body()
        with suppress(RequestException):
            prepared = self._session.prepare_request(request)
            body = _Body(force_bytes(prepared.body or ""))
            prepared.body = body  # type: ignore[assignment]  # anything with read() will do
            around = self._session.merge_environment_settings(prepared.url, {}, None, None, None)
            return self._session.send(prepared, timeout=TIMEOUTS, allow_redirects=False, **around)
        if body.was_asked_for:
            raise Unknown("no-answer")
        raise NotSent("connect")

    def _forget_quiet_connections(self) -> None:
        if time.monotonic() - self._used_at > IDLE:
            self._session.close()
        self._used_at = time.monotonic()


class _Body(io.BytesIO):
    """A request's body that knows whether it was asked for.

    The transport asks once it is connected (name, TCP, TLS) and the head is written. While it has
    not, the supplier cannot have acted, whatever went wrong.
    """

    was_asked_for = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_asked_for = True
        return super().read(size)


def _judge(response: Response) -> None:
    """Raise what an answer means, unless the supplier took the message and gave its id."""
    status = response.status_code
    fields = _fields(response.text)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("http-429", retry_after=_retry_after(response.headers))
    if 400 <= status < 500:
        code = fields.get("code")
        raise Refused(str(code) if isinstance(code, int) else f"http-{status}")
    if not 200 <= status < 300:
        raise Unknown(f"http-{status}")
    if not isinstance(fields.get("sid"), str):
        raise Unknown("unreadable")


def _fields(text: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> dt.timedelta | None:
    """Read Retry-After, which is a number of seconds or a date."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return dt.timedelta(seconds=min(int(value[:9]), LONGEST_WAIT))
    try:
        wait = parsedate_to_datetime(value) - timezone.now()
    except (ValueError, TypeError):
        return None
    return max(dt.timedelta(), min(wait, dt.timedelta(seconds=LONGEST_WAIT)))
