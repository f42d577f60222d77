"""The address of the caller, from the hop that the trusted proxies wrote (QU-10)."""

import re
import time
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.db import Error
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from otp.outbox import alerts

UNREADABLE = _("TRUSTED_PROXY_COUNT=%(count)s, nhưng %(header)s không có địa chỉ đọc được")
UNEXPECTED = _("TRUSTED_PROXY_COUNT=0, nhưng yêu cầu đến qua máy chủ trung gian")

_EACH = 60 * 60  # seconds between two looks at the alert, in each process

# How proxies write an address: bare, with a port, in brackets (RFC 3986), as a node (RFC 7239).
_NODE = re.compile(r'"?(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?"?')
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]*)', re.IGNORECASE)

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
                UNREADABLE
                % {"count": settings.TRUSTED_PROXY_COUNT, "header": settings.TRUSTED_PROXY_HEADER}
            )
        return address
    if settings.OVER_HTTPS and "HTTP_X_FORWARDED_FOR" in request.META:
        _tell(str(UNEXPECTED))
    return read(request.META.get("REMOTE_ADDR", ""))


def read(written: str) -> str:
    """Read one address in any form in which proxies write it; "" where it is none."""
    written = written.strip()
    node = _NODE.fullmatch(written)
    if node:
        written = node["v6"] or node["v4"]
    try:
        address = ip_address(written)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def are_told_apart() -> bool:
    """Say whether every caller of the last hour had an address that could be read."""
    return not alerts.was_raised("callers", "portal")


def forget() -> None:
    """Look at the alert again at the next request."""
    global _told_at
    _told_at = -float(_EACH)


def _trusted_hop(request: HttpRequest) -> str:
    name = settings.TRUSTED_PROXY_HEADER
    hops = request.META.get(f"HTTP_{name.upper().replace('-', '_')}", "").split(",")
    if len(hops) < settings.TRUSTED_PROXY_COUNT:
        return ""
    hop: str = hops[-settings.TRUSTED_PROXY_COUNT]
    if name != "Forwarded":
        return hop
    node = _FOR.search(hop)
    return node[1] if node else ""


def _tell(line: str) -> None:
    """Tell IT that callers cannot be told apart; a process asks the database once an hour."""
    global _told_at
    if time.monotonic() - _told_at < _EACH:
        return
    _told_at = time.monotonic()
    try:
        alerts.raise_now("callers", "portal", [line])
    except Error:
        _told_at = -float(_EACH)  # the page goes on; the next request tells
