"""What mail programs ask for to set themselves up: the profile's [mail], in three languages.

Nothing is looked up: the answer to an address that exists is the answer to one that does not. An
address that is in a question is in no log (Mozilla's own way puts it after a `?`).
"""

import plistlib
import uuid
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import ParseError, fromstring
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.addresses import AddressError, canonical

_SCHEMAS = "http://schemas.microsoft.com/exchange/autodiscover"
_ASKED = f"{_SCHEMAS}/outlook/requestschema/2006"
_ANSWER = f"{_SCHEMAS}/responseschema/2006"
_SETTINGS = f"{_SCHEMAS}/outlook/responseschema/2006a"

# Each language has words of its own for how a connection is encrypted.
_MOZILLA = {"SSL/TLS": "SSL", "STARTTLS": "STARTTLS"}
_MICROSOFT = {"SSL/TLS": "SSL", "STARTTLS": "TLS"}

_UNKNOWN, _INVALID, _OTHER_SCHEMA = "500", "600", "601"
_FAULTS = {
    _UNKNOWN: "The email address cannot be found.",
    _INVALID: "Invalid Request",
    _OTHER_SCHEMA: "Provider is not available",
}


@login_not_required
@require_safe
def mozilla(request: HttpRequest) -> HttpResponse:
    """Answer Thunderbird and those that learned from it; it fills in the address by itself."""
    profile, mail = settings.PROFILE, settings.PROFILE.mail
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=profile.domain)
    for domain in profile.domains:
        _add(provider, "domain", domain)
    _add(provider, "displayName", profile.title)
    _add(provider, "displayShortName", profile.domain)
    servers = (
        ("incomingServer", "imap", mail.imap_host, mail.imap_port, mail.imap_security),
        ("outgoingServer", "smtp", mail.smtp_host, mail.smtp_port, mail.smtp_security),
    )
    for element, kind, host, port, security in servers:
        server = SubElement(provider, element, type=kind)
        _add(server, "hostname", host)
        _add(server, "port", str(port))
        _add(server, "socketType", _MOZILLA[security])
        _add(server, "authentication", "password-cleartext")  # inside the encryption
        _add(server, "username", "%EMAILADDRESS%")
    guide = settings.PUBLIC_BASE_URL + reverse("guide-mail")
    about = SubElement(provider, "documentation", url=guide)
    SubElement(about, "descr", lang="vi").text = "Hướng dẫn cài đặt"
    return _xml(root)


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def microsoft(request: HttpRequest) -> HttpResponse:
    """Answer Outlook's Autodiscover (POX); any question that is not one gets its error."""
    try:
        address = _asked_address(request.body)
    except _NotAsked as fault:
        return _xml(_error(str(fault)))
    mail = settings.PROFILE.mail
    root = Element("Autodiscover", xmlns=_ANSWER)
    account = SubElement(SubElement(root, "Response", xmlns=_SETTINGS), "Account")
    _add(account, "AccountType", "email")
    _add(account, "Action", "settings")
    servers = (
        ("IMAP", mail.imap_host, mail.imap_port, mail.imap_security),
        ("SMTP", mail.smtp_host, mail.smtp_port, mail.smtp_security),
    )
    for kind, host, port, security in servers:
        protocol = SubElement(account, "Protocol")
        _add(protocol, "Type", kind)
        _add(protocol, "Server", host)
        _add(protocol, "Port", str(port))
        _add(protocol, "DomainRequired", "off")
        _add(protocol, "LoginName", address)
        _add(protocol, "SPA", "off")
        _add(protocol, "SSL", "on")
        _add(protocol, "Encryption", _MICROSOFT[security])
        _add(protocol, "AuthRequired", "on")
    return _xml(root)


@login_not_required
@require_safe
def apple(request: HttpRequest) -> HttpResponse:
    """Give the file that sets up Mail on an iPhone or a Mac, which asks for address and password.

    It is nobody's in particular, so that no address has to be sent for it.
    """
    profile, mail = settings.PROFILE, settings.PROFILE.mail
    name = ".".join(reversed((urlsplit(settings.PUBLIC_BASE_URL).hostname or "").split(".")))
    account = _payload("com.apple.mail.managed", f"{name}.mail", profile.title) | {
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": profile.domain,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": mail.imap_host,
        "IncomingMailServerPortNumber": mail.imap_port,
        "IncomingMailServerUseSSL": True,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": mail.smtp_host,
        "OutgoingMailServerPortNumber": mail.smtp_port,
        "OutgoingMailServerUseSSL": True,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    whole = _payload("Configuration", name, profile.title) | {
        "PayloadOrganization": profile.privacy.controller,
        "PayloadDescription": f"Cài đặt thư công vụ {profile.office}.",
        "PayloadContent": [account],
    }
    return HttpResponse(
        plistlib.dumps(whole),
        content_type="application/x-apple-aspen-config",
        headers={"Content-Disposition": f'attachment; filename="{profile.key}.mobileconfig"'},
    )


class _NotAsked(Exception):
    """The question is none that can be answered; the text is the protocol's code."""


def _asked_address(body: bytes) -> str:
    """Read who asks, in the spelling that the mail server knows."""
    try:
        # Whatever could make a small document large, or fetch another, is refused unread.
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        raise _NotAsked(_INVALID) from None
    path = f"{{{_ASKED}}}Request/{{{_ASKED}}}"
    if root.findtext(f"{path}AcceptableResponseSchema", _SETTINGS).strip() != _SETTINGS:
        raise _NotAsked(_OTHER_SCHEMA)
    try:
        return canonical(root.findtext(f"{path}EMailAddress", ""))
    except AddressError as error:
        raise _NotAsked(_UNKNOWN if error.code == "elsewhere" else _INVALID) from None


def _error(code: str) -> Element:
    root = Element("Autodiscover", xmlns=_ANSWER)
    # In the protocol every error has a time and a number.
    told = {"Time": f"{timezone.localtime():%H:%M:%S}", "Id": "1"}
    error = SubElement(SubElement(root, "Response"), "Error", told)
    _add(error, "ErrorCode", code)
    _add(error, "Message", _FAULTS[code])
    _add(error, "DebugData", "")
    return root


def _payload(kind: str, name: str, title: str) -> dict[str, object]:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": name,
        # Always the same: a file that is installed again replaces itself.
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).upper(),
        "PayloadDisplayName": title,
    }


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _xml(root: Element) -> HttpResponse:
    return HttpResponse(
        tostring(root, encoding="utf-8", xml_declaration=True),
        content_type="application/xml; charset=utf-8",
    )
