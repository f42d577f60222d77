"""What is the same for everybody: rendered once in a process, and kept.

Parts of pages, and whole pages as a stranger first opens them, before anything is typed.
"""

import functools
import secrets
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from django import template
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import (  # type: ignore[attr-defined]  # one has no stub
    CSRF_SECRET_LENGTH,
    CSRF_TOKEN_LENGTH,
    _unmask_cipher_token,
    get_token,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.crypto import get_random_string
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

MOST_PAGES = 100  # kept in a process; there are some ten, each in a few ways

_HEXADECIMAL = "0123456789abcdef"
# The sign of the secret, by the pair that stands for it in a token: Django's own arithmetic.
_SIGNS = {
    (masked, mask): _unmask_cipher_token(mask * CSRF_SECRET_LENGTH + masked * CSRF_SECRET_LENGTH)[0]
    for masked in _HEXADECIMAL
    for mask in _HEXADECIMAL
}

# Stands in a kept page where something of the visitor's own goes: nobody else can write it.
_PLACE = get_random_string(32)

Look = Callable[[HttpRequest], HttpResponse | None]
View = TypeVar("View", bound=Callable[..., Any])

_pages: dict[Hashable, list[str]] = {}


@register.simple_tag
def fixed(part: str, **words: str) -> SafeString:
    """Give the template of this name, which is told the profile, these words and nothing else.

    A part that looked at the request, the person or the time would be wrong for all others.
    """
    return _rendered(part, get_language(), **words)


@functools.cache
def _rendered(part: str, _language: str | None, **words: str) -> SafeString:
    return render_to_string(part, {"profile": settings.PROFILE.shown, **words})


def is_first_look(request: HttpRequest) -> bool:
    """Whether a stranger opens a page, of whom nothing is known but perhaps where to go next."""
    return (
        request.method in ("GET", "HEAD")
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
        and request.GET.keys() <= {"next"}
    )


def opens_with(look: Look) -> Callable[[View], View]:
    """Have a first look at this form answered by `look`, before anybody asks who the visitor is.

    Where it gives None the form is drawn as for anybody.
    """

    def mark(view: View) -> View:
        view.first_look = look  # type: ignore[attr-defined]
        return view

    return mark


def look_of(view: Callable[..., Any]) -> Look:
    look: Look = view.first_look  # type: ignore[attr-defined]
    return look


def form_token(request: HttpRequest) -> str:
    """Give the token against forged forms for a visitor, who gets the cookie with it.

    Who has no cookie yet gets a token that is drawn whole, and the secret that it stands for: for
    Django to draw and mask a new secret sign by sign takes a fifth of a kept page.
    """
    if "CSRF_COOKIE" in request.META:
        return get_token(request)
    token = secrets.token_hex(CSRF_TOKEN_LENGTH // 2)
    mask, masked = token[:CSRF_SECRET_LENGTH], token[CSRF_SECRET_LENGTH:]
    secret = "".join([_SIGNS[pair] for pair in zip(masked, mask, strict=True)])
    request.META |= {"CSRF_COOKIE": secret, "CSRF_COOKIE_NEEDS_UPDATE": True}
    return token


def page(
    request: HttpRequest,
    name: str,
    context: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict,
    *,
    own: Mapping[str, str] | None = None,
    differs: Hashable = None,
) -> HttpResponse:
    """Answer a first look with the template of this name, rendered once and kept.

    `own` is what is this visitor's alone, by the names that the template says, such as the token
    against forged forms; `context` gives the rest, and is told what stands in their places. Nothing
    of that may depend on the visitor or the time, unless `differs` changes with it.
    """
    own = own or {}
    key = (name, get_language(), tuple(own), differs)
    kept = _pages.get(key)
    if kept is None:
        places = {place: f"{_PLACE}{n}-" for n, place in enumerate(own)}
        whole = render(request, name, {**context(places), **places}).content.decode()
        kept = _cut(whole)
        if len(_pages) >= MOST_PAGES:
            _pages.clear()
        _pages[key] = kept
    values = [escape(value) for value in own.values()]
    return HttpResponse("".join(values[int(it)] if n % 2 else it for n, it in enumerate(kept)))


def _cut(whole: str) -> list[str]:
    """Cut a page at its places: text and the number of a place take turns."""
    first, *rest = whole.split(_PLACE)
    kept = [first]
    for piece in rest:
        number, _sign, text = piece.partition("-")
        kept += [number, text]
    return kept


def forget() -> None:
    """Render anew: for tests that change a setting or a number, which no process does."""
    _rendered.cache_clear()
    _pages.clear()
