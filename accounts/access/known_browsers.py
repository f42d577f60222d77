"""Whether a browser has logged in to an account before: device cookies, as OWASP describes them.

A known browser has a count of wrong passwords of its own, so strangers hold nobody out of it
(QU-12). The cookie holds a random token for each of its last accounts, signed together with the
account's address: it names nobody and opens nothing. The portal stores nothing of it but counts,
and the list of an account's devices, under keyed names.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.models import Device

REMEMBERED = 365 * 24 * 60 * 60  # seconds since the last log-in
ACCOUNTS_KEPT = 5  # of those who share a browser, the last

_BETWEEN = "."  # two tokens; base 64 for addresses has none


def token_of(request: HttpRequest, address: str) -> str:
    """Give the token by which the browser is known to the account of this main address, or "".

    The work is the same for every address to whoever has no token for it. One that the account's
    owner had forgotten counts for nothing any more.
    """
    token = signed_token(request, address)
    return "" if token and Device.objects.is_forgotten(address, token) else token


def signed_token(request: HttpRequest, address: str) -> str:
    """Give the token that the cookie alone holds for the account; "" where it holds none."""
    found = ""
    for signed in _tokens(request):
        try:
            found = _signer(address).unsign(signed, max_age=REMEMBERED)
        except signing.BadSignature:
            continue
    return found


def new_token() -> str:
    return secrets.token_urlsafe(16)


def remember(response: HttpResponse, request: HttpRequest, address: str, token: str) -> None:
    """Let the browser be known by this token to the account that has just logged in."""
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
