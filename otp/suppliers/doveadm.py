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
    """End the sessions of `mailbox`, then empty the cache of passwords.

    `mailbox` may hold `*`, as in `*@example.vn`. To do it twice does no harm, so that whatever goes
    wrong is `NotSent`, which is tried again. A mail program that came back between the two, by a
    cached password, is ended by the second time.
    """
    breakers = Breakers()
    if not breakers.admits(NAME):
        raise NotSent(PAUSED)
    transport = _transport()
    try:
        _order(transport, ["kick", {"mask": [mailbox]}, "kick"])
    except SmsError as error:
        breakers.failed(NAME, error.reason)
        raise NotSent(error.reason) from None
    breakers.worked(NAME)
    _empty_cache(transport)
    return ""


def _empty_cache(transport: Transport) -> None:
    """Empty the cache of passwords, where the server keeps one and so allows this.

    A failure of it pauses nobody: 2.4 crashes over it, and the sessions of others have to end.
    """
    try:
        # All of it goes, because it is filed by the names people log in with, aliases among them.
        _order(transport, ["authCacheFlush", {"user": []}, "flush"])
    except _Forbidden:
        return
    except SmsError as error:
        raise NotSent("flush-" + error.reason.removeprefix("flush-")) from None


class _Forbidden(NotSent):
    """The server's doveadm_allowed_commands has no such command."""


def _transport() -> Transport:
    # The key opens the mail server: no proxy on the way to the world may see it.
    return Transport(direct=True, ca_file=settings.DOVEADM_CA_FILE)


@sensitive_variables()
def _order(transport: Transport, command: list[object]) -> None:
    """Have a command carried out: its name, parameters and tag. Raise why it was not.

    Each is a request of its own: 2.4 answers nothing of a request over which it crashes.
    """
    key = base64.b64encode(settings.DOVEADM_API_KEY.encode()).decode()
    header = {"Authorization": f"X-Dovecot-API {key}"}
    url = settings.DOVEADM_URL.rstrip("/") + PATH
    response = transport.send(Request("POST", url, headers=header, json=[command]))
    if response.status_code != HTTPStatus.OK:
        raise NotSent(f"http-{response.status_code}")
    _judge(response, str(command[-1]))


def _judge(response: Response, tag: str) -> None:
    try:
        answers = {tag: (kind, fields) for kind, fields, tag in response.json()}
    except (ValueError, TypeError):
        raise NotSent("unreadable") from None
    kind, fields = answers.get(tag, ("", {"type": "missing"}))
    code = _code(fields)
    if kind == "doveadmResponse" or code == NOBODY_THERE:
        return
    raise (_Forbidden if code == "unAuthorized" else NotSent)(f"{tag}-{code}")


def _code(fields: object) -> object:
    """Read why a command failed: its exit code, or the word for a command that is not allowed."""
    if not isinstance(fields, dict):
        return "unreadable"
    return fields.get("exitCode") or fields.get("type", "unreadable")
