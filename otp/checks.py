"""Refuses settings under which codes would be unsafe, late or never sent."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from otp import gateways
from otp.models import GAP
from otp.suppliers.code_ways import VOICE, ZNS
from otp.suppliers.gateway import CODE_GATEWAYS, GATEWAYS, known_names

SHORTEST_LIFE = 60  # seconds; an SMS takes its time
LONGEST_LIFE = 600  # seconds (OT-04)
SHORTEST_SECRET = 32  # characters
FEWEST_SIGNS = 10  # different characters of a secret: `openssl rand -hex 32` gives sixteen
RULE_LOOKS_BACK = 2  # days; the office's rule counts what is kept


@register(Tags.security)
def check_codes(**_: Any) -> list[CheckMessage]:
    """Check the life, the secrets and the keeping of codes."""
    return [
        *_lifetime(),
        *weak_secrets("OTP_PEPPER", settings.OTP_PEPPERS, "otp.E002"),
        *_retention(),
    ]


@register(Tags.security)
def check_gateway(**_: Any) -> list[CheckMessage]:
    """Check that the chosen SMS gateway has what it needs."""
    names = gateways.in_use()
    faults = [fault for name in names for fault in (*_gateway(name), *_in_clear(name))]
    return [*faults, *_described()]


@register(Tags.security)
def check_code_ways(**_: Any) -> list[CheckMessage]:
    """Check that each way for codes that CODE_WAYS names has what it needs."""
    ways = settings.CODE_WAYS
    faults: list[CheckMessage] = []
    if ZNS in ways.order:
        needed = {
            "ZNS_APP_ID": ways.zalo.app_id,
            "ZNS_SECRET_KEY": ways.zalo.secret_key,
            "ZNS_EVENT_KEY": ways.zalo.event_key,
            "ZNS_TEMPLATE_ID": ways.zalo.template_id,
            "ZNS_CODE_FIELD": ways.zalo.code_field,
        }
        faults += _missing(f"CODE_WAYS with {ZNS}", needed, "otp.E019")
        faults += _shown("ZNS_API_BASE", ways.zalo.api_base)
        faults += _shown("ZNS_OAUTH_BASE", ways.zalo.oauth_base)
    if VOICE in ways.order:
        needed = {
            "TWILIO_ACCOUNT_SID": settings.TWILIO_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": settings.TWILIO_AUTH_TOKEN,
            "TWILIO_VOICE_FROM": ways.voice_from,
        }
        faults += _missing(f"CODE_WAYS with {VOICE}", needed, "otp.E020")
        if "twilio" not in gateways.in_use():
            faults += _in_clear("twilio")
    return faults


@register(Tags.security)
def check_mail_server(**_: Any) -> list[CheckMessage]:
    """Check that the mail server can be told to end sessions, over TLS (PW-10)."""
    if not (settings.DOVEADM_URL or settings.DOVEADM_API_KEY or settings.DOVEADM_CA_FILE):
        return []
    if not (settings.DOVEADM_URL and settings.DOVEADM_API_KEY):
        return [
            Error(
                "Of DOVEADM_URL and DOVEADM_API_KEY one is missing.",
                hint="Set both, or none: then mail sessions go on after a change of password.",
                id="otp.E009",
            )
        ]
    if not _is_private(settings.DOVEADM_URL):
        return [
            Error(
                "DOVEADM_URL must start with https://.",
                hint="Its key opens the mail server. Only on this very machine may it be http://.",
                id="otp.E010",
            )
        ]
    if holds_certificate(settings.DOVEADM_CA_FILE):
        return []
    return [
        Error(
            "DOVEADM_CA_FILE cannot be read, or holds no certificate.",
            hint="It is the path of a file in PEM that the portal's user may read.",
            id="otp.E011",
        )
    ]


@register(Tags.security)
def check_alert_emails(**_: Any) -> list[CheckMessage]:
    """Check that alerts go to mail addresses."""
    return [
        Error(
            f"ALERT_EMAILS names {each!r}, which is no mail address.",
            hint="Set ALERT_EMAILS to addresses with commas between, such as it@example.gov.vn.",
            id="otp.E021",
        )
        for each in settings.ALERT_EMAILS
        if not _is_mail_address(each)
    ]


def _is_mail_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@register(Tags.security)
def check_webhook(**_: Any) -> list[CheckMessage]:
    """Check that alerts are posted over TLS, and signed."""
    if not (settings.ALERT_WEBHOOK_URL or settings.ALERT_WEBHOOK_SECRET):
        return []
    faults = list(weak_secrets("ALERT_WEBHOOK_SECRET", [settings.ALERT_WEBHOOK_SECRET], "otp.E014"))
    if not _is_private(settings.ALERT_WEBHOOK_URL):
        faults.append(
            Error(
                "ALERT_WEBHOOK_URL must start with https://.",
                hint="Alerts name people. Only on this very machine may it be http://.",
                id="otp.E013",
            )
        )
    return faults


@register(Tags.security, deploy=True)
def check_gateway_is_real(**_: Any) -> list[CheckMessage]:
    """Refuse, in a deployment, a gateway that shows codes to whoever reads the host (OT-15)."""
    if {"console", "file"}.isdisjoint(gateways.in_use()):
        return []
    return [
        Error(
            f"SMS_GATEWAY={settings.SMS_GATEWAY} sends no SMS and shows the codes on this host.",
            hint="Set SMS_GATEWAY to the supplier's gateway.",
            id="otp.E007",
        )
    ]


def weak_secrets(name: str, values: list[str], error_id: str) -> Iterator[CheckMessage]:
    """Refuse a variable whose values are none, or could be guessed."""
    weak = any(len(each) < SHORTEST_SECRET or len(set(each)) < FEWEST_SIGNS for each in values)
    if weak or not values:
        yield Error(
            f"{name} is missing, or has a value of fewer than {SHORTEST_SECRET} characters or of"
            f" fewer than {FEWEST_SIGNS} different ones.",
            hint=f"Set {name} to a long random secret, such as `openssl rand -hex 32` gives.",
            id=error_id,
        )


def holds_certificate(file: str) -> bool:
    """Say whether a file of authorities can be read; none is as good."""
    try:
        return not file or "BEGIN CERTIFICATE" in Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _is_private(address: str) -> bool:
    """Say whether what is sent there is read by nobody on the way."""
    try:
        parts = urlsplit(address)
        if parts.scheme == "http" and parts.hostname != "localhost":
            return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _lifetime() -> Iterator[CheckMessage]:
    longest = min(int(GAP.total_seconds()), LONGEST_LIFE)
    if not SHORTEST_LIFE <= settings.OTP_LIFETIME <= longest:
        yield Error(
            f"OTP_LIFETIME is {settings.OTP_LIFETIME} seconds.",
            hint=f"Set OTP_LIFETIME to {SHORTEST_LIFE} to {longest}: a code must die before the"
            " next can be asked for.",
            id="otp.E001",
        )


def _retention() -> Iterator[CheckMessage]:
    if settings.RETENTION_CODES_DAYS < RULE_LOOKS_BACK:
        yield Error(
            f"RETENTION_CODES_DAYS is {settings.RETENTION_CODES_DAYS}.",
            hint=f"Set RETENTION_CODES_DAYS to at least {RULE_LOOKS_BACK}: codes that are gone"
            " are not counted.",
            id="otp.E003",
        )


def _twilio() -> Iterator[CheckMessage]:
    needed = {
        "TWILIO_ACCOUNT_SID": settings.TWILIO_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": settings.TWILIO_AUTH_TOKEN,
        "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID": settings.TWILIO_FROM
        or settings.TWILIO_MESSAGING_SERVICE_SID,
    }
    yield from _missing("SMS_GATEWAY=twilio", needed, "otp.E006")


def _gateway(name: str) -> Iterator[CheckMessage]:
    if name not in known_names():
        yield Error(
            f"SMS_GATEWAY names {name!r}, which is no gateway.",
            hint=f"Set SMS_GATEWAY to one or several of {', '.join(known_names())}, with commas.",
            id="otp.E004",
        )
    if name == "file":
        yield from _missing(f"SMS_GATEWAY={name}", {"SMS_FILE": settings.SMS_FILE}, "otp.E005")
    if name == "twilio":
        yield from _twilio()
    if name == "esms":
        needed = {
            "ESMS_API_KEY": settings.ESMS_API_KEY,
            "ESMS_SECRET_KEY": settings.ESMS_SECRET_KEY,
        }
        yield from _missing(f"SMS_GATEWAY={name}", needed, "otp.E008")
    if name == "smpp":
        yield from _smpp()


def _smpp() -> Iterator[CheckMessage]:
    line = settings.SMPP
    needed = {
        "SMPP_URL": line.url,
        "SMPP_SYSTEM_ID": line.system_id,
        "SMPP_PASSWORD": line.password,
    }
    yield from _missing("SMS_GATEWAY=smpp", needed, "otp.E017")
    if line.url and not line.is_private:
        yield Error(
            "SMPP_URL must start with smpps://.",
            hint="Set it so: codes and the password go there. It may be smpp:// only to this very"
            " machine, and over a leased line to a private address: then set SMPP_LEASED_LINE=1.",
            id="otp.E012",
        )
    if not holds_certificate(line.ca_file):
        yield Error(
            "SMPP_CA_FILE cannot be read, or holds no certificate.",
            hint="Set it to the path of a file in PEM that the portal's user may read.",
            id="otp.E018",
        )


def _in_clear(gateway: str) -> Iterator[CheckMessage]:
    """Refuse a way to a supplier on which others would read codes and keys."""
    name = f"{gateway.upper()}_API_BASE"
    yield from _shown(name, getattr(settings, name, ""))


def _shown(name: str, address: str) -> Iterator[CheckMessage]:
    if address and not _is_private(address):
        yield Error(
            f"{name} must start with https://.",
            hint="Codes and keys go there. Only on this very machine may it be http://.",
            id="otp.E012",
        )


def _described() -> Iterator[CheckMessage]:
    """Refuse what a supplier's file may not say, beside the faults that stop its reading."""
    for supplier in settings.SMS_SUPPLIERS.values():
        file = f"{supplier.name}.toml of SMS_SUPPLIER_FILES"
        if supplier.name in GATEWAYS or supplier.name in CODE_GATEWAYS:
            yield Error(
                f"{file} has the name of a gateway that is in the code.",
                hint=f"Set another name for the file, such as {supplier.name}-2.toml.",
                id="otp.E015",
            )
        if not _is_private(supplier.address):
            yield Error(
                f"{file}: request.address must start with https://.",
                hint="Set an address with https://: codes and keys go there. Only on this very"
                " machine may it be http://.",
                id="otp.E012",
            )
        if supplier.receipt and supplier.receipt.proof == "address":
            looks = supplier.receipt
            yield from weak_secrets(looks.secret_variable, [looks.secret], "otp.E016")


def _missing(who: str, needed: dict[str, str], error_id: str) -> Iterator[CheckMessage]:
    for name, value in needed.items():
        if not value:
            yield Error(f"{who} needs {name}.", hint=f"Set {name}.", id=error_id)
