"""Who is calling: the request at hand, for the audit trail and the log."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest


@dataclass(frozen=True)
class Caller:
    request_id: str = ""
    address: str = ""  # the client's IP, from the trusted proxy hop; "" where unknown
    request: HttpRequest | None = field(default=None, repr=False)


NOBODY = Caller()

_current: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def current() -> Caller:
    return _current.get()


def enter(caller: Caller) -> None:
    """Note whose request this thread now works for."""
    _current.set(caller)


def read_ip(written: str) -> str:
    """Read an IP address, IPv4 also where it came as mapped IPv6; "" where it is none."""
    try:
        address = ip_address(written)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return ""  # of one link only; PostgreSQL takes none
        address = address.ipv4_mapped or address
    return str(address)
