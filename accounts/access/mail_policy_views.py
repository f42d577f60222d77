"""What Dovecot asks the portal about log-ins in mail programs: its auth policy protocol."""

import json
import logging
import re
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from accounts import caller
from accounts.access import mail_logins

logger = logging.getLogger(__name__)

ADDRESS = "/mail/auth-policy"

_GO_ON = {"status": 0, "msg": ""}
_REFUSED = {"status": -1, "msg": ""}


class Unreadable(Exception):
    """What was asked is not of the protocol."""


@dataclass(frozen=True)
class Asked:
    """Who tries to log in from where, and what became of it."""

    name: str
    remote: str
    protocol: str
    app: str
    success: bool
    was_refused: bool
    failed_by_fault: bool


def is_mail_server(request: HttpRequest) -> bool:
    """Whether the request is the mail server's own, which asks for everybody."""
    return request.path_info == ADDRESS and _has_token(request)


@login_not_required
@csrf_exempt
def auth_policy(request: HttpRequest) -> HttpResponse:
    """Answer bearers of AUTH_POLICY_TOKEN; where it is unset, there is no such page."""
    if not settings.AUTH_POLICY_TOKEN:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not _has_token(request):
        return HttpResponse(
            "AUTH_POLICY_TOKEN\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    command = request.GET.get("command", "")
    try:
        asked = _read(request.body)
    except Unreadable:
        return HttpResponse(status=400)
    # Whose try it is: the mail server only passes it on.
    caller.enter(replace(caller.current(), address=asked.remote))
    match command:
        case "allow":
            return JsonResponse(_GO_ON if mail_logins.is_let_in(asked.name) else _REFUSED)
        case "report":
            _note(asked)
            return JsonResponse(_GO_ON)
    return HttpResponse(status=400)


def _note(asked: Asked) -> None:
    if asked.was_refused:
        return  # nothing was charged
    if asked.success:
        mail_logins.note_right(asked.name, asked.protocol, asked.app)
    elif asked.failed_by_fault:
        mail_logins.forget_try(asked.name)
    else:
        mail_logins.note_wrong(asked.name, asked.protocol)


def _has_token(request: HttpRequest) -> bool:
    token = settings.AUTH_POLICY_TOKEN
    given = request.headers.get("Authorization", "")
    return bool(token) and constant_time_compare(given, f"Bearer {token}")


def _read(body: bytes) -> Asked:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(told, dict) or not _is_text(told.get("login")):
        raise Unreadable
    return Asked(
        name=told["login"],
        remote=caller.read_ip(str(told.get("remote"))),
        protocol=str(told.get("protocol") or ""),
        app=str(told.get("app") or ""),
        success=told.get("success") is True,
        was_refused=told.get("policy_reject") is True,
        failed_by_fault=told.get("fail_type") == "internal",
    )


def _is_text(told: object) -> bool:
    """Whether it is text that can be written: JSON spells halves of characters too."""
    return isinstance(told, str) and not re.search("[\ud800-\udfff]", told)
