"""Set-up faults of the directory that stop the start; the password is never in what is said."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

from accounts.directory import client
from otp.checks import holds_certificate

KINDS = ("openldap", "ad")
# What has no default, and means nothing without a directory.
ITS_OWN = (
    "DIRECTORY_BASE",
    "DIRECTORY_BIND_DN",
    "DIRECTORY_BIND_PASSWORD",
    "DIRECTORY_NOBODY_DN",
    "DIRECTORY_CA_FILE",
    "DIRECTORY_PHONE_ATTRIBUTE",
)


@register(Tags.security)
def directory_is_whole(**_: Any) -> list[CheckMessage]:
    """Check what DIRECTORY needs, where it is set, and that it is set where the others are."""
    if not client.is_in_charge():
        return [*_nowhere()]
    return [*_library(), *_address(), *_settings(), *_filter(), *_ca_file(), *_app_passwords()]


def _nowhere() -> Iterator[CheckMessage]:
    alone = [name for name in ITS_OWN if getattr(settings, name)]
    if alone:
        yield Error(
            f"DIRECTORY is not set, but {' and '.join(alone)}: passwords would be looked for in the"
            " portal's database.",
            hint="Set DIRECTORY to the directory's address, or take the others out.",
            id="portal.E039",
        )


def _library() -> Iterator[CheckMessage]:
    if not client.is_installed():
        yield Error(
            "DIRECTORY is set, but python-ldap is not installed, or does not load.",
            hint="apt-get install gcc python3-dev libldap-dev libsasl2-dev, then"
            " pip install --require-hashes -r deploy/requirements-ldap.txt",
            id="portal.E010",
        )


def _app_passwords() -> Iterator[CheckMessage]:
    if settings.APP_PASSWORDS != "off":
        yield Error(
            "APP_PASSWORDS is set, and so is DIRECTORY.",
            hint="Dovecot then asks the directory, which has no app passwords: take it out.",
            id="portal.E032",
        )


def _address() -> Iterator[CheckMessage]:
    try:
        address = urlsplit(settings.DIRECTORY)
        right = address.scheme in ("ldap", "ldaps") and bool(address.hostname)
        # Anything more than a host and a port would be thrown away without a word.
        bare = not (address.path.strip("/") or address.query or address.username)
        right = right and bare and (address.port or 1) > 0
    except ValueError:
        right = False
    if not right:
        yield Error(
            "DIRECTORY is not the address of a directory.",
            hint="It must look like ldaps://ldap.example.gov.vn or ldap://ldap.example.gov.vn:389.",
            id="portal.E011",
        )


def _settings() -> Iterator[CheckMessage]:
    for name in ("DIRECTORY_BASE", "DIRECTORY_BIND_DN", "DIRECTORY_BIND_PASSWORD"):
        if not getattr(settings, name):
            yield Error(f"DIRECTORY needs {name}.", hint=f"Set {name}.", id="portal.E012")
    if settings.DIRECTORY_KIND not in KINDS:
        yield Error(
            f"DIRECTORY_KIND is {settings.DIRECTORY_KIND!r}.",
            hint=f"It is one of {', '.join(KINDS)}.",
            id="portal.E013",
        )
    if not re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*)?", settings.DIRECTORY_PHONE_ATTRIBUTE):
        yield Error(
            "DIRECTORY_PHONE_ATTRIBUTE is not the name of an attribute.",
            hint="It must look like mobile, or be empty.",
            id="portal.E014",
        )


@register(Tags.security, deploy=True)
def nobody_takes_as_long(**_: Any) -> list[CheckMessage]:
    """Warn where a stranger could measure which addresses exist (EN-06)."""
    if not client.is_in_charge() or settings.DIRECTORY_NOBODY_DN:
        return []
    return [
        Warning(
            "DIRECTORY_NOBODY_DN is not set: unknown addresses are answered sooner than others.",
            hint="Make an entry for nobody, with a password that is hashed like everybody's.",
            id="portal.W017",
        )
    ]


def _filter() -> Iterator[CheckMessage]:
    pattern = settings.DIRECTORY_FILTER
    placed = "{address}" in pattern or "{name}" in pattern
    whole = pattern.startswith("(") and pattern.count("(") == pattern.count(")")
    if not (placed and whole):
        yield Error(
            "DIRECTORY_FILTER finds nobody.",
            hint="It must be in brackets and hold {address} or {name}: (mail={address})",
            id="portal.E015",
        )
    if "{name}" in pattern and len(set(settings.MAIL_DOMAINS)) > 1:
        yield Error(
            "DIRECTORY_FILTER looks for {name}, and the profile has several domains.",
            hint="an@one and an@other would be one entry: look for {address}.",
            id="portal.E017",
        )


def _ca_file() -> Iterator[CheckMessage]:
    if not holds_certificate(settings.DIRECTORY_CA_FILE):
        yield Error(
            "DIRECTORY_CA_FILE cannot be read, or holds no certificate.",
            hint="It is the path of a file in PEM that the portal's user may read.",
            id="portal.E016",
        )
