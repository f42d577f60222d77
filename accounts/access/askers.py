"""Who is calling, as codes and guesses are counted: by address, by network, by known browser."""

from ipaddress import ip_network

from django.conf import settings

from accounts import caller
from accounts.access import known_browsers, limits
from otp.counting.keyed_names import name_of
from otp.counting.tightening import NOBODY, OFFICE_SHARE, Asker


def current(address: str) -> Asker:
    """Name who is calling for the owner of a main address.

    A browser is known to those who have logged in with it. Wrong guesses count the same for
    offices as for everybody (QU-09). Callers whose address cannot be read are counted as one.
    """
    if not settings.RATELIMIT_ENABLE:
        return NOBODY
    request = caller.current().request
    browser = known_browsers.token_of(request, address) if request else ""
    if browser:
        # It alone, so that nobody else at the same address can hold it out.
        return Asker(name_of("asker", browser), is_known=True)
    one, network = name_of("asker", limits.subscriber()), _network()
    if limits.is_within(settings.OFFICE_NETWORKS):
        return Asker(one, network, is_known=True, share=OFFICE_SHARE)
    return Asker(one, network)


def _network() -> str:
    """Name the network around the caller, which one attacker may hold: a /48, or a /24 of IPv4."""
    address = caller.current().address
    if not address:
        return ""
    around = ip_network(f"{address}/{48 if ':' in address else 24}", strict=False)
    return name_of("asker", str(around))
