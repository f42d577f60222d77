"""The address of the caller, from the hop that the trusted proxies wrote (QU-10)."""

import re
import time

from django.conf import settings
from django.db import Error
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.caller import read_ip
from otp.outbox import alerts

UNREADABLE = _("TRUSTED_PROXY_COUNT=%(count)s, nhưng %(header)s không có địa chỉ đọc được")
UNEXPECTED = _("TRUSTED_PROXY_COUNT=0, nhưng yêu cầu đến qua máy chủ trung gian")

_EACH = 60 * 60  # seconds between two looks at the alert, in each process

# Monitors ask without a proxy, and what they ask must not wait for the database.
_PROBES = ("/healthz", "/readyz")

# How proxies write an address: bare, with a port, in brackets (RFC 3986), as a node (RFC 7239).
_NODE = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")
# What stands between commas, or between semicolons, where those within quotes do not count.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:\\.|[^"\\])*")+')

_told_at = -float(_EACH)


def of(request: HttpRequest) -> str:
    """Give the caller's IP, IPv4 also where it came as mapped IPv6; "" where none can be read.

    With TRUSTED_PROXY_COUNT = n it is the n-th from the right of TRUSTED_PROXY_HEADER: what stands
    further left was written by the caller.
    """
    if settings.TRUSTED_PROXY_COUNT:
        address = read(_trusted_hop(request))
        if not address:
            _tell(
                request,
                UNREADABLE
                % {"count": settings.TRUSTED_PROXY_COUNT, "header": settings.TRUSTED_PROXY_HEADER},
            )
        return address
    if settings.OVER_HTTPS and "HTTP_X_FORWARDED_FOR" in request.META:
        _tell(request, str(UNEXPECTED))
    return read(request.META.get("REMOTE_ADDR", ""))


def read(written: str) -> str:
    """Read one address in any form in which proxies write it; "" where it is none."""
    written = written.strip()
    if len(written) > 1 and written[0] == written[-1] == '"':
        written = written[1:-1]
    node = _NODE.fullmatch(written)
    if node:
        written = node["v6"] or node["v4"]
    return read_ip(written)


def are_told_apart() -> bool:
    """Say whether every caller of the last hour had an address that could be read."""
    return not alerts.was_raised("callers", "portal")


def forget() -> None:
    """Look at the alert again at the next request."""
    global _told_at
    _told_at = -float(_EACH)


def _trusted_hop(request: HttpRequest) -> str:
    name = settings.TRUSTED_PROXY_HEADER
    written = request.META.get(f"HTTP_{name.upper().replace('-', '_')}", "")
    if name == "Forwarded":
        hops = [_node_of(element) for element in _ELEMENT.findall(written)]
    else:
        hops = written.split(",")
    return hops[-settings.TRUSTED_PROXY_COUNT] if len(hops) >= settings.TRUSTED_PROXY_COUNT else ""


def _node_of(element: str) -> str:
    """Give whom one element of a Forwarded header is for; "" where it says so not just once."""
    pairs = [parameter.partition("=") for parameter in _PARAMETER.findall(element)]
    nodes = [value for name, _, value in pairs if name.strip().lower() == "for"]
    return nodes[0] if len(nodes) == 1 else ""


def _tell(request: HttpRequest, line: str) -> None:
    """Tell IT that callers cannot be told apart; a process asks the database once an hour."""
    global _told_at
    if request.path_info in _PROBES or time.monotonic() - _told_at < _EACH:
        return
    _told_at = time.monotonic()
    try:
        alerts.raise_now("callers", "portal", [line])
    except Error:
        _told_at = -float(_EACH)  # the page goes on; the next request tells
