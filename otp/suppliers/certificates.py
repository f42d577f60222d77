"""How long the certificates last of whom the portal sends to, seen as the sending sees them."""

import datetime as dt
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from otp import gateways
from otp.suppliers import esms, twilio
from otp.suppliers.code_ways import VOICE, ZNS
from otp.suppliers.tls import trusting
from otp.suppliers.zns import gateway as zns
from otp.suppliers.zns import tokens

TOLD_BEFORE = dt.timedelta(days=14)
TIMEOUT = 5  # seconds


@dataclass(frozen=True)
class Place:
    """Where somebody answers with TLS, by STARTTLS of mail or from the start."""

    host: str
    port: int
    by_mail: bool = False
    ca_file: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Look:
    """What was seen there; `ends_at` is None where the certificate is not accepted at all."""

    place: Place
    ends_at: dt.datetime | None

    @property
    def is_soon(self) -> bool:
        return self.ends_at is None or self.ends_at - dt.datetime.now(dt.UTC) < TOLD_BEFORE


def look() -> Iterator[Look]:
    """Look at each; who cannot be reached is passed over, because others tell of that."""
    for place in _places():
        try:
            yield Look(place, _end_of(place))
        except ssl.SSLCertVerificationError:
            yield Look(place, None)
        except (OSError, smtplib.SMTPException):
            continue


def _places() -> Iterator[Place]:
    used = gateways.in_use()
    addresses = [(settings.ALERT_WEBHOOK_URL, ""), (settings.DOVEADM_URL, settings.DOVEADM_CA_FILE)]
    ways = settings.CODE_WAYS
    if "twilio" in used or VOICE in ways.order:
        addresses.append((settings.TWILIO_API_BASE or twilio.API_BASE, ""))
    if ZNS in ways.order:
        addresses.append((ways.zalo.api_base or zns.API_BASE, ""))
        addresses.append((ways.zalo.oauth_base or tokens.OAUTH_BASE, ""))
    if "esms" in used:
        addresses.append((settings.ESMS_API_BASE or esms.API_BASE, ""))
    addresses += [
        (each.address, "") for name, each in settings.SMS_SUPPLIERS.items() if name in used
    ]
    for address, ca_file in addresses:
        parts = urlsplit(address)
        if parts.scheme == "https" and parts.hostname:
            yield Place(parts.hostname, parts.port or 443, ca_file=ca_file)
    if "smpp" in used and settings.SMPP.is_secured:
        host, port = settings.SMPP.place
        yield Place(host, port, ca_file=settings.SMPP.ca_file)
    by_smtp = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    if by_smtp and (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        by_mail = bool(settings.EMAIL_USE_TLS)
        yield Place(settings.EMAIL_HOST, settings.EMAIL_PORT, by_mail=by_mail)


def _end_of(place: Place) -> dt.datetime:
    trusted = trusting(place.ca_file)
    if place.by_mail:
        with smtplib.SMTP(place.host, place.port, timeout=TIMEOUT) as mail:
            mail.starttls(context=trusted)
            return _end(mail.sock)
    with (
        socket.create_connection((place.host, place.port), TIMEOUT) as line,
        trusted.wrap_socket(line, server_hostname=place.host) as secured,
    ):
        return _end(secured)


def _end(secured: object) -> dt.datetime:
    assert isinstance(secured, ssl.SSLSocket)
    certificate = secured.getpeercert()
    assert certificate, "it was verified"
    seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
