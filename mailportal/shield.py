"""Turns a flood of one caller away before a session or the database is asked.

Counted by django-ratelimit in fixed windows, in the memory of each process or, where CACHE_URL is
set, in Redis. The exact limits (otp.counting.limits) stand behind it and need nothing of it; whom
they have refused is turned away here until that ends.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django_ratelimit.core import get_usage

from accounts.access import limits
from accounts.access.limits import TooManyRequests
from accounts.access.mail_policy_views import is_mail_server
from accounts.access.staff import is_staff_page
from accounts.webmail import clients
from mailportal import errors
from otp.counting.keyed_names import name_of
from otp.counting.limits import Limit

logger = logging.getLogger(__name__)

_EACH = dt.timedelta(minutes=1)
REQUESTS = Limit("requests", 1200, _EACH)  # of any kind
POSTS = Limit("posts", 180, _EACH)  # that passed the check of the form's token
COSTLY = Limit("costly", 600, _EACH)  # searches, lists, reports, files, what mail programs ask for
REPORTS = Limit("reports", 6000, _EACH)  # a supplier's, about each message, from one address

LEFT_ALONE = 10  # seconds in which a Redis that did not answer is not asked again

_COSTLY = (
    "/cau-hinh/hoat-dong/",
    "/huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig",
    "/mail/config-v1.1.xml",
    "/.well-known/autoconfig/",
    "/autodiscover/",
)

Handler = Callable[[HttpRequest], HttpResponseBase]
Answer = TypeVar("Answer")


class _Redis:
    """Whether Redis answers this process, and until when it is left alone."""

    is_up = True
    asked_again_at = 0.0


class ShieldMiddleware:
    """Answer 429 to a caller who asks too fast; stands before what asks the database.

    It stands behind the check of the form's token, which costs no statement: what other sites make
    a browser send must not use up what its owner may. Mail server and webmail ask for everybody.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _is_program(request):
            return self.get_response(request)
        limit = REPORTS if _is_report(request) else REQUESTS
        return _refusal(request, limit) or self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponseBase | None:
        if _is_report(request) or _is_program(request):
            return None
        if request.method == "POST":
            return _held(request, view) or _refusal(request, POSTS)
        if is_staff_page(request) or request.path_info.lower().startswith(_COSTLY):
            return _refusal(request, COSTLY)
        return None


def remember(refusal: TooManyRequests) -> None:
    """Turn the caller away from what is under this limit until the refusal ends."""
    logger.warning("caller refused by the limit %s", refusal.limit)
    seconds = (refusal.until - timezone.now()).total_seconds()
    if seconds > 0:
        _ask_cache(lambda: cache.set(_key_of(refusal.limit), refusal.until, seconds))


def counts() -> bool:
    """Whether callers are counted by this process; not while its Redis is away."""
    return _Redis.is_up


def _is_program(request: HttpRequest) -> bool:
    """Whether the mail server or the webmail asks, for everybody, and shows its secret."""
    return is_mail_server(request) or clients.is_known(request)


def _is_report(request: HttpRequest) -> bool:
    return request.path_info.startswith("/sms/")


def _refusal(request: HttpRequest, limit: Limit) -> HttpResponseBase | None:
    """Count the request; give the page for a caller who has asked too often."""
    if limits.is_within(settings.OFFICE_NETWORKS) or limits.is_within(settings.STAFF_NETWORKS):
        limit = replace(limit, count=limit.count * limits.OFFICE_FACTOR)
    until = _refused_until(request, limit)
    return errors.too_many_requests(request, until) if until else None


def _refused_until(request: HttpRequest, limit: Limit) -> dt.datetime | None:
    """Count the request; say until when its caller is refused."""
    usage = _ask_cache(
        lambda: get_usage(
            request,
            group=limit.name,
            key=lambda *_: limits.subscriber(),
            rate=(limit.count, int(limit.period.total_seconds())),
            increment=True,
        )
    )
    if not usage or not usage["should_limit"]:
        return None
    if usage["count"] == limit.count + 1:
        logger.warning("caller refused: more than %s %s a minute", limit.count, limit.name)
    return timezone.now() + dt.timedelta(seconds=max(1, usage["time_left"]))


def _held(request: HttpRequest, view: object) -> HttpResponseBase | None:
    """Give the page for a caller whom the exact limit of this view has refused."""
    limit = getattr(view, "posts", None)
    if not isinstance(limit, Limit):
        return None
    until: dt.datetime | None = _ask_cache(lambda: cache.get(_key_of(limit.name)))
    if until is None or until <= timezone.now():
        return None
    return errors.too_many_requests(request, until)


def _key_of(limit: str) -> str:
    return f"held:{limit}:{name_of('held', limits.subscriber())}"


def _ask_cache(question: Callable[[], Answer]) -> Answer | None:
    """Give the cache's answer; None while its Redis does not answer.

    Then nobody is refused here: the exact limits still hold, and the page goes on.
    """
    if time.monotonic() < _Redis.asked_again_at:
        return None
    try:
        answer = question()
    except _error_of_redis() as error:
        _leave_alone(error)
        return None
    _note_that_redis_answers()
    return answer


def _error_of_redis() -> type[Exception]:
    from redis import RedisError  # it takes long to load, and few offices have one

    return RedisError


def _leave_alone(error: Exception) -> None:
    if _Redis.is_up:
        logger.error("Redis does not answer, callers are not counted: %s", type(error).__name__)
    _Redis.is_up = False
    _Redis.asked_again_at = time.monotonic() + LEFT_ALONE


def _note_that_redis_answers() -> None:
    if not _Redis.is_up:
        logger.info("Redis answers again, callers are counted")
    _Redis.is_up = True
