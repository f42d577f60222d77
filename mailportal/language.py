"""The language of pages: Vietnamese whatever browsers ask for, or what the visitor has chosen.

The link in the foot of each page leads to the same page, with the language in its query. So it is
the same on all pages, which are kept for all visitors, and leads to no other site. Where an error
page answered a button, the address of that button is no page: the choice leads to the one above it.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from accounts.api.answers import is_of_program

Handler = Callable[[HttpRequest], HttpResponseBase]

CHOICE = "ngon-ngu"  # of the query
LANGUAGES = {code for code, _name in settings.LANGUAGES}
COOKIE = "__Host-language" if settings.SESSION_COOKIE_SECURE else "language"
KEPT = 365 * 24 * 60 * 60  # seconds


class LanguageMiddleware:
    """Draw pages in the language that the visitor has chosen, and take a choice.

    Programs get Vietnamese: they have no cookies here, and their queries are their own.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if CHOICE in request.META.get("QUERY_STRING", "") and _is_choice(request):
            return _choose(request)
        language = request.COOKIES.get(COOKIE, "")
        if language not in LANGUAGES:
            language = settings.LANGUAGE_CODE
        # Each time: what this thread answered before may never have come to its end.
        translation.activate(language)
        response = self.get_response(request)
        # Not when the view returns: a list is written while it is sent.
        closers = response._resource_closers  # type: ignore[attr-defined]  # noqa: SLF001
        closers.append(translation.deactivate)
        headers = response.headers
        if headers.get("Content-Type", "").startswith("text/html"):
            headers["Content-Language"] = language
            varies = headers.get("Vary")
            if varies != "Cookie":
                headers["Vary"] = f"{varies}, Cookie" if varies else "Cookie"
        return response


def _is_choice(request: HttpRequest) -> bool:
    is_look = request.method in ("GET", "HEAD") and not is_of_program(request)
    return is_look and request.GET.get(CHOICE) in LANGUAGES


def _choose(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the choice in a cookie, and lead back to the page on which it was made."""
    query = request.GET.copy()
    language = query.pop(CHOICE)[-1]
    path = _page_at(request.path_info)
    if path == request.path_info:
        query = query or _query_before(request)
    else:
        query.clear()
    # The path is the one of this request: no other site can be named in it.
    page = escape_leading_slashes(escape_uri_path(path))
    response = HttpResponseRedirect(f"{page}?{query.urlencode()}" if query else page)
    if language == settings.LANGUAGE_CODE:
        response.delete_cookie(COOKIE, samesite="Lax")
    else:
        is_secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(
            COOKIE, language, max_age=KEPT, secure=is_secure, httponly=True, samesite="Lax"
        )
    return response


def _query_before(request: HttpRequest) -> QueryDict:
    """Give the query of the page on which the link stood: the link itself cannot say it."""
    query = QueryDict(mutable=True)
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return query
    if before.path == escape_uri_path(request.path_info):
        query.update(QueryDict(before.query))
        query.pop(CHOICE, None)
    return query


def _page_at(path: str) -> str:
    """Give the path, or the nearest above it that can be looked at where it takes only POST."""
    if _is_post_only(path):
        while not _is_page(path):
            path = f"{path.rstrip('/').rpartition('/')[0]}/"
    return path


def _is_post_only(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "is_post_only", False)
    except Resolver404:
        return False


def _is_page(path: str) -> bool:
    try:
        # Without a name: what the administration has for every address that there is not.
        return bool(resolve(path).url_name) and not _is_post_only(path)
    except Resolver404:
        return False
