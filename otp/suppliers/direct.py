"""Posts to an address that somebody typed: to networks that may be, in bounded time.

The name is looked up here and the connection goes to the very address that was looked at, so that
a name that leads elsewhere a moment later leads nowhere. No proxy is asked and nothing followed.
"""

import datetime as dt
import io
import socket
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPMessage
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from otp.suppliers.http import retry_after
from otp.suppliers.tls import trusting

WITHIN = 15.0  # seconds, from the connection to the head of the answer
_LATER = (429, 503)  # with Retry-After

_TRANSLATED = IPv6Network("64:ff9b::/96")  # by NAT64
# All that is given out to the world. Beside it are forms of old, which lead back into a network.
_WORLD = IPv6Network("2000::/3")

Address = IPv4Address | IPv6Address


class NotTaken(Exception):
    """It was not taken, or nobody knows; `reason` is a code word."""

    def __init__(self, reason: str, wait: dt.timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Post it once and give the status of the answer, 2xx; raises NotTaken.

    Of the answer its head alone is read.
    """
    parts = urlsplit(url)
    give_up_at = time.monotonic() + WITHIN
    try:
        line = _connected(parts, give_up_at)
    except ssl.SSLError:
        raise NotTaken("tls") from None
    except (OSError, ValueError):
        raise NotTaken("connect") from None
    try:
        with line:
            status, answered = _said(parts, _Line(line, give_up_at), body, headers)
    except (OSError, HTTPException, ValueError):
        raise NotTaken("no-answer") from None
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        raise NotTaken("redirect")
    raise NotTaken(f"http-{status}", retry_after(answered) if status in _LATER else None)


def may_be_reached(address: Address, *, in_clear: bool = False) -> bool:
    """Whether the portal posts to this address: of the whole world's, or of the office's list.

    Loopback, private and link-local networks are where the portal's own parts and its neighbours
    are, which believe whoever is there. In clear only this very machine is told anything.
    """
    address = _within(address)
    if in_clear and not address.is_loopback:
        return False
    if any(address in network for network in settings.WEBHOOK_NETWORKS):
        return True
    if isinstance(address, IPv6Address) and address not in _WORLD:
        return False
    return address.is_global and not address.is_multicast


def _within(address: Address) -> Address:
    """Give the IPv4 address that one of IPv6 stands for, where it stands for one."""
    if isinstance(address, IPv6Address):
        translated = address in _TRANSLATED and IPv4Address(address.packed[-4:])
        return address.ipv4_mapped or address.sixtofour or translated or address
    return address


def _connected(parts: SplitResult, give_up_at: float) -> socket.socket:
    host, secured = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secured else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotTaken("name") from None
    some = [
        each
        for each in found
        if may_be_reached(ip_address(str(each[4][0]).partition("%")[0]), in_clear=not secured)
    ]
    if not some:
        raise NotTaken("network")
    line = _first_open(some, give_up_at)
    if not secured:
        return line
    try:
        line.settimeout(_left(give_up_at))
        return _trusting().wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _first_open(found: list[tuple], give_up_at: float) -> socket.socket:  # type: ignore[type-arg]
    """Connect to the first that answers; raises OSError where none does."""
    failure: OSError = OSError()
    for family, kind, protocol, _, place in found:
        line = socket.socket(family, kind, protocol)
        try:
            line.settimeout(_left(give_up_at))
            line.connect(place)
        except OSError as error:
            line.close()
            failure = error
        else:
            return line
    raise failure


def _said(
    parts: SplitResult, line: "_Line", body: bytes, headers: Mapping[str, str]
) -> tuple[int, HTTPMessage]:
    # The host for its header alone: the line is connected.
    usual = 443 if parts.scheme == "https" else 80
    # The port always: http.client would look for one in an address of IPv6.
    asking = HTTPConnection(parts.hostname or "", parts.port or usual, timeout=WITHIN)
    asking.default_port = usual
    asking.sock = line
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asking.request("POST", target, body, {**headers, "Connection": "close"})
    answer = asking.getresponse()
    return answer.status, answer.headers


def _trusting() -> ssl.SSLContext:
    """Trust the authorities of the system, where an office adds its own, and those of requests."""
    context = trusting()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _left(give_up_at: float) -> float:
    left = give_up_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Line(io.RawIOBase):
    """A connection as http.client uses it, each step of which ends at the same moment."""

    def __init__(self, line: socket.socket, give_up_at: float) -> None:
        self._line, self._give_up_at = line, give_up_at

    def sendall(self, data: bytes) -> None:
        self._line.settimeout(_left(self._give_up_at))
        self._line.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        # Another one, as a socket gives: http.client closes this before the answer is read.
        return io.BufferedReader(_Line(self._line, self._give_up_at))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._line.settimeout(_left(self._give_up_at))
        return self._line.recv_into(buffer)
