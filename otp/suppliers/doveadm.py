"""Ends mail sessions by Dovecot's doveadm over HTTP, or raises `NotSent`."""

import base64
from http import HTTPStatus

from django.conf import settings
from django.views.decorators.debug import sensitive_variables
from requests import Request, Response

from otp.suppliers.breakers import Breakers
from otp.suppliers.gateway import NotSent, SmsError
from otp.suppliers.http import Transport
from otp.suppliers.route import PAUSED

NAME = "doveadm"
PATH = "/doveadm/v1"
NOBODY_THERE = 68  # EX_NOHOST: the person has no session open, which is as good


def kick(mailbox: str) -> str:
    """End the sessions of `mailbox`, and empty the cache of passwords.

    `mailbox` may hold `*`, as in `*@example.vn`. To do it twice does no harm, so that whatever goes
    wrong is `NotSent`, which is tried again.
    """
    breakers = Breakers()
    if not breakers.admits(NAME):
        raise NotSent(PAUSED)
    try:
        _judge(_transport().send(_request(mailbox)))
    except SmsError as error:
        breakers.failed(NAME, error.reason)
        raise NotSent(error.reason) from None
    breakers.worked(NAME)
    return ""


def _transport() -> Transport:
    # The key opens the mail server: no proxy on the way to the world may see it.
    return Transport(direct=True, ca_file=settings.DOVEADM_CA_FILE)


@sensitive_variables()
def _request(mailbox: str) -> Request:
    # The cache first: a mail program that is thrown out comes back at once with what it knows.
    # All of it goes, because it is filed by the names people log in with, aliases among them.
    commands = [
        ["authCacheFlush", {"user": []}, "flush"],
        ["kick", {"mask": [mailbox]}, "kick"],
    ]
    key = base64.b64encode(settings.DOVEADM_API_KEY.encode()).decode()
    header = {"Authorization": f"X-Dovecot-API {key}"}
    return Request("POST", settings.DOVEADM_URL.rstrip("/") + PATH, headers=header, json=commands)


def _judge(response: Response) -> None:
    """Raise `NotSent` unless both commands were carried out."""
    if response.status_code != HTTPStatus.OK:
        raise NotSent(f"http-{response.status_code}")
    try:
        answers = {tag: (kind, fields) for kind, fields, tag in response.json()}
    except (ValueError, TypeError):
        raise NotSent("unreadable") from None
    for tag in ("flush", "kick"):
        kind, fields = answers.get(tag, ("", {"type": "missing"}))
        if kind == "doveadmResponse" or _code(fields) == NOBODY_THERE:
            continue
        raise NotSent(f"{tag}-{_code(fields)}")


def _code(fields: object) -> object:
    """Read why a command failed: its exit code, or the word for a command that is not allowed."""
    if not isinstance(fields, dict):
        return "unreadable"
    return fields.get("exitCode") or fields.get("type", "unreadable")
