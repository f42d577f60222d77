"""Turns a flood of one caller away before a session or the database is asked.

Counted by django-ratelimit in fixed windows, in the memory of each process or, where CACHE_URL is
set, in Redis. The exact limits (otp.counting.limits) stand behind it and need nothing of it.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django_ratelimit.core import get_usage
from redis import RedisError

from accounts.access import limits
from accounts.access.middleware import is_staff_page
from mailportal import errors
from otp.counting.limits import Limit

logger = logging.getLogger(__name__)

_EACH = dt.timedelta(minutes=1)
POSTS = Limit("posts", 60, _EACH)
COSTLY = Limit("costly", 120, _EACH)  # searches, lists, reports, files, what mail programs ask for
PAGES = Limit("pages", 600, _EACH)  # any other page, and what is neither GET nor POST
REPORTS = Limit("reports", 6000, _EACH)  # a supplier's, about each message, from one address

LEFT_ALONE = 10  # seconds in which a Redis that did not answer is not asked again

_COSTLY = (
    "/cau-hinh/hoat-dong/",
    "/huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig",
    "/mail/config-v1.1.xml",
    "/.well-known/autoconfig/",
    "/autodiscover/",
    "/metrics",
)

Handler = Callable[[HttpRequest], HttpResponseBase]


class _Redis:
    """Whether Redis answers this process, and until when it is left alone."""

    is_up = True
    asked_again_at = 0.0


class ShieldMiddleware:
    """Answer 429 to a caller who asks too fast; stands before sessions and log-ins."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        until = _refused_until(request, limit_of(request))
        if until:
            return errors.too_many_requests(request, until)
        return self.get_response(request)


def limit_of(request: HttpRequest) -> Limit:
    """Give the limit that a request counts for: each caller has one count of each."""
    path = request.path_info.lower()
    if path.startswith("/sms/"):
        limit = REPORTS
    elif request.method == "POST":
        limit = POSTS
    elif is_staff_page(request) or path.startswith(_COSTLY):
        limit = COSTLY
    else:
        limit = PAGES
    if limits.is_within(settings.OFFICE_NETWORKS) or limits.is_within(settings.STAFF_NETWORKS):
        return replace(limit, count=limit.count * limits.OFFICE_FACTOR)
    return limit


def counts() -> bool:
    """Whether callers are counted by this process; not while its Redis is away."""
    return _Redis.is_up


def _refused_until(request: HttpRequest, limit: Limit) -> dt.datetime | None:
    """Count the request; say until when its caller is refused.

    Without Redis nobody is refused here: the exact limits still hold, and the page goes on.
    """
    if time.monotonic() < _Redis.asked_again_at:
        return None
    try:
        usage = get_usage(
            request,
            group=limit.name,
            key=lambda *_: limits.subscriber(),
            rate=(limit.count, int(limit.period.total_seconds())),
            increment=True,
        )
    except RedisError as error:
        _leave_alone(error)
        return None
    _note_that_redis_answers()
    if not usage or not usage["should_limit"]:
        return None
    if usage["count"] == limit.count + 1:
        logger.warning("caller refused: more than %s %s a minute", limit.count, limit.name)
    return timezone.now() + dt.timedelta(seconds=max(1, usage["time_left"]))


def _leave_alone(error: RedisError) -> None:
    if _Redis.is_up:
        logger.error("Redis does not answer, callers are not counted: %s", type(error).__name__)
    _Redis.is_up = False
    _Redis.asked_again_at = time.monotonic() + LEFT_ALONE


def _note_that_redis_answers() -> None:
    if not _Redis.is_up:
        logger.info("Redis answers again, callers are counted")
    _Redis.is_up = True
