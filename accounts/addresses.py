"""Mail addresses: any spelling a person types, the one the portal counts and stores."""

import difflib
import re
import unicodedata

from django.conf import settings
from django.utils.translation import gettext_lazy as _

LONGEST = 254  # characters (RFC 5321)
# PostgreSQL reads it as Python does, and refuses what it does not match.
LOCAL = r"(?!.*\.\.)[a-z0-9]+(?:[._+-]+[a-z0-9]+)*_?"
_LOCAL = re.compile(LOCAL, re.ASCII)

_FAULTS = {
    "empty": _("Thiếu địa chỉ thư điện tử."),
    "unreadable": _("Địa chỉ thư điện tử viết chưa đúng."),
    "elsewhere": _("Chỉ nhận địa chỉ thư công vụ có đuôi %(domains)s."),
}


class AddressError(ValueError):
    """Not an address of this office: `code` is "empty", "unreadable" or "elsewhere"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """Say what is wrong, to whoever typed the address or loads it."""
        domains = ", ".join(f"@{domain}" for domain in settings.MAIL_DOMAINS)
        return str(_FAULTS[self.code]) % {"domains": domains}


def canonical(raw: str) -> str:
    """Read a whole address or a bare name, in any case and width, as the one stored spelling.

    A domain that is an alias of another counts as that other, so that both share one account and
    one count of codes (QU-04).
    """
    if len(raw) > LONGEST:
        raise AddressError("unreadable")
    text = _plain(raw)
    if not text:
        raise AddressError("empty")
    local, at, domain = text.partition("@")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise AddressError("unreadable")
    return f"{local}@{_own(domain) if at else settings.MAIL_DOMAINS[0]}"


def canonical_or_none(raw: str) -> str:
    """Read an address as `canonical` does; "" where it is none of this office."""
    try:
        return canonical(raw)
    except AddressError:
        return ""


def mended(raw: str) -> str:
    """Offer this office's address for one with another domain; "" where there is none to offer.

    Read from what was typed alone: whether anybody has the address does not matter.
    """
    text = _plain(raw[:LONGEST])
    local, at, domain = text.partition("@")
    if not (at and domain) or canonical_or_none(text):
        return ""
    near = difflib.get_close_matches(domain, settings.MAIL_DOMAINS, n=1, cutoff=0)
    return canonical_or_none(f"{local}@{near[0]}") if near else ""


def _plain(raw: str) -> str:
    """Write an address small and narrow, without what comes along round it when it is pasted."""
    text = unicodedata.normalize("NFKC", raw)
    unseen = (sign for sign in text if sign.isspace() or unicodedata.category(sign) == "Cf")
    return text.strip("".join(unseen) or None).lower()


def _own(domain: str) -> str:
    domain = settings.MAIL_DOMAIN_ALIASES.get(domain, domain)
    if not domain:
        raise AddressError("unreadable")
    if domain not in settings.MAIL_DOMAINS:
        raise AddressError("elsewhere")
    return domain
