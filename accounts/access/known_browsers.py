"""Whether a browser has logged in to an account before: device cookies, as OWASP describes them.

A known browser has a count of wrong passwords of its own, so strangers hold nobody out of it
(QU-12). The cookie holds a random token for each of its last accounts, signed together with the
account's address: it names nobody, opens nothing, and the portal stores nothing of it but counts
under keyed names.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

REMEMBERED = 365 * 24 * 60 * 60  # seconds since the last log-in
ACCOUNTS_KEPT = 5  # of those who share a browser, the last

_BETWEEN = "."  # two tokens; base 64 for addresses has none


def token_of(request: HttpRequest, address: str) -> str:
    """Give the browser's token for the account of this main address; "" where it is unknown.

    The work is the same for every address.
    """
    found = ""
    for signed in _tokens(request):
        try:
            found = _signer(address).unsign(signed, max_age=REMEMBERED)
        except signing.BadSignature:
            continue
    return found


def is_known(request: HttpRequest, address: str) -> bool:
    """Whether somebody has logged in with this main address in this browser before."""
    return bool(token_of(request, address))


def remember(response: HttpResponse, request: HttpRequest, address: str) -> None:
    """Let the browser be known to the account that has just logged in; its token stays the same."""
    token = token_of(request, address) or secrets.token_urlsafe(16)
    others = [signed for signed in _tokens(request) if not _is_of(signed, address)]
    kept = [*others, _signer(address).sign(token)][-ACCOUNTS_KEPT:]
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        _BETWEEN.join(kept),
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _tokens(request: HttpRequest) -> list[str]:
    """Give the signed tokens that the cookie holds; never more than are ever written."""
    written = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    return [signed for signed in written.split(_BETWEEN) if signed][-ACCOUNTS_KEPT:]


def _is_of(signed: str, address: str) -> bool:
    try:
        _signer(address).unsign(signed)
    except signing.BadSignature:
        return False
    return True


def _signer(address: str) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"known-browser:{address}")
