"""The tokens by which the office's application is known to Zalo: kept sealed, renewed by one.

An access token lives 25 hours. With it came a refresh token that is good once, for the next pair.
So all processes share one row. Whoever finds the access token near its end takes a lease on the
row and renews it, with no transaction open; the others go on with the one that is still good.
A process that dies over it leaves the lease to run out.
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from requests import Request

from otp.models import SupplierTokens
from otp.suppliers.gateway import SmsError, Unknown
from otp.suppliers.http import Transport, fields_of

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

logger = logging.getLogger(__name__)

OAUTH_BASE = "https://oauth.zaloapp.com"
PATH = "/v4/oa/access_token"
SUPPLIER = "zns"

EARLY = dt.timedelta(hours=1)  # before its end, from which on an access token is renewed
USUAL_LIFE = dt.timedelta(hours=25)  # where the answer says nothing of it
LEASE = dt.timedelta(minutes=1)  # longer than any answer is waited for


@sensitive_variables()
def in_force(*, refused: str = "") -> str | None:
    """Give the access token, renewed where it is near its end or is the one that was `refused`.

    "" where there is none that could be renewed: IT is told. None while another renews it.
    """
    row = SupplierTokens.objects.filter(pk=SUPPLIER).first()
    if row is None:
        return ""
    access, refresh = _opened(row.sealed)
    good = access if row.ends_at > timezone.now() and access != refused else ""
    is_early = timezone.now() < row.ends_at - EARLY
    if (good and (is_early or row.refused_at)) or not refresh or row.refused_at:
        return good
    if not _leased(row.sealed):
        return good or None
    try:
        return _renewed(row.sealed, refresh) or good
    except SmsError:
        if good:
            return good  # the next message tries again
        raise


@sensitive_variables()
def store(access: str, refresh: str) -> None:
    """Keep the first pair, or another after one that Zalo renews no more. It is renewed at once."""
    SupplierTokens.objects.update_or_create(
        pk=SUPPLIER,
        defaults={
            "sealed": _sealed(access, refresh),
            "ends_at": timezone.now(),
            "leased_until": None,
            "refused_at": None,
        },
    )


def trouble() -> str:
    """Say by a word why codes cannot go by Zalo for want of a token; "" where they can."""
    row = SupplierTokens.objects.filter(pk=SUPPLIER).first()
    if row is None:
        return "none"
    if not _opened(row.sealed)[1]:
        return "sealed"
    return "refused" if row.refused_at else ""


def _leased(sealed: str) -> bool:
    """Take the lease on this very pair; False where another has it, or has renewed the pair."""
    free = Q(leased_until=None) | Q(leased_until__lte=Now())
    mine = SupplierTokens.objects.filter(free, pk=SUPPLIER, sealed=sealed, refused_at=None)
    return bool(mine.update(leased_until=Now() + LEASE))


@sensitive_variables()
def _renewed(sealed: str, refresh: str) -> str:
    """Give the next access token; "" where Zalo takes the refresh token no more."""
    this_pair = SupplierTokens.objects.filter(pk=SUPPLIER, sealed=sealed)
    try:
        fields = _asked(refresh)
    except SmsError:
        this_pair.update(leased_until=None)
        raise
    access, following = fields.get("access_token"), fields.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(following, str) and following):
        this_pair.update(leased_until=None, refused_at=Now())
        logger.error("zns: the tokens are not renewed any more")
        return ""
    this_pair.update(
        sealed=_sealed(access, following),
        ends_at=timezone.now() + _life(fields.get("expires_in")),
        leased_until=None,
    )
    logger.info("zns: the tokens were renewed")
    return access


@sensitive_variables()
def _asked(refresh: str) -> dict[str, object]:
    """Ask for the next pair. Raises an SmsError where nobody knows what became of the question."""
    zalo = settings.CODE_WAYS.zalo
    response = Transport().send(
        Request(
            "POST",
            (zalo.oauth_base or OAUTH_BASE).rstrip("/") + PATH,
            data={
                "refresh_token": refresh,
                "app_id": zalo.app_id,
                "grant_type": "refresh_token",
            },
            headers={"secret_key": zalo.secret_key},
        )
    )
    fields = fields_of(response)
    if response.status_code >= 500 or not fields:
        raise Unknown(f"http-{response.status_code}")
    return fields


def _life(seconds: object) -> dt.timedelta:
    """Read how long a token lives; Zalo writes the number as text."""
    text = str(seconds)
    return dt.timedelta(seconds=int(text)) if text.isdecimal() and len(text) < 8 else USUAL_LIFE


@sensitive_variables()
def _sealed(access: str, refresh: str) -> str:
    return _seal().encrypt(json.dumps([access, refresh]).encode()).decode()


@sensitive_variables()
def _opened(sealed: str) -> tuple[str, str]:
    """Give the pair, or two empty texts where no SECRET_KEY of the list opens it."""
    from cryptography.fernet import InvalidToken

    try:
        access, refresh = json.loads(_seal().decrypt(sealed))
    except InvalidToken:
        return "", ""
    return access, refresh


@sensitive_variables()
def _seal() -> "MultiFernet":
    """Seal with the first SECRET_KEY; open with any of the list."""
    from cryptography.fernet import Fernet, MultiFernet  # 4 MiB, for those who have Zalo

    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    made = [hmac.digest(key.encode(), b"supplier-tokens", hashlib.sha256) for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in made])
