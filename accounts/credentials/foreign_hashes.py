"""Password hashes that another mail server made: which are taken over, and how they are checked.

They stand in the accounts as `imported$` and the form that Dovecot reads, in braces, and only until
their owner logs in: then the password is hashed anew (Account.check_password). Those without braces
Dovecot cannot check (accounts.credentials.pbkdf2): they open the mailbox from then on.
"""

import base64
import binascii
import functools
import re
import time
from collections.abc import Callable
from typing import Any

import argon2
import bcrypt
from django.contrib.auth.hashers import BasePasswordHasher
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from passlib.hash import (
    ldap_salted_sha1,
    ldap_salted_sha256,
    ldap_salted_sha512,
    sha256_crypt,
    sha512_crypt,
)

from accounts.credentials import pbkdf2
from accounts.credentials.hashers import BoundedArgon2Hasher, bounded

LONGEST = 220  # characters; the longest that is taken has about 190 …
LONGEST_WRAPPED = 600  # … but for PBKDF2 of 389, and what is written in hexadecimal digits

# What checking one may cost: about 0.25 s and 64 MiB. Beyond, some log-ins would stop the server.
MOST_ROUNDS = 100_000  # of SHA512-CRYPT and SHA256-CRYPT
MOST_BCRYPT = 12
MOST_MEMORY = 64 * 1024  # KiB, of Argon2
MOST_PASSES = 4
MOST_LANES = 4
LEAST_SALT = 4  # bytes

_BCRYPT_BYTES = 72  # of a password, beyond which bcrypt never looked

_SHAPE = re.compile(r"\{([A-Za-z0-9.+_-]{1,32})\}(.*)", re.ASCII | re.DOTALL)
_SHA_CRYPT = {
    scheme: re.compile(
        rf"\${sign}\$(?:rounds=([1-9][0-9]{{0,8}})\$)?[./0-9A-Za-z]{{1,16}}\$[./0-9A-Za-z]{{{length}}}"
    )
    for scheme, sign, length in (("SHA512-CRYPT", 6, 86), ("SHA256-CRYPT", 5, 43))
}
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./0-9A-Za-z]{53}")
_ARGON2 = re.compile(
    r"\$(argon2id?)\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})"
    r"\$([A-Za-z0-9+/]{11,64})\$[A-Za-z0-9+/]{43}"
)
_SALTED = {"SSHA": 20, "SSHA256": 32, "SSHA512": 64}  # bytes of the digest

# Hashes that say by their beginning what they are, whatever crypt() scheme is named before them:
# PostfixAdmin can be set up to write {SHA256}$5$…
_CRYPT = {
    "$6$": "SHA512-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$2": "BLF-CRYPT",
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$argon2d$": "ARGON2D",
    "$pbkdf2": "PBKDF2",
    "pbkdf2": "PBKDF2",
    "$y$": "YESCRYPT",
    "$gy$": "GOST-YESCRYPT",
    "$7$": "SCRYPT",
    "$1$": "MD5-CRYPT",
    "$apr1$": "APR1",
    "$md5": "SUN-MD5",
    "$P$": "PHPASS",
    "$H$": "PHPASS",
    "$sha1$": "SHA1-CRYPT",
    "$3$": "NT",
}
_ANY_CRYPT = {
    *("", "CRYPT", "SHA", "SHA256", "SHA512"),
    *("SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "MD5-CRYPT", "DES-CRYPT"),
}
_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "B64": lambda text: base64.b64decode(text, validate=True),
    "HEX": bytes.fromhex,
}

_CLEAR = {"PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-TRUNC"}
_MD5 = {
    *("MD5", "MD5-CRYPT", "PLAIN-MD5", "LDAP-MD5", "SMD5", "CRAM-MD5", "HMAC-MD5", "DIGEST-MD5"),
    *("APR1", "PLAIN-MD4", "SUN-MD5", "PHPASS"),
}
_UNSALTED = {"SHA", "SHA1", "SHA256", "SHA512"}
_ELSEWHERE = {"SASL", "KERBEROS", "GSSAPI"}
_BROKEN = {"DES-CRYPT", "LANMAN", "NTLM", "RPA", "OTP", "SKEY", "LM", "NT"}


_TOO_LONG = gettext_lazy("Chuỗi băm mật khẩu quá dài.")


def to_stored(text: str) -> str:
    """Give what Account.password holds for a hash of another server.

    Taken are {SSHA}, {SSHA256}, {SSHA512}, {SHA512-CRYPT}, {SHA256-CRYPT}, {BLF-CRYPT}, {ARGON2I},
    {ARGON2ID}, {SCRAM-SHA-1}, {SCRAM-SHA-256} and PBKDF2, in base 64 (.B64) or hexadecimal digits
    (.HEX), also without the braces or as {CRYPT} where the hash itself says what it is. Raises
    ValueError, which says what is wrong in words for IT and never repeats the hash.
    """
    text = text.strip()
    if len(text) > LONGEST_WRAPPED:
        raise ValueError(_TOO_LONG)
    scheme, body = _parted(text)
    if len(body) > LONGEST and scheme not in pbkdf2.SCHEMES:
        raise ValueError(_TOO_LONG)
    reader = _READERS.get(scheme)
    if reader is None:
        raise ValueError(_refusal(scheme))
    return reader(scheme, body)


class ImportedHasher(BasePasswordHasher):
    """Checks imported hashes, and costs a wrong password what it costs elsewhere (EN-06)."""

    algorithm = "imported"

    def encode(self, password: str, salt: str) -> str:
        raise NotImplementedError("New passwords are hashed with Argon2id.")

    def verify(self, password: str, encoded: str) -> bool:
        began = time.thread_time()
        right = _is_right(password, encoded)
        if not right:
            _spend(time.thread_time() - began)
        return right

    def must_update(self, encoded: str) -> bool:
        return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Leave it: `verify` has evened out the time, as Django does not for other algorithms."""

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        return {"algorithm": self.algorithm}


@bounded
def _is_right(password: str, encoded: str) -> bool:
    scheme, body = _parted(encoded.partition("$")[2])
    try:
        right = scheme in _CHECKS and _CHECKS[scheme](password, body)
    except ValueError:
        return False
    # No password of the old server held a NUL; to HMAC, one at the end is as if it were not there.
    return right and "\0" not in password


def _bcrypt_is_right(password: str, body: str) -> bool:
    return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], body.encode())


def _argon2i_is_right(password: str, body: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(body, password)
    except argon2.exceptions.VerificationError:
        return False


def _salted(handler: Any, scheme: str) -> Callable[[str, str], bool]:
    return lambda password, body: bool(handler.verify(password, f"{{{scheme}}}{body}"))


_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "SSHA": _salted(ldap_salted_sha1, "SSHA"),
    "SSHA256": _salted(ldap_salted_sha256, "SSHA256"),
    "SSHA512": _salted(ldap_salted_sha512, "SSHA512"),
    "SHA512-CRYPT": lambda password, body: bool(sha512_crypt.verify(password, body)),
    "SHA256-CRYPT": lambda password, body: bool(sha256_crypt.verify(password, body)),
    "BLF-CRYPT": _bcrypt_is_right,
    "ARGON2I": _argon2i_is_right,
    "PBKDF2": pbkdf2.opens,
    **{name: functools.partial(pbkdf2.scram_opens, name) for name in pbkdf2.SCRAM_SCHEMES},
}


class _Usual:
    """What an Argon2id hash of ours costs here: seconds of the processor, measured once."""

    seconds = 0.0


def _spend(spent: float) -> None:
    """Make up to the cost of the usual hash, in the same kind of work, for what was cheaper.

    The time is the thread's own, so that a busy server does not make the difference.
    """
    hasher = BoundedArgon2Hasher()
    if spent >= _Usual.seconds > 0:
        return
    if _Usual.seconds:
        hasher.memory_cost = max(8, round(hasher.memory_cost * (1 - spent / _Usual.seconds)))
    began = time.thread_time()
    hasher.encode("", "salt-of-no-password")
    _Usual.seconds = _Usual.seconds or time.thread_time() - began


def _parted(text: str) -> tuple[str, str]:
    """Tell the scheme from the rest; "" where nothing says what it is."""
    shape = _SHAPE.fullmatch(text)
    scheme, body = (shape[1].upper().replace("_", "-"), shape[2]) if shape else ("", text)
    named, _dot, encoding = scheme.rpartition(".")
    if encoding in _ENCODINGS:
        scheme = named
        if scheme in _READERS or scheme.endswith("CRYPT"):
            body = _decoded(scheme, encoding, body)
    if scheme not in _ANY_CRYPT:
        return scheme, body
    starts = (name for start, name in _CRYPT.items() if body.startswith(start))
    return next(starts, "DES-CRYPT" if scheme == "CRYPT" else scheme), body


def _decoded(scheme: str, encoding: str, body: str) -> str:
    """Write a hash as it is written where its name has no such ending."""
    try:
        raw = _ENCODINGS[encoding](body)
        return base64.b64encode(raw).decode() if scheme in _SALTED else raw.decode("ascii")
    except ValueError:
        raise _damaged(scheme) from None


def _salted_to_stored(scheme: str, body: str) -> str:
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise _damaged(scheme) from None
    # passlib takes 4 to 16 bytes of salt, which is what servers make.
    if not LEAST_SALT <= len(raw) - _SALTED[scheme] <= 16:
        raise _damaged(scheme)
    return f"imported${{{scheme}}}{body}"


def _sha_crypt_to_stored(scheme: str, body: str) -> str:
    shape = _SHA_CRYPT[scheme].fullmatch(body)
    if not shape:
        raise _damaged(scheme)
    # Without rounds= they are 5,000; fewer than 1,000 no server reckons.
    if shape[1] and not 1000 <= int(shape[1]) <= MOST_ROUNDS:
        raise _costly(scheme, f"rounds={shape[1]}", f"1000–{MOST_ROUNDS}")
    return f"imported${{{scheme}}}{body}"


def _bcrypt_to_stored(scheme: str, body: str) -> str:
    shape = _BCRYPT.fullmatch(body)
    if not shape:
        raise _damaged(scheme)
    if not 4 <= int(shape[1]) <= MOST_BCRYPT:
        raise _costly(scheme, shape[1], f"4–{MOST_BCRYPT}")
    return f"imported${{{scheme}}}{body}"


def _argon2_to_stored(scheme: str, body: str) -> str:
    """Keep Argon2id as Django does: it is checked, and brought up to date, by our own hasher."""
    shape = _ARGON2.fullmatch(body)
    if not shape or shape[1].upper() != scheme or len(body.split("$")[4]) % 4 == 1:
        raise _damaged(scheme)  # a salt of such a length is no base 64
    memory, passes, lanes = (int(shape[place]) for place in (2, 3, 4))
    if not 8 * lanes <= memory <= MOST_MEMORY:
        raise _costly(scheme, f"m={memory}", f"≤ {MOST_MEMORY}")
    if not (1 <= passes <= MOST_PASSES and 1 <= lanes <= MOST_LANES):
        raise _costly(scheme, f"t={passes},p={lanes}", f"t ≤ {MOST_PASSES}, p ≤ {MOST_LANES}")
    return f"argon2{body}" if scheme == "ARGON2ID" else f"imported${{{scheme}}}{body}"


def _pbkdf2_to_stored(scheme: str, body: str) -> str:
    return _within_rounds(scheme, body, pbkdf2.to_stored, pbkdf2.LEAST_ROUNDS)


def _scram_to_stored(scheme: str, body: str) -> str:
    return _within_rounds(scheme, body, pbkdf2.scram_to_stored, pbkdf2.LEAST_ROUNDS_OF_SCRAM)


def _within_rounds(scheme: str, body: str, reader: Callable[[str, str], str], least: int) -> str:
    try:
        return f"imported${reader(scheme, body)}"
    except pbkdf2.TooManyRounds as error:
        most = pbkdf2.MOST_ROUNDS
        raise _costly(scheme, f"rounds={error}", f"{least}–{most}") from None
    except ValueError:
        raise _damaged(scheme) from None


_READERS: dict[str, Callable[[str, str], str]] = {
    **dict.fromkeys(_SALTED, _salted_to_stored),
    **dict.fromkeys(_SHA_CRYPT, _sha_crypt_to_stored),
    **dict.fromkeys(pbkdf2.SCHEMES, _pbkdf2_to_stored),
    **dict.fromkeys(pbkdf2.SCRAM_SCHEMES, _scram_to_stored),
    "BLF-CRYPT": _bcrypt_to_stored,
    "ARGON2I": _argon2_to_stored,
    "ARGON2ID": _argon2_to_stored,
}


def _refusal(scheme: str) -> str:
    if not scheme:
        return _(
            "Không nhận ra chuỗi băm mật khẩu. Không nhập mật khẩu dạng chữ: hãy để trống, "
            "hoặc ghi chuỗi băm bắt đầu bằng {SSHA}, {SHA512-CRYPT}, {BLF-CRYPT} hay {ARGON2ID}."
        )
    if scheme in _CLEAR:
        why = _("là mật khẩu dạng chữ, không được nhập")
    elif scheme in _MD5:
        why = _("dựa trên MD5, quá yếu, không được nhập")
    elif scheme in _UNSALTED:
        why = _("không có muối (salt), quá yếu, không được nhập")
    elif scheme in _ELSEWHERE:
        why = _("cho biết mật khẩu do một hệ thống khác giữ, không có gì để nhập")
    elif scheme in _BROKEN:
        why = _("quá yếu, không được nhập")
    else:
        why = _("không được hỗ trợ")
    return f"{{{scheme}}} {why}."


def _damaged(scheme: str) -> ValueError:
    return ValueError(_("Chuỗi băm {%(scheme)s} bị thiếu hoặc sai.") % {"scheme": scheme})


def _costly(scheme: str, found: str, taken: str) -> ValueError:
    return ValueError(
        _("Chuỗi băm {%(scheme)s} có tham số %(found)s; chỉ nhận %(taken)s.")
        % {"scheme": scheme, "found": found, "taken": taken}
    )
