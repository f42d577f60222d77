"""How often one caller may ask, whatever is asked."""

import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts import caller
from otp.counting import limits
from otp.counting.limits import Limit

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

OFFICE_FACTOR = 10  # whole departments share one address: OFFICE_NETWORKS get so many times more


_WORDS = Limit("caller-word", 10, dt.timedelta(days=1))
_TOKENS = Limit("caller-token", 20, dt.timedelta(minutes=10))
_SLOW_LANE = Limit("caller-slow-lane", 3, dt.timedelta(minutes=10))


class TooManyRequests(Exception):
    """One caller asked too often under a limit; the next try is let through from `until` on."""

    def __init__(self, limit: str, until: dt.datetime) -> None:
        super().__init__(limit, until)
        self.limit = limit
        self.until = until


def limit_posts(name: str, count: int, *, minutes: int) -> Callable[[View], View]:
    """Let one caller POST to a page so many times in a period, whatever is posted (QU-09).

    Charged before anything else looks at the request, so a stranger who is stopped here has not
    touched anybody's codes.
    """
    limit = Limit(f"caller-{name}", count, dt.timedelta(minutes=minutes))

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def limited(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method == "POST" and settings.RATELIMIT_ENABLE:
                _charge(limit)
            return view(request, *args, **kwargs)

        # Read by the shield, and by the test of docs/limits.md.
        limited.posts = limit  # type: ignore[attr-defined]
        return limited  # type: ignore[return-value]  # wraps() keeps the view's own signature

    return decorate


def give_back_post(name: str) -> None:
    """Undo what `limit_posts` charged for this request: nothing can be done for anybody now."""
    if settings.RATELIMIT_ENABLE:
        limits.give_back(Limit(f"caller-{name}", 0, dt.timedelta()), subscriber())


def give_back_word() -> None:
    """Undo what `charge_word` charged for this request."""
    if settings.RATELIMIT_ENABLE:
        limits.give_back(_WORDS, subscriber())


def charge_word() -> None:
    """Charge one try at the word of an extra code, right or wrong."""
    if settings.RATELIMIT_ENABLE:
        _charge(_WORDS)


def charge_token() -> None:
    """Charge one try at a token of a program, before it is looked at."""
    if settings.RATELIMIT_ENABLE:
        _charge(_TOKENS)


def give_back_token() -> None:
    """Undo what `charge_token` charged for this request: the token was right."""
    if settings.RATELIMIT_ENABLE:
        limits.give_back(_TOKENS, subscriber())


def charge_slow_lane() -> None:
    """Charge one way round the proof of work: open to a person, too narrow for a flood."""
    _charge(_SLOW_LANE)


def network_of(networks: list[IPv4Network | IPv6Network]) -> str:
    """Give the first of the networks that the caller's address is in; "" where it is in none."""
    address = caller.current().address
    if not address:
        return ""
    return next((str(network) for network in networks if ip_address(address) in network), "")


def is_within(networks: list[IPv4Network | IPv6Network]) -> bool:
    """Whether the caller's address is in one of the networks."""
    return bool(network_of(networks))


def subscriber() -> str:
    """Give what counts as one caller: an IPv4 address, or the /64 of one subscriber."""
    address = caller.current().address
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _charge(limit: Limit) -> None:
    if is_within(settings.OFFICE_NETWORKS):
        limit = replace(limit, count=limit.count * OFFICE_FACTOR)
    charge = limits.charge(limit, subscriber())
    if not charge.granted:
        raise TooManyRequests(limit.name, charge.until)
