"""The settings of the mail servers as Thunderbird asks for them, and those that learned from it."""

from xml.etree.ElementTree import Element, SubElement

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from mailportal.autoconfig.xml import add, answer

_SECURITY = {"SSL/TLS": "SSL", "STARTTLS": "STARTTLS"}


@login_not_required
@require_safe
def servers(request: HttpRequest) -> HttpResponse:
    """Answer for all domains of the office; the mail program fills in the address by itself."""
    profile, mail = settings.PROFILE, settings.PROFILE.mail
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=profile.domain)
    for domain in profile.domains:
        add(provider, "domain", domain)
    add(provider, "displayName", profile.title)
    add(provider, "displayShortName", profile.domain)
    servers = (
        ("incomingServer", "imap", mail.imap_host, mail.imap_port, mail.imap_security),
        ("outgoingServer", "smtp", mail.smtp_host, mail.smtp_port, mail.smtp_security),
    )
    for element, kind, host, port, security in servers:
        server = SubElement(provider, element, type=kind)
        add(server, "hostname", host)
        add(server, "port", str(port))
        add(server, "socketType", _SECURITY[security])
        add(server, "authentication", "password-cleartext")  # inside the encryption
        add(server, "username", "%EMAILADDRESS%")
    guide = settings.PUBLIC_BASE_URL + reverse("guide-mail")
    about = SubElement(provider, "documentation", url=guide)
    SubElement(about, "descr", lang="vi").text = "Hướng dẫn cài đặt"
    return answer(root)
