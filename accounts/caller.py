"""Who is calling: the request at hand, for the audit trail and the log."""

from contextvars import ContextVar
from dataclasses import dataclass, field

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
