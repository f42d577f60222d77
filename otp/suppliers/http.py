"""Sends a request to a supplier once, and raises `NotSent` or `Unknown` where no answer comes."""

import datetime as dt
import io
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage

from django.utils import timezone
from django.utils.encoding import force_bytes
from django.views.decorators.debug import sensitive_variables
from requests import Request, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from otp.suppliers.gateway import NotSent, Unknown

TIMEOUTS = (3.0, 10.0)  # seconds to connect, seconds for an answer (DS-04)
ANSWER_WITHIN = 20  # seconds for the whole of an answer, of which each piece came in time
# Firewalls forget a quiet connection without telling, and what is then sent on it is lost in
# doubt. A new connection is cheaper than a code.
IDLE = 20  # seconds
LONGEST_WAIT = 3_600  # seconds; more is not believed
LARGEST_ANSWER = 256 * 1024  # bytes; nobody has so much to say, and it would stay in memory
CONNECTIONS = 32  # kept open for the threads of one sender


class Transport:
    """Sends requests and gives every failure as one of ours; it logs nothing.

    The errors of the libraries beneath repeat the address and the body: they go no further.
    """

    def __init__(self, *, direct: bool = False, ca_file: str = "") -> None:
        """Make one; `direct` goes past the proxies, CA files and .netrc of the surroundings."""
        self._session = Session()
        self._session.trust_env = not direct
        self._session.verify = ca_file or True
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        self._used_at = time.monotonic()

    @sensitive_variables()
    def send(self, request: Request) -> Response:
        """Send it once. `NotSent` says it never left, `Unknown` that it may have arrived."""
        self._forget_quiet_connections()
        body = _Body()
        # A RequestException is an OSError; so is a file of authorities that has gone.
        with suppress(OSError, HTTPError):
            prepared = self._session.prepare_request(request)
            body = _Body(force_bytes(prepared.body or ""))
            prepared.body = body  # type: ignore[assignment]  # anything with read() will do
            around = self._session.merge_environment_settings(
                prepared.url, {}, stream=True, verify=None, cert=None
            )
            response = self._session.send(
                prepared, timeout=TIMEOUTS, allow_redirects=False, **around
            )
            _read(response)
            response.encoding = "utf-8"  # where it is not told, a library would guess, slowly
            return response
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


def _read(response: Response) -> None:
    """Read the answer, or raise `Unknown` where it is too large or never ends."""
    give_up_at = time.monotonic() + ANSWER_WITHIN
    content = b""
    while piece := response.raw.read1(LARGEST_ANSWER, decode_content=True):
        content += piece
        if len(content) > LARGEST_ANSWER:
            response.close()
            raise Unknown("too-large")
        if time.monotonic() > give_up_at:
            response.close()
            raise Unknown("no-answer")
    response.raw = io.BytesIO(content)


def fields_of(response: Response) -> dict[str, object]:
    """Read an answer in JSON; what is not an object has no fields."""
    return object_in(response.text)


def object_in(text: str) -> dict[str, object]:
    """Read an object in JSON; anything else has no fields."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def retry_after(headers: Mapping[str, str] | HTTPMessage) -> dt.timedelta | None:
    """Read Retry-After, which is a number of seconds or a date."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return dt.timedelta(seconds=min(int(value[:9]), LONGEST_WAIT))
    try:
        wait = parsedate_to_datetime(value) - timezone.now()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(dt.timedelta(), min(wait, dt.timedelta(seconds=LONGEST_WAIT)))
