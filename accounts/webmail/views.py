"""What is answered below /sso/: people are led through, programs are told."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error

from accounts.access import limits
from accounts.access.staff import is_verified_staff, to_second_factor
from accounts.pages.requests import PersonRequest
from accounts.webmail import clients, logins, provider
from accounts.webmail.clients import Client
from accounts.webmail.provider import Provider, Validator

_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class _Asked:
    """What the webmail asks for, once it is found to be fit."""

    challenge: str
    nonce: str
    state: str


def _as_asked(
    view: Callable[[PersonRequest, _Asked], HttpResponse],
) -> Callable[[PersonRequest], HttpResponse]:
    """Call a view with what the webmail asks for; staff have shown their second factor before."""

    @functools.wraps(view)
    def reading(request: PersonRequest) -> HttpResponse:
        if request.user.is_staff and not is_verified_staff(request):
            return to_second_factor(f"{reverse('webmail:authorize')}?{request.GET.urlencode()}")
        asked = _read(request)
        return asked if isinstance(asked, HttpResponse) else view(request, asked)

    return reading


@require_safe
@_as_asked
def authorize(request: PersonRequest, _asked: _Asked) -> HttpResponse:
    """Show whoever is logged in, and owes nothing, a page that leads on by itself.

    Not a redirect: after the form of a log-in, browsers hold the way to another host against the
    policy of that form's page, which allows none (form-action).
    """
    onward = f"{reverse('webmail:lead-back')}?{request.GET.urlencode()}"
    return render(request, "webmail/opening.html", {"onward": onward})


@require_GET
@_as_asked
def lead_back(request: PersonRequest, asked: _Asked) -> HttpResponse:
    """Lead back to the webmail with a code."""
    code = logins.begin(request, request.user, challenge=asked.challenge, nonce=asked.nonce)
    if code is None:
        return redirect("accounts:login")
    return _back({"code": code, "state": asked.state})


@require_POST
@sensitive_post_parameters()
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code or a refresh token for the next tokens."""
    with transaction.atomic():
        headers, body, status = _for(request, Client.WEBMAIL).create_token_response(
            request.build_absolute_uri(), "POST", request.POST.urlencode()
        )
    return _answer(headers, body, status)


@require_POST
@sensitive_post_parameters()
def introspect(request: HttpRequest) -> HttpResponse:
    """Tell the mail server whether an access token opens a mailbox, and whose."""
    headers, body, status = _for(request, Client.MAIL_SERVER).create_introspect_response(
        request.build_absolute_uri(), "POST", request.POST.urlencode()
    )
    return _answer(headers, body, status)


@require_POST
@sensitive_post_parameters()
def revoke(request: HttpRequest) -> HttpResponse:
    """End a log-in whose owner has left the webmail."""
    with transaction.atomic():
        headers, body, status = _for(request, Client.WEBMAIL).create_revocation_response(
            request.build_absolute_uri(), "POST", request.POST.urlencode()
        )
    return _answer(headers, body, status)


@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Tell the bearer of an access token whose it is."""
    shown = {"Authorization": request.headers.get("Authorization", "")}
    try:
        headers, body, status = Provider(Validator()).create_userinfo_response(
            f"{settings.PUBLIC_BASE_URL}{request.path}", headers=shown
        )
    except OAuth2Error as error:
        return _answer(error.headers, error.json, error.status_code)
    return _answer(headers, body, status)


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Give the key by which ID tokens are checked."""
    return JsonResponse({"keys": [provider.public_key()]})


@require_safe
def discovery(request: HttpRequest) -> HttpResponse:
    """Describe the provider."""
    return JsonResponse(provider.description())


def _read(request: PersonRequest) -> _Asked | HttpResponse:
    """Read what the webmail asks for, or give the answer to what is not fit.

    Who asks for another place than the webmail's own is led nowhere.
    """
    # Written anew, so that oauthlib can read whatever was sent.
    uri = f"{settings.PUBLIC_BASE_URL}{request.path}?{request.GET.urlencode()}"
    try:
        _scopes, told = Provider(Validator()).validate_authorization_request(uri)
    except FatalClientError:
        return render(request, "webmail/unfit.html", status=400)
    except OAuth2Error as error:
        said = {"error": error.error or "", "error_description": error.description or ""}
        return _back(said | {"state": request.GET.get("state", "")})
    return _Asked(told["code_challenge"], told["nonce"] or "", told["state"] or "")


def _back(said: dict[str, str]) -> HttpResponse:
    """Lead to the webmail, which is told who says so (RFC 9207)."""
    said = {name: value for name, value in said.items() if value} | {"iss": provider.issuer()}
    return HttpResponseRedirect(f"{settings.WEBMAIL_SSO.redirect_uri}?{urlencode(said)}")


@sensitive_variables()
def _for(request: HttpRequest, whom: Client) -> Provider:
    """Give the provider for a client that shows its secret; to any other it refuses all."""
    shown = clients.who_asks(request)
    if shown is not whom:
        limits.charge_token()
    return Provider(Validator(shown if shown is whom else None))


def _answer(headers: dict[str, str], body: str, status: int) -> HttpResponse:
    return HttpResponse(
        body,
        status=status,
        headers={**headers, **_NOT_KEPT, "Content-Type": "application/json"},
    )
