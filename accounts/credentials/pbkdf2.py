"""PBKDF2 hashes of directories, Keycloak and Django: read, checked, and given to Dovecot as SCRAM.

Dovecot's own PBKDF2 is with SHA-1 and a salt of text. But what PBKDF2 gives is the salted password
of SCRAM (RFC 5802), from which the two keys follow that Dovecot keeps for SCRAM-SHA-1 and
SCRAM-SHA-256: so such a hash opens the mailbox as well. SHA-512, and fewer rounds than Dovecot
takes, open the portal only, until their owner logs in there.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field

LEAST_ROUNDS = 1_000
LEAST_ROUNDS_OF_SCRAM = 4_096  # below, Dovecot calls the hash invalid
MOST_ROUNDS = 250_000  # about 0.25 s

_LEAST_SALT = 8  # bytes
_LEAST_KEY = 16
_LONGEST_STORED = 200  # characters; the column has room for 255
_BLOB_OF_389 = (4, 64, 256)  # bytes: rounds, salt, key
_ALGORITHM = re.compile(r"pbkdf2(?:[-_](sha1|sha256|sha512))?")
_SCRAM = re.compile(r"([1-9][0-9]{3,8}),([A-Za-z0-9+/]{8,120}={0,2}),([^,]{28,44}),([^,]{28,44})")
_SCRAM_DIGESTS = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
SCHEMES = ("PBKDF2", "PBKDF2-SHA1", "PBKDF2-SHA256", "PBKDF2-SHA512")
SCRAM_SCHEMES = tuple(_SCRAM_DIGESTS)


class TooManyRounds(ValueError):
    """More or fewer rounds than are taken: the number is its text."""


@dataclass(frozen=True)
class _Derived:
    digest: str
    rounds: int
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def of(self, password: str) -> bytes:
        """Derive the whole key of a password: a longer one begins with the same bytes."""
        return hashlib.pbkdf2_hmac(self.digest, password.encode(), self.salt, self.rounds)


def to_stored(scheme: str, body: str) -> str:
    """Give what Account.password holds, without `imported$`. Raises ValueError, TooManyRounds."""
    found = _read(scheme, body)
    size = hashlib.new(found.digest).digest_size
    if not LEAST_ROUNDS <= found.rounds <= MOST_ROUNDS:
        raise TooManyRounds(str(found.rounds))
    if len(found.salt) < _LEAST_SALT or len(found.key) < _LEAST_KEY:
        raise ValueError
    stored = _scram(found, size) or (
        f"pbkdf2-{found.digest}${found.rounds}${_text(found.salt)}${_text(found.key[:size])}"
    )
    if len(stored) > _LONGEST_STORED:
        raise ValueError
    return stored


def opens(password: str, body: str) -> bool:
    """Whether the password gives this key, as `to_stored` keeps it for the portal alone."""
    found = _read("PBKDF2", body)
    return hmac.compare_digest(found.of(password)[: len(found.key)], found.key)


def scram_to_stored(scheme: str, body: str) -> str:
    """Keep what Dovecot made for SCRAM. Raises ValueError, TooManyRounds."""
    shape = _SCRAM.fullmatch(body)
    size = hashlib.new(_SCRAM_DIGESTS[scheme]).digest_size
    if not shape or any(len(_binary(shape[key])) != size for key in (3, 4)):
        raise ValueError
    _binary(shape[2])
    if not LEAST_ROUNDS_OF_SCRAM <= int(shape[1]) <= MOST_ROUNDS:
        raise TooManyRounds(shape[1])
    return f"{{{scheme}}}{body}"


def scram_opens(scheme: str, password: str, body: str) -> bool:
    """Whether the password gives these keys of SCRAM."""
    rounds, salt, stored, _ = body.split(",")
    found = _Derived(_SCRAM_DIGESTS[scheme], int(rounds), _binary(salt), b"")
    return hmac.compare_digest(_stored_key(found.of(password), found.digest), _binary(stored))


def _scram(found: _Derived, size: int) -> str:
    """Write it as Dovecot keeps SCRAM; "" where that cannot be."""
    scheme = next((name for name, each in _SCRAM_DIGESTS.items() if each == found.digest), "")
    if not scheme or found.rounds < LEAST_ROUNDS_OF_SCRAM or len(found.key) < size:
        return ""
    salted = found.key[:size]
    stored = _text(_stored_key(salted, found.digest))
    server = _text(hmac.digest(salted, b"Server Key", found.digest))
    return f"{{{scheme}}}{found.rounds},{_text(found.salt)},{stored},{server}"


def _stored_key(salted: bytes, digest: str) -> bytes:
    return hashlib.new(digest, hmac.digest(salted, b"Client Key", digest)).digest()


def _read(scheme: str, body: str) -> _Derived:
    """Read any of the spellings; ValueError where it is none.

    They are 389's and FreeIPA's one block of bytes, Dovecot's `$1$salt$rounds$key`, and
    `rounds$salt$key` of OpenLDAP and newer 389, with an algorithm before it in passlib and Django.
    """
    digest = (scheme.partition("-")[2] or "sha1").lower()
    parts = body.removeprefix("$").split("$")
    if len(parts) == 1:
        return _block(digest, _binary(body))
    if body.startswith("$1$") and len(parts) == 4:
        _, salt, rounds, key = parts
        return _Derived("sha1", _whole(rounds), salt.encode(), bytes.fromhex(key))
    named = _ALGORITHM.fullmatch(parts[0])
    if named:
        digest, parts = named[1] or "sha1", parts[1:]
    if len(parts) != 3:
        raise ValueError
    rounds, salt, key = parts
    # Django's salt is text, and its names alone are written with an underline.
    salted = salt.encode() if named and "_" in named[0] else _binary(salt)
    return _Derived(digest, _whole(rounds), salted, _binary(key))


def _block(digest: str, raw: bytes) -> _Derived:
    rounds, salt, key = _BLOB_OF_389
    at = rounds + salt if len(raw) == rounds + salt + key else len(raw) - 32
    if at <= rounds:
        raise ValueError
    return _Derived(digest, int.from_bytes(raw[:rounds], "big"), raw[rounds:at], raw[at:])


def _whole(number: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise ValueError
    return int(number)


def _binary(text: str) -> bytes:
    """Read base 64, also passlib's, which has . for + and no =."""
    text = text.rstrip("=").replace(".", "+")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError from None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
