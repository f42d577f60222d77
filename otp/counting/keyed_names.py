"""Keyed hashes (HMAC-SHA256) under which what a stranger typed is stored and counted.

`OTP_PEPPER` is a list, newest first. To rotate it, put a new value in front and leave the last of
the list where it is. The last pepper keys what must not change: decoy numbers, stored session ids,
hashes of recovery codes, tokens of delivery reports.
"""

import hashlib
import hmac

from django.conf import settings


def name_of(kind: str, value: str) -> str:
    """Give the keyed name (64 hex digits) under which `value` is stored and counted."""
    return _name(settings.OTP_PEPPERS[0], kind, value)


def names_of(kind: str, value: str) -> list[str]:
    """Give the names under the newest and all older peppers, newest first.

    What was counted before a rotation still counts after it.
    """
    return [_name(pepper, kind, value) for pepper in settings.OTP_PEPPERS]


def oldest_name_of(kind: str, value: str) -> str:
    """Give the name that stays the same for as long as the oldest pepper is listed."""
    return _name(settings.OTP_PEPPERS[-1], kind, value)


def current_id() -> str:
    """Name the newest pepper itself, so that a row can say which one it was made with."""
    return _id(settings.OTP_PEPPERS[0])


def key_for(pepper_id: str, row: bytes) -> bytes | None:
    """Derive the secret key of one row, or None once its pepper is no longer listed."""
    for pepper in settings.OTP_PEPPERS:
        if hmac.compare_digest(_id(pepper), pepper_id):
            return hmac.digest(pepper.encode(), b"code\0" + row, hashlib.sha256)
    return None


def _name(pepper: str, kind: str, value: str) -> str:
    return hmac.new(pepper.encode(), f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()


def _id(pepper: str) -> str:
    return _name(pepper, "pepper", "id")[:8]
