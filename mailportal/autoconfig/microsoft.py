"""The settings of the mail servers as Outlook asks for them: Autodiscover in XML, found by JSON."""

from xml.etree.ElementTree import Element, SubElement

from defusedxml.ElementTree import ParseError, fromstring
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.addresses import AddressError, canonical
from mailportal.autoconfig.xml import add, answer

_SCHEMAS = "http://schemas.microsoft.com/exchange/autodiscover"
_ASKED = f"{_SCHEMAS}/outlook/requestschema/2006"
_ANSWER = f"{_SCHEMAS}/responseschema/2006"
_SETTINGS = f"{_SCHEMAS}/outlook/responseschema/2006a"
_MOBILE = f"{_SCHEMAS}/mobilesync/requestschema/2006"  # of ActiveSync, which nobody serves here

_PROTOCOL = "AutodiscoverV1"  # the answer in XML, in the words of JSON

_SECURITY = {"SSL/TLS": "SSL", "STARTTLS": "TLS"}

_UNKNOWN, _INVALID, _OTHER_SCHEMA = "500", "600", "601"
_FAULTS = {
    _UNKNOWN: "The email address cannot be found.",
    _INVALID: "Invalid Request",
    _OTHER_SCHEMA: "Provider is not available",
}


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def by_xml(request: HttpRequest) -> HttpResponse:
    """Answer Outlook's Autodiscover (POX); any question that is not one gets its error."""
    try:
        address = _asked_address(request.body)
    except _NotAsked as fault:
        return answer(_error(str(fault)))
    mail = settings.PROFILE.mail
    root = Element("Autodiscover", xmlns=_ANSWER)
    account = SubElement(SubElement(root, "Response", xmlns=_SETTINGS), "Account")
    add(account, "AccountType", "email")
    add(account, "Action", "settings")
    servers = (
        ("IMAP", mail.imap_host, mail.imap_port, mail.imap_security),
        ("SMTP", mail.smtp_host, mail.smtp_port, mail.smtp_security),
    )
    for kind, host, port, security in servers:
        protocol = SubElement(account, "Protocol")
        add(protocol, "Type", kind)
        add(protocol, "Server", host)
        add(protocol, "Port", str(port))
        add(protocol, "DomainRequired", "off")
        add(protocol, "LoginName", address)
        add(protocol, "SPA", "off")
        add(protocol, "SSL", "on")
        add(protocol, "Encryption", _SECURITY[security])
        add(protocol, "AuthRequired", "on")
    return answer(root)


@login_not_required
@require_safe
def by_json(request: HttpRequest, address: str = "") -> HttpResponse:
    """Say where the answer in XML is, to an Outlook that asks by JSON (Autodiscover version 2)."""
    asked = {name.lower(): request.GET.getlist(name)[-1] for name in request.GET}
    protocol = asked.get("protocol", "")
    if not protocol:
        return _json_error("MandatoryParameterMissing", "A value must be given for 'Protocol'.")
    if protocol.lower() != _PROTOCOL.lower():
        return _json_error("InvalidProtocol", f"The one protocol that is supported: {_PROTOCOL}.")
    try:
        canonical(address or asked.get("email", ""))
    except AddressError as error:
        if error.code == "elsewhere":
            return _json_error("UserNotFound", "This is no address of this office.", 404)
        return _json_error("InvalidUserId", "A mail address must be given.")
    url = settings.PUBLIC_BASE_URL + reverse("autoconfig-microsoft")
    return JsonResponse({"Protocol": _PROTOCOL, "Url": url})


def _json_error(code: str, message: str, status: int = 400) -> HttpResponse:
    return JsonResponse({"ErrorCode": code, "ErrorMessage": message}, status=status)


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
    answer_in = root.findtext("{*}Request/{*}AcceptableResponseSchema", "").strip() or _SETTINGS
    if root.tag == f"{{{_MOBILE}}}Autodiscover" or answer_in != _SETTINGS:
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
    add(error, "ErrorCode", code)
    add(error, "Message", _FAULTS[code])
    add(error, "DebugData", "")
    return root
