"""Who may ask the provider: the webmail and the mail server, each by a secret of its own."""

import base64
import binascii
from enum import StrEnum
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

PLACE = "/sso/"  # below which all of it is


class Client(StrEnum):
    """By their names, which are no secret."""

    WEBMAIL = "webmail"
    MAIL_SERVER = "mail-server"

    @property
    def client_id(self) -> str:
        return self.value


def is_known(request: HttpRequest) -> bool:
    """Whether the request is a program's own: it asks for everybody, and shows its secret."""
    if not (settings.WEBMAIL_SSO.is_on and request.path_info.startswith(PLACE)):
        return False
    return request.method == "POST" and who_asks(request) is not None


@sensitive_variables()
def who_asks(request: HttpRequest) -> Client | None:
    """Say whose name and secret are shown, in the header or in what is posted."""
    shown = _in_header(request) or _in_body(request)
    if shown is None:
        return None
    name, secret = shown
    secrets = {
        Client.WEBMAIL: settings.WEBMAIL_SSO.secret,
        Client.MAIL_SERVER: settings.WEBMAIL_SSO.mail_secret,
    }
    for client, known in secrets.items():
        if name == client and constant_time_compare(secret, known):
            return client
    return None


@sensitive_variables()
def _in_header(request: HttpRequest) -> tuple[str, str] | None:
    kind, _, told = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(told, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


@sensitive_variables()
def _in_body(request: HttpRequest) -> tuple[str, str] | None:
    name, secret = request.POST.get("client_id"), request.POST.get("client_secret")
    return (name, secret) if name and secret else None
