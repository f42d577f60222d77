"""The gateways' interface and errors, the gateways of development, and mail by SMTP."""

import datetime as dt
import json
import os
import smtplib
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Protocol, runtime_checkable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from otp import gateways, phones

GATEWAYS = {
    "console": "otp.suppliers.gateway.ConsoleGateway",
    "file": "otp.suppliers.gateway.FileGateway",
    "twilio": "otp.suppliers.twilio.TwilioGateway",
    "esms": "otp.suppliers.esms.EsmsGateway",
    "smpp": "otp.suppliers.smpp.gateway.SmppGateway",
}
# By the other ways (otp.suppliers.code_ways) go codes alone.
CODE_GATEWAYS = {
    "zns": "otp.suppliers.zns.gateway.ZnsGateway",
    "voice": "otp.suppliers.voice.VoiceGateway",
}
DESCRIBED = "otp.suppliers.described.DescribedGateway"
MAIL_TIMEOUT = 10  # seconds for each answer, where EMAIL_TIMEOUT says nothing


class SmsError(Exception):
    """A message was not accepted. `reason` is a word or number that names no person."""

    gateway = ""  # who said so, where one did

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(SmsError):
    """Nothing has left: safe to try again, not before `retry_after` where one is given."""

    def __init__(self, reason: str, *, retry_after: dt.timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class GatewayRefused(SmsError):
    """The other side said no for good, with this code."""


class Unknown(SmsError):
    """It may have gone: to send it again might send it twice.

    Only `repeat_by`, where named, knows its own repeats and would not.
    """

    repeat_by = ""


@dataclass(frozen=True)
class Sms:
    """One text on its way, with the time it has left. Its repr shows no number and no code."""

    to: str = field(repr=False)
    text: str = field(repr=False)
    good_for: dt.timedelta
    message_id: int = 0
    code: str = field(default="", repr=False)  # the digits alone, where it carries any
    made_at: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> dt.timedelta:
        """How long it is still worth sending; another gateway may have taken some of it."""
        return self.good_for - dt.timedelta(seconds=time.monotonic() - self.made_at)


@dataclass(frozen=True)
class Mail:
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


class SmsGateway(Protocol):
    """Hands one SMS over and gives the supplier's id of it, or raises an SmsError.

    It is called from several threads at once, with no database transaction open.
    """

    name: str
    repeats_are_harmless: bool  # whether the same message sent twice arrives once

    def send(self, sms: Sms) -> str: ...


@runtime_checkable
class StandingGateway(Protocol):
    """A gateway whose line stands for as long as a sender runs, because reports come in on it."""

    def begin(self) -> None: ...

    def end(self) -> None: ...


def from_settings() -> list[SmsGateway]:
    """Make the gateways that SMS_GATEWAY names, in its order."""
    return [_make(name) for name in gateways.in_use()]


def for_codes() -> dict[str, SmsGateway]:
    """Make the gateways of the other ways that CODE_WAYS names."""
    ways = [way for way in settings.CODE_WAYS.order if way in CODE_GATEWAYS]
    return {way: import_string(CODE_GATEWAYS[way])() for way in ways}


def known_names() -> list[str]:
    """Name what SMS_GATEWAY may name: the gateways in code, then those that files describe."""
    return [*GATEWAYS, *settings.SMS_SUPPLIERS]


def _make(name: str) -> SmsGateway:
    if name in settings.SMS_SUPPLIERS:
        described: SmsGateway = import_string(DESCRIBED)(name)
        return described
    if name not in GATEWAYS:
        raise ImproperlyConfigured(
            f"SMS_GATEWAY names {name!r}; it may name {', '.join(known_names())}."
        )
    gateway: SmsGateway = import_string(GATEWAYS[name])()
    return gateway


class ConsoleGateway:
    """Prints each text, for development. A check refuses it in a deployment (OT-15)."""

    name = "console"
    repeats_are_harmless = False

    def send(self, sms: Sms) -> str:
        sys.stderr.write(f"SMS {phones.masked_for_staff(sms.to)}: {sms.text}\n")
        return uuid.uuid4().hex


class FileGateway:
    """Adds each text to SMS_FILE as one line of JSON, for development and tests."""

    name = "file"
    repeats_are_harmless = False

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        message_id = uuid.uuid4().hex
        fields = {"id": message_id, "to": sms.to, "text": sms.text}
        fields["at"] = timezone.now().isoformat(timespec="milliseconds")
        line = (json.dumps(fields, ensure_ascii=False) + "\n").encode()
        try:
            file = os.open(
                settings.SMS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError:
            raise NotSent("file-unwritable") from None
        try:
            _append(file, line)
        finally:
            os.close(file)
        return message_id


def _append(file: int, line: bytes) -> None:
    """Write the line at once, so that the lines of several senders never mix."""
    try:
        written = os.write(file, line)
        os.fsync(file)
    except OSError:
        raise Unknown("file-unwritable") from None
    if written != len(line):
        raise Unknown("file-full")


@sensitive_variables()
def send_mail(mail: Mail) -> str:
    """Hand one mail to the mail server, and give the id in its Message-ID, or raise an SmsError."""
    message_id = uuid.uuid4().hex
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT or MAIL_TIMEOUT)
    message = EmailMessage(
        mail.subject,
        mail.text,
        to=[mail.to],
        headers={"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"},
        connection=connection,
    )
    try:
        connection.open()
    except (OSError, smtplib.SMTPException):
        raise NotSent("smtp-connect") from None
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        failure = _smtp_failure(error)
    else:
        return message_id
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()
    raise failure


def _smtp_failure(error: OSError | smtplib.SMTPException) -> SmsError:
    """Read an SMTP answer: 5xx is a no, 4xx is "not now", and no answer may mean anything."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
    else:
        return Unknown("smtp-no-answer")
    if 400 <= code < 500:
        return NotSent(f"smtp-{code}")
    return GatewayRefused(f"smtp-{code}") if 500 <= code < 600 else Unknown(f"smtp-{code}")
