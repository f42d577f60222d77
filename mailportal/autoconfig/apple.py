"""The file that sets up Mail on an iPhone or a Mac, signed where the office gives a certificate."""

import plistlib
import subprocess
import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Give the file that sets up Mail on an iPhone or a Mac, which asks for address and password.

    It is nobody's in particular, so that no address has to be sent for it.
    """
    return HttpResponse(
        _signed(plistlib.dumps(_settings())),
        content_type="application/x-apple-aspen-config",
        headers={
            "Content-Disposition": f'attachment; filename="{settings.PROFILE.key}.mobileconfig"'
        },
    )


def _signed(document: bytes) -> bytes:
    """Sign it with the certificate that the office gave (CMS, RFC 5652); leave it, without one.

    The files are read each time: one that was renewed counts at once.
    """
    certificate, key = settings.MOBILECONFIG_CERT_FILE, settings.MOBILECONFIG_KEY_FILE
    if not certificate:
        return document
    signing = subprocess.run(
        [
            *("openssl", "cms", "-sign", "-binary", "-nodetach", "-outform", "DER"),
            # The file's first certificate signs; the others lead from it to the authority. All of
            # them are put in once, by `-certfile`.
            *(
                "-md",
                "sha256",
                "-nocerts",
                "-signer",
                certificate,
                "-certfile",
                certificate,
                "-inkey",
                key,
            ),
        ],
        input=document,
        capture_output=True,
        timeout=10,
        check=True,
    )
    return signing.stdout


def _settings() -> dict[str, object]:
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
    return _payload("Configuration", name, profile.title) | {
        "PayloadOrganization": profile.privacy.controller,
        "PayloadDescription": f"Cài đặt thư công vụ {profile.office}.",
        "PayloadContent": [account],
    }


def _payload(kind: str, name: str, title: str) -> dict[str, object]:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": name,
        # Always the same: a file that is installed again replaces itself.
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).upper(),
        "PayloadDisplayName": title,
    }
