"""What holds for every request and response: the caller, the headers, the size, the faults."""

import functools
import logging
import secrets
from collections.abc import Callable

from csp.utils import build_policy
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.core.signals import request_finished
from django.db import Error, connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.log import log_response

from accounts import caller
from accounts.access.limits import TooManyRequests
from accounts.access.staff import is_verified_staff
from accounts.api.answers import is_of_program
from accounts.credentials.hashers import Busy
from accounts.directory import NoAnswer
from accounts.pages import fixed
from mailportal import client_address, errors, health, schema, shield
from mailportal.metrics import views as metrics
from mailportal.postgresql.base import DatabaseWrapper
from otp.counting.tightening import CallerHeld

logger = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]

# `otp-credentials=(self)`: an empty list would silently switch off the filling-in of codes.
PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), otp-credentials=(self)"

LONGEST_WAIT = 4  # seconds for a thread; with the longest statement, 10 for the answer

_MONITORED = {"/healthz": health.live, "/readyz": health.ready, "/metrics": metrics.show}
_WAITS_FOR = {
    "migrate": "the database is older than the code: run `manage.py migrate`",
    "restore": "a backup was put back, and the rest is not done: run `manage.py restore`",
}
_WITHOUT_DATABASE = ("mailportal.pages", "mailportal.autoconfig")  # words, which always answer


class CallerMiddleware:
    """Note the caller's address and name the request, before anything can fail.

    Programs show a token: a cookie that came along opens nothing, whoever reads it later.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # It stays until this thread's next request: Django logs bad answers after all middleware.
        caller.enter(caller.Caller(secrets.token_hex(8), client_address.of(request), request))
        if is_of_program(request):
            request.META.pop("HTTP_COOKIE", None)
        return self.get_response(request)


class LateMiddleware:
    """Answer 503 to whom has waited too long already for a thread: all others may be stuck too.

    So nobody waits for the sum of what those before wait for. The server says how long it was.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return _late(request) or self.get_response(request)


class HeadersMiddleware:
    """Put the headers that no other middleware writes on every response, errors included."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.content_policy = build_policy()  # no page has another

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["Content-Security-Policy"] = self.content_policy
        response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
        response.headers["X-Robots-Tag"] = "noindex"
        # Django's own middleware writes these, but not where an unknown Host stops it.
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        # Static files bring their own.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class BodyLimitMiddleware:
    """Refuse a request that is too large before any of it is read (DS-03)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _body_length(request) > _largest_body(request):
            return errors.too_large(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        """Take files from staff only; nothing has read the body yet."""
        if _body_length(request) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return None
        return None if is_verified_staff(request) else errors.too_large(request)


def _largest_body(request: HttpRequest) -> int:
    """Give what the page takes: few say that they take more than a form."""
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if _body_length(request) <= most:
        return most
    try:
        return getattr(resolve(request.path_info).func, "largest_body", most)
    except Resolver404:
        return most


def _body_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


class MonitorMiddleware:
    """Answer monitors, whatever name they call the portal by: an address, a container's name.

    They are answered before anything reads the Host, which opens it for nothing else.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        monitored = _MONITORED.get(request.path_info)
        if monitored is None:
            return self.get_response(request)
        return _late(request) or monitored(request)


class SchemaMiddleware(MiddlewareMixin):
    """Serve nothing on a schema that waits for a command: pages say "away" until then."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], *_: object
    ) -> HttpResponseBase | None:
        if view.__module__.startswith(_WITHOUT_DATABASE) or not (command := schema.to_be_run()):
            return None
        logger.error(_WAITS_FOR[command])
        return errors.unavailable(request)


class FirstLookMiddleware:
    """Answer a stranger's first look at a form that is kept: there is nobody to look up.

    Where the database waits for a command it goes the way of all requests, which says so.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._kept(request) or self.get_response(request)

    def _kept(self, request: HttpRequest) -> HttpResponse | None:
        match = _first_looks().get(request.path_info)
        if match is None or not fixed.is_first_look(request):
            return None
        request.resolver_match = match
        try:
            return None if schema.to_be_run() else fixed.look_of(match.func)(request)
        except Error as error:
            if errors.is_away(error):  # not asked again: it may have been waited for
                return _away(request, "the database does not answer", error)
            return None


@functools.cache
def _first_looks() -> dict[str, ResolverMatch]:
    """Give the forms that have a first look, by their paths."""
    names = ("accounts:login", "accounts:reset", "accounts:activate")
    return {path: resolve(path) for path in map(reverse, names)}


class LongPageMiddleware(MiddlewareMixin):
    """Give the statements of pages that are marked (`takes_long`) more time than others."""

    def process_view(self, request: HttpRequest, view: object, *_: object) -> None:
        if getattr(view, "takes_long", False):
            _database().take_long()


# Not when the view returns: a list is read while it is sent.
@receiver(request_finished)
def _end_long_page(**_: object) -> None:
    try:
        _database().take_short()
    except Error:
        _database().close()


def _database() -> DatabaseWrapper:
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper)
    return database


class FaultMiddleware:
    """Turn the faults that a view may meet into pages that say what to do."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            response.content = errors.bad_request(request).content
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        match error:
            case TooManyRequests():
                shield.remember(error)
                return errors.too_many_requests(request, error.until)
            case CallerHeld():
                return errors.too_many_requests(request, error.until)
            case Busy() | NoAnswer():
                return errors.unavailable(request)
            case Error() if errors.is_away(error):
                return _away(request, "the database does not answer", error)
            case RequestDataTooBig() | TooManyFilesSent():
                return errors.too_large(request)
        return None


def _late(request: HttpRequest) -> HttpResponse | None:
    if request.META.get("mailportal.waited", 0) > LONGEST_WAIT:
        return _away(request, "no thread in time")
    return None


def _away(request: HttpRequest, why: str, error: Exception | None = None) -> HttpResponse:
    """Give the page of a pause; logged in Django's own way, so that it is not logged once more."""
    response = errors.unavailable(request)
    log_response(
        f"{why}: %s",
        request.path,
        response=response,
        request=request,
        logger=logger,
        exception=error,
    )
    return response
