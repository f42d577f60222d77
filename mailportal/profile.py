"""Decides what one province says of itself: names, addresses, numbers, wordings."""

import inspect
import re
import string
import tomllib
import types
import typing
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.translation import get_language

from mailportal.profile_english import English, in_english

PROFILES = Path(__file__).parent / "profiles"

# 3GPP TS 23.038, the basic table without the escape: one septet each. The
# extension table ([ ] { } ^ ~ | \ €) is left out, because it counts double and
# some operators refuse it.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
SEGMENT = 160  # characters of GSM-7 in one SMS

# The longest value each place can take; {hotline} is the profile's own number.
LONGEST = {
    "code": "000000",
    "minutes": "5",
    "time": "09:15 22/11",
    "day": "22/11/2026",
    "words": "SUONG TRANG 00",
}
CODE_PLACES = frozenset({"code", "minutes", "hotline"})
NOTICE_PLACES = frozenset({"time", "hotline"})
CALLER_PLACES = frozenset({"words", "hotline"})
WARNING_PLACES = frozenset({"day", "hotline"})
MOST_ANSWER_DAYS = 60  # longer than any law gives
RETENTION_PLACES = frozenset({"days"})  # for which codes and messages are kept

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hotline:
    """The people to call, with the number as it is printed and as it is dialled."""

    number: str
    caption: str
    tel: str
    hours: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """A second contact, for offices that name one."""

    name: str
    role: str
    number: str
    tel: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServers:
    """What a mail program has to be told."""

    imap_host: str
    imap_port: int
    imap_security: str
    smtp_host: str
    smtp_port: int
    smtp_security: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy:
    """The parts of the privacy notice that differ from office to office."""

    controller: str
    contact: str
    retention: str
    # In which a request of each kind is answered, from the day after it was made.
    correct_days: int = 10
    erase_days: int = 10
    restrict_days: int = 15
    object_days: int = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsWordings:
    """The wordings registered with the operators, word for word."""

    brand: str
    recovery_code: str
    phone_code: str
    password_changed: str
    phone_changed: str
    phone_warning: str
    test: str
    default_password: str = ""  # without it, campaigns warn by mail alone
    caller_check: str = ""  # without it, the desk asks for no check of its callers
    new_device: str = ""  # without it, people are told of new devices by mail alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Everything that names a place. Nothing else in the portal does."""

    key: str
    header_lines: tuple[str, ...]
    title: str
    office: str
    domains: tuple[str, ...]
    # A domain that is an old name of another: an@old and an@new are one account.
    domain_aliases: Mapping[str, str] = field(default_factory=lambda: types.MappingProxyType({}))
    example_address: str
    webmail_url: str
    notice: str
    guide_url: str = ""
    legal: tuple[str, ...]
    words: frozenset[str]
    # Of mobile numbers, in the national form, where `phonenumbers` does not know them yet.
    phone_prefixes: tuple[str, ...] = ()
    hotline: Hotline
    support: Support | None = None
    mail: MailServers
    privacy: Privacy
    sms: SmsWordings
    english: English = field(default_factory=English)

    @property
    def domain(self) -> str:
        return self.domains[0]

    @property
    def shown(self) -> "Profile":
        """The profile in the words of the page at hand."""
        if get_language() == "en":
            found: Profile = in_english(self, self.english)
            return found
        return self


def load(name_or_path: str) -> Profile:
    """Read and check the profile that PORTAL_PROFILE names.

    A bare name is one of those shipped in profiles/; anything that ends in .toml is the path of
    an office's own file. Raises ImproperlyConfigured, which names the file and the key to mend.
    """
    path = _find(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        profile = _build(Profile, table, "")
        _check(profile)
    except OSError as error:
        raise ImproperlyConfigured(
            f"PORTAL_PROFILE: {path} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"PORTAL_PROFILE: {path} is not TOML in UTF-8: {error}."
        ) from error
    except _Fault as fault:
        raise ImproperlyConfigured(f"PORTAL_PROFILE: {path}: {fault}.") from None
    return profile


def context(request: HttpRequest) -> dict[str, Profile]:
    """Give every template the profile."""
    return {"profile": settings.PROFILE.shown}


class _Fault(Exception):
    """What is wrong with one key."""

    def __init__(self, key: str, wrong: str) -> None:
        super().__init__(f"{key} {wrong}")


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        return Path(name_or_path).expanduser()
    shipped = {path.stem: path for path in PROFILES.glob("*.toml")}
    if name_or_path not in shipped:
        raise ImproperlyConfigured(
            f"PORTAL_PROFILE: there is no profile {name_or_path!r}; "
            f"name one of {', '.join(sorted(shipped))}, or the path of a .toml file."
        )
    return shipped[name_or_path]


def _build(model: Callable[..., T], table: dict[str, object], prefix: str) -> T:
    """Make one dataclass of one TOML table; each key must be known, present and of its type."""
    keys = inspect.signature(model).parameters
    required = {name for name, key in keys.items() if key.default is key.empty}
    for name in sorted(table.keys() - keys.keys()):
        raise _Fault(prefix + name, "is not a key of a profile")
    for name in sorted(required - table.keys()):
        raise _Fault(prefix + name, "is missing")
    return model(
        **{name: _value(keys[name].annotation, table[name], prefix + name) for name in table}
    )


def _value(hint: object, value: object, key: str) -> object:
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    if isinstance(hint, type) and is_dataclass(hint):
        if not isinstance(value, dict):
            raise _Fault(key, f"must be a table, [{key}]")
        return _build(hint, value, f"{key}.")
    if hint is str:
        return _text(value, key)
    if hint is int:
        return _number(value, key)
    if hint == Mapping[str, str]:
        return _pairs(value, key)
    return frozenset(_texts(value, key)) if hint == frozenset[str] else _texts(value, key)


def _number(value: object, key: str) -> int:
    # In Python, true is a number too.
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Fault(key, "must be a whole number")
    return value


def _pairs(value: object, key: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise _Fault(key, f"must be a table, [{key}]")
    pairs = {name: _text(text, f"{key}.{name}") for name, text in value.items()}
    return types.MappingProxyType(pairs)


def _texts(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _Fault(key, "must be a list of texts, and not an empty one")
    texts = tuple(_text(text, f"{key}[{place}]") for place, text in enumerate(value))
    if len(set(texts)) < len(texts):
        raise _Fault(key, "says something twice")
    return texts


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise _Fault(key, "must be a text in quotation marks")
    if value != value.strip() or (not value and key != "guide_url"):
        raise _Fault(key, "must not be empty, nor begin or end with a blank")
    if not unicodedata.is_normalized("NFC", value):
        raise _Fault(key, "is not in Unicode's composed form (NFC)")
    return value


def _check(profile: Profile) -> None:
    """Check what the types cannot say."""
    _matches("key", profile.key, r"[a-z][a-z0-9-]*", "a short name in a-z, 0-9 and hyphens")
    _check_domains(profile)
    _address("example_address", profile)
    _https("webmail_url", profile.webmail_url)
    if profile.guide_url:
        _https("guide_url", profile.guide_url)
    for word in sorted(profile.words):
        _matches("words", word, r"[a-z]{3,}", "folded to at least three letters a-z")
    for prefix in profile.phone_prefixes:
        wanted = "0, then 3, 5, 7, 8 or 9, then one to three digits"
        _matches("phone_prefixes", prefix, r"0[35789][0-9]{1,3}", wanted)
    _check_numbers(profile)
    _check_mail(profile.mail)
    _holds("privacy.retention", profile.privacy.retention, places=RETENTION_PLACES)
    if profile.english.privacy_retention:
        words = profile.english.privacy_retention
        _holds("english.privacy_retention", words, places=RETENTION_PLACES)
    _check_answer_days(profile.privacy)
    _check_sms(profile.sms, hotline=profile.hotline.number)


def _check_answer_days(privacy: Privacy) -> None:
    for name in ("correct_days", "erase_days", "restrict_days", "object_days"):
        days = getattr(privacy, name)
        if not 1 <= days <= MOST_ANSWER_DAYS:
            raise _Fault(
                f"privacy.{name}", f"is {days}: it must be from 1 to {MOST_ANSWER_DAYS} days"
            )


def _check_domains(profile: Profile) -> None:
    for place, domain in enumerate(profile.domains):
        _host(f"domains[{place}]", domain)
    for old, new in profile.domain_aliases.items():
        key = f"domain_aliases.{old}"
        if old not in profile.domains or new not in profile.domains:
            raise _Fault(key, "and what it stands for must both be listed in domains")
        if new in profile.domain_aliases:
            raise _Fault(key, f"leads to {new}, which is an old name itself")


def _check_numbers(profile: Profile) -> None:
    _tel("hotline.tel", profile.hotline.tel, profile.hotline.number)
    if profile.support:
        _tel("support.tel", profile.support.tel, profile.support.number)


def _check_mail(mail: MailServers) -> None:
    _host("mail.imap_host", mail.imap_host)
    _host("mail.smtp_host", mail.smtp_host)
    for key, port in (("mail.imap_port", mail.imap_port), ("mail.smtp_port", mail.smtp_port)):
        if not 1 <= port <= 65535:
            raise _Fault(key, f"is {port}: a port is a number from 1 to 65535")
    for key, how in (
        ("mail.imap_security", mail.imap_security),
        ("mail.smtp_security", mail.smtp_security),
    ):
        _matches(key, how, "SSL/TLS|STARTTLS", "SSL/TLS or STARTTLS")


def _check_sms(sms: SmsWordings, *, hotline: str) -> None:
    _matches("sms.brand", sms.brand, r"[A-Za-z0-9]{3,11}", "3 to 11 letters A-Z and digits")
    _wording("sms.recovery_code", sms.recovery_code, places=CODE_PLACES, hotline=hotline)
    _wording("sms.phone_code", sms.phone_code, places=CODE_PLACES, hotline=hotline)
    _wording("sms.password_changed", sms.password_changed, places=NOTICE_PLACES, hotline=hotline)
    _wording("sms.phone_changed", sms.phone_changed, places=NOTICE_PLACES, hotline=hotline)
    _wording("sms.phone_warning", sms.phone_warning, places=NOTICE_PLACES, hotline=hotline)
    if sms.default_password:
        key = "sms.default_password"
        _wording(key, sms.default_password, places=WARNING_PLACES, hotline=hotline)
    if sms.caller_check:
        _wording("sms.caller_check", sms.caller_check, places=CALLER_PLACES, hotline=hotline)
    if sms.new_device:
        _wording("sms.new_device", sms.new_device, places=NOTICE_PLACES, hotline=hotline)
    _wording("sms.test", sms.test, places=NOTICE_PLACES, hotline=hotline)


def _wording(key: str, wording: str, *, places: frozenset[str], hotline: str) -> None:
    """Refuse a wording that would not go out as one plain segment with every place filled."""
    _holds(key, wording, places=places)
    text = wording.format(**LONGEST, hotline=hotline)
    outside = set(text) - GSM_7
    if outside:
        raise _Fault(key, f"holds {''.join(sorted(outside))!r}, which is outside GSM-7")
    if len(text) > SEGMENT:
        raise _Fault(key, f"grows to {len(text)} characters, and one SMS holds {SEGMENT}")


def _holds(key: str, wording: str, *, places: frozenset[str]) -> None:
    if set(_places(key, wording)) != places:
        raise _Fault(key, f"must hold {_listed(places)}, and no other place")


def _places(key: str, wording: str) -> Iterable[str]:
    """Name the places of a wording; {code!r}, {code:>9} and {code.x} are none."""
    try:
        parts = list(string.Formatter().parse(wording))
    except ValueError as error:
        raise _Fault(key, f"has a lone brace ({error})") from None
    for _, name, layout, conversion in parts:
        if name is not None:
            yield f"{name}{'!' if conversion else ''}{layout}"


def _listed(places: frozenset[str]) -> str:
    return ", ".join(f"{{{place}}}" for place in sorted(places))


def _matches(key: str, value: str, pattern: str, wanted: str) -> None:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise _Fault(key, f"is {value!r}: it must be {wanted}")


def _host(key: str, value: str) -> None:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    _matches(key, value, rf"(?=.{{4,253}}$)({label}\.)+{label}", "a host name in lower-case ASCII")


def _address(key: str, profile: Profile) -> None:
    local, _, domain = profile.example_address.partition("@")
    _matches(key, local, r"[a-z0-9._-]+", "a mail address in lower-case ASCII")
    if domain != profile.domain:
        raise _Fault(key, f"must be in the first of the domains, {profile.domain}")


def _https(key: str, value: str) -> None:
    address = urlsplit(value)
    if address.scheme != "https" or not address.hostname or re.search(r"[\s<>\"']", value):
        raise _Fault(key, f"is {value!r}: it must be an address that starts with https://")


def _tel(key: str, tel: str, number: str) -> None:
    """Refuse a number that would be dialled differently from how it is printed."""
    digits = re.sub(r"\D", "", number, flags=re.ASCII)
    if tel not in (digits, f"+84{digits.removeprefix('0')}") or not 4 <= len(digits) <= 12:
        raise _Fault(key, f"is {tel!r}, which is not how {number!r} is dialled (+84…)")
