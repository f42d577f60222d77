"""The error pages: what happened, whether anything is lost, what to do now."""

import datetime as dt
import sys

from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import Error, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import escape_leading_slashes
from django.utils.translation import get_language

from accounts.access import drafts
from accounts.api.answers import is_of_program, problem
from mailportal.profile import Profile

# What PostgreSQL refuses for now although psycopg calls it another kind of error: to write while
# it is a standby, and to go on in a transaction that it has ended.
_FOR_NOW = ("25006", "25P02", "25P03")


def is_away(error: BaseException | None) -> bool:
    """Say whether the database could not do it now, and may in a moment."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, Error) and getattr(error.__cause__, "sqlstate", "") in _FOR_NOW


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, SessionInterrupted):
        # The session went on under another key, or ended, while this request was under way: a
        # second click on the right code. The page itself knows where the browser stands now.
        return HttpResponseRedirect(escape_leading_slashes(request.path_info))
    return _page(request, "errors/400.html", 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "errors/403.html", 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if drafts.keep_late(request):
        # The page is drawn anew, with what was typed in the one that had been open too long.
        return HttpResponseRedirect(escape_leading_slashes(request.get_full_path()))
    return _page(request, "errors/403_csrf.html", 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "errors/404.html", 404, sent=request.method == "POST")


def too_large(request: HttpRequest) -> HttpResponse:
    return _page(request, "errors/413.html", 413)


def too_many_requests(request: HttpRequest, until: dt.datetime) -> HttpResponse:
    seconds = max(1, int((until - timezone.now()).total_seconds()))
    if is_of_program(request):
        response: HttpResponse = problem(429)
    else:
        response = HttpResponse(_too_many(-(-seconds // 60)), status=429)
    response.headers["Retry-After"] = str(seconds)
    # Django's own mark. A line for each would let a flood fill the log: the shield writes one.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001  (see above)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    # A database that is away is met in middleware too (sessions), where no view could catch it.
    if is_away(sys.exc_info()[1]):
        return unavailable(request)
    return _page(request, "errors/500.html", 500)


def unavailable(request: HttpRequest) -> HttpResponse:
    response = _page(request, "errors/503.html", 503)
    response.headers["Retry-After"] = "30"
    return response


# Of each short wait the page in each language, and whose it is: in a flood, drawing it would be
# most of the work.
_drawn: dict[tuple[int, str], tuple[Profile, str]] = {}
_SHORT = 15  # minutes


def _too_many(minutes: int) -> str:
    key = minutes, get_language() or ""
    profile, page = _drawn.get(key, (None, ""))
    if profile is settings.PROFILE:
        return page
    page = _draw("errors/429.html", wait=minutes)
    if minutes <= _SHORT:
        _drawn[key] = settings.PROFILE, page
    return page


def _page(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    if is_of_program(request):
        return problem(status)
    return HttpResponse(_draw(template, **context), status=status)


def _draw(template: str, **context: object) -> str:
    # Without the request: an error page must not meet the fault that led to it.
    return render_to_string(template, context | {"profile": settings.PROFILE.shown})
