"""Set-up faults of the portal that stop the start."""

import shutil
import ssl
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from django.http.request import validate_host

from accounts.credentials import breached
from accounts.directory.connection import is_on_this_machine
from accounts.self_service.pending_code import origin_line
from otp.checks import weak_secrets
from otp.codes import CODE_LENGTH
from otp.phones import MASK_DIGITS

SEGMENT = 160  # characters of GSM-7 in one SMS


@register(Tags.security)
def demo_stays_at_home(**_: Any) -> list[CheckMessage]:
    """Keep the demonstration on one machine: no real address, no real gateway."""
    if not settings.DEMO:
        return []
    hosts = [urlsplit(settings.PUBLIC_BASE_URL).hostname or "", *settings.ALLOWED_HOSTS]
    if all(map(is_on_this_machine, hosts)) and settings.SMS_GATEWAY == "file":
        return []
    return [
        Error(
            "PORTAL_DEMO is set, but PUBLIC_BASE_URL, ALLOWED_HOSTS or SMS_GATEWAY is that of a"
            " deployment.",
            hint="Take PORTAL_DEMO out of the environment.",
            id="portal.E001",
        )
    ]


@register(Tags.security)
def breached_passwords_are_readable(**_: Any) -> list[CheckMessage]:
    """Refuse a list of leaked passwords that would let every password pass."""
    if not settings.BREACHED_PASSWORDS_FILE:
        return []
    try:
        breached.check(Path(settings.BREACHED_PASSWORDS_FILE))
    except (OSError, breached.Unreadable) as error:
        wrong = error.strerror if isinstance(error, OSError) else error
        return [
            Error(
                f"BREACHED_PASSWORDS_FILE cannot be used: {wrong}.",
                hint="It is the ordered SHA-1 list of Pwned Passwords; see docs/operate.md.",
                id="portal.E025",
            )
        ]
    return []


@register(Tags.security)
def secrets_are_secret(**_: Any) -> list[CheckMessage]:
    """Refuse a SECRET_KEY that can be guessed, and one secret in two places."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    faults = list(weak_secrets("SECRET_KEY", keys, "portal.E007"))
    if not set(keys).isdisjoint(settings.OTP_PEPPERS):
        faults.append(
            Error(
                "OTP_PEPPER has a value of SECRET_KEY.",
                hint="Give each a secret of its own: whoever learns one must not have the other.",
                id="portal.E008",
            )
        )
    if settings.METRICS_TOKEN:
        faults += weak_secrets("METRICS_TOKEN", [settings.METRICS_TOKEN], "portal.E019")
    if settings.AUTH_POLICY_TOKEN:
        faults += weak_secrets("AUTH_POLICY_TOKEN", [settings.AUTH_POLICY_TOKEN], "portal.E030")
    if settings.WEBMAIL_SSO.is_on:
        sso = settings.WEBMAIL_SSO
        faults += weak_secrets("WEBMAIL_SSO_SECRET", [sso.secret], "portal.E033")
        faults += weak_secrets("WEBMAIL_SSO_MAIL_SECRET", [sso.mail_secret], "portal.E033")
    return faults


@register(Tags.security)
def phone_mask(**_: Any) -> list[CheckMessage]:
    if 0 <= settings.PHONE_MASK_DIGITS <= MASK_DIGITS:
        return []
    return [
        Error(
            f"PHONE_MASK_DIGITS is {settings.PHONE_MASK_DIGITS}.",
            hint=f"An office shows 0 to {MASK_DIGITS} digits of a number.",
            id="portal.E002",
        )
    ]


@register(Tags.security)
def origin_line_fits(**_: Any) -> list[CheckMessage]:
    """Warn of an origin line that makes every code two SMS."""
    wordings = settings.PROFILE.sms.recovery_code, settings.PROFILE.sms.phone_code
    hotline = settings.PROFILE.hotline.number
    code = "0" * CODE_LENGTH
    longest = max(
        len(wording.format(code=code, minutes=settings.OTP_LIFETIME // 60, hotline=hotline))
        for wording in wordings
    )
    line = len(origin_line().format(code=code)) + 1
    if not settings.SMS_ORIGIN_LINE or longest + line <= SEGMENT:
        return []
    return [
        Warning(
            f"With SMS_ORIGIN_LINE a code takes {longest + line} characters, which is two SMS.",
            hint=f"One SMS holds {SEGMENT}. Take the line out, or shorten the profile's wordings.",
            id="portal.W007",
        )
    ]


@register(Tags.security)
def settings_of_iphones_can_be_signed(**_: Any) -> list[CheckMessage]:
    """Refuse a certificate that cannot sign the file by which an iPhone sets itself up."""
    certificate, key = settings.MOBILECONFIG_CERT_FILE, settings.MOBILECONFIG_KEY_FILE
    if not certificate and not key:
        return []
    if wrong := _fault_of_pair(certificate, key):
        hint = "Name a certificate and its key without a passphrase, both in PEM, or neither."
        what = f"MOBILECONFIG_CERT_FILE and MOBILECONFIG_KEY_FILE cannot be used: {wrong}."
        return [Error(what, hint=hint, id="portal.E023")]
    if not shutil.which("openssl"):
        what = "MOBILECONFIG_CERT_FILE is set, but the program openssl is not here."
        return [Error(what, hint="apt-get install openssl", id="portal.E024")]
    return []


def _fault_of_pair(certificate: str, key: str) -> str:
    """Say what is wrong with a certificate and its key, or nothing."""
    try:
        # Where the key has a passphrase none is given, and so none is asked for.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except ssl.SSLError:
        return "they are not a certificate and its key"
    except OSError as error:
        return error.strerror or "they cannot be read"
    return ""


@register(Tags.security, deploy=True)
def deployment(**_: Any) -> list[CheckMessage]:
    """Refuse what may be so on a developer's machine, and nowhere else (OT-15)."""
    faults: list[CheckMessage] = []
    if settings.DEMO:
        faults.append(Error("PORTAL_DEMO is set.", hint="Take it out.", id="portal.E003"))
    if not settings.OVER_HTTPS:
        faults.append(
            Error(
                "PUBLIC_BASE_URL does not start with https://.",
                hint="Passwords and codes need TLS.",
                id="portal.E004",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        faults.append(
            Error(
                "ALLOWED_HOSTS takes every host.",
                hint="Name the hosts at which people find the portal.",
                id="portal.E009",
            )
        )
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        faults.append(
            Error(
                "ALLOWED_HOSTS leaves out the host of PUBLIC_BASE_URL: no page would be shown.",
                hint=f"Name {host} among them, without https:// and with commas between.",
                id="portal.E034",
            )
        )
    if _mail_goes_in_clear():
        faults.append(
            Error(
                "EMAIL_URL sends mail to another machine in clear.",
                hint="It must look like submission://USER:PASSWORD@mail.example.gov.vn:587.",
                id="portal.E018",
            )
        )
    if not settings.DATABASE_URL:
        faults.append(
            Error(
                "DATABASE_URL is not set.",
                hint="The embedded PostgreSQL is for demonstrations and tests.",
                id="portal.E005",
            )
        )
    if not settings.RATELIMIT_ENABLE:
        faults.append(
            Error(
                "RATELIMIT_ENABLE is 0.",
                hint="It switches the limits on callers off; only load tests may.",
                id="portal.E006",
            )
        )
    return faults


@register(Tags.security, deploy=True)
def proxies_are_counted(**_: Any) -> list[CheckMessage]:
    """Refuse to take a request that came by TLS for one in clear."""
    if settings.TRUSTED_PROXY_COUNT or not settings.OVER_HTTPS:
        return []
    return [
        Error(
            "TRUSTED_PROXY_COUNT is 0, but TLS ends at a proxy: each page would lead to itself"
            " without end.",
            hint="Say how many proxies of yours stand before the portal; with nginx alone, 1.",
            id="portal.E040",
        )
    ]


def _mail_goes_in_clear() -> bool:
    encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    by_smtp = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    return by_smtp and not encrypted and not is_on_this_machine(settings.EMAIL_HOST)


@register(Tags.database)
def pages_wait_for_nobody_long(
    *, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Warn where a pooler refuses or drops the limits on waiting of the pages' sessions (GO-01)."""
    if not databases or not settings.DATABASE_URL:
        return []
    pages = ConnectionHandler({"default": settings.DATABASE_OF_PAGES})["default"]
    try:
        with closing(pages), pages.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout') = '0'")
            (unlimited,) = cursor.fetchone()
    except OperationalError as error:
        if "unsupported startup parameter" not in str(error):
            return []  # `migrate` has not made the role yet, or nothing answers anyway
        return [_pooler_is_unknown("DATABASE_URL leads to a pooler that refuses `options`.")]
    if not unlimited:
        return []
    if settings.DATABASE_POOLER:
        return [
            Warning(
                "Pages may wait for a lock without end: DATABASE_POOLER is transaction, and the"
                " role of DATABASE_URL has no limits.",
                hint="ALTER ROLE … SET lock_timeout, and the others of docs/operate.md.",
                id="portal.W021",
            )
        ]
    return [_pooler_is_unknown("DATABASE_URL leads to a pooler that drops `options`.")]


def _pooler_is_unknown(what: str) -> Warning:
    return Warning(
        what,
        hint="Say in DATABASE_POOLER whether it gives sessions or transactions, and in"
        " DATABASE_DIRECT_URL where PostgreSQL itself is: docs/operate.md.",
        id="portal.W022",
    )
