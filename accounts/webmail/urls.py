"""The addresses of single sign-on, below /sso/; there are none where it is not set up."""

from collections.abc import Callable
from importlib import import_module

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

app_name = "webmail"

View = Callable[[HttpRequest], HttpResponse]


def _door(name: str) -> View:
    """Give a view that loads the one of this name, with what it needs, where there is SSO."""

    def view(request: HttpRequest) -> HttpResponse:
        if not settings.WEBMAIL_SSO.is_on:
            raise Http404
        answer: HttpResponse = getattr(import_module("accounts.webmail.views"), name)(request)
        return answer

    return view


def _program_door(name: str) -> View:
    """Give one that programs ask: they have no session, and show a secret or a token."""
    return login_not_required(csrf_exempt(_door(name)))


urlpatterns = [
    path("authorize", _door("authorize"), name="authorize"),
    path("authorize/continue", _door("lead_back"), name="lead-back"),
    path("token", _program_door("token"), name="token"),
    path("introspect", _program_door("introspect"), name="introspect"),
    path("revoke", _program_door("revoke"), name="revoke"),
    path("userinfo", _program_door("userinfo"), name="userinfo"),
    path("jwks", _program_door("jwks"), name="jwks"),
    path(".well-known/openid-configuration", _program_door("discovery"), name="discovery"),
]
