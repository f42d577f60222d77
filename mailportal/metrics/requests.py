"""How long the pages take, by the name of the page: never by an address, which may name a person.

gunicorn's workers count into files that outlive them (deploy/gunicorn.conf.py); other processes,
such as those of tests, count for themselves.
"""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

Handler = Callable[[HttpRequest], HttpResponseBase]

METHODS = ("GET", "HEAD", "POST")
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
NO_PAGE = "-"  # static files, and addresses at which there is nothing

_own = CollectorRegistry()
_SECONDS = Histogram(
    "mailportal_request_seconds",
    "Time from a request to its answer, by page.",
    ["page", "method"],
    buckets=BUCKETS,
    registry=_own,
)
_ANSWERS = Counter(
    "mailportal_requests_total",
    "Requests answered, by page and status.",
    ["page", "method", "status"],
    registry=_own,
)


class RequestTimesMiddleware:
    """Count each answer and its time; outermost, so that nothing is left out."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began_at = time.perf_counter()
        response = self.get_response(request)
        page = _page(request)
        method = request.method if request.method in METHODS else "other"
        _SECONDS.labels(page, method).observe(time.perf_counter() - began_at)
        _ANSWERS.labels(page, method, str(response.status_code)).inc()
        return response


def of_this_host() -> CollectorRegistry:
    """Give the counts of all workers of this host's gunicorn, or of this process alone."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _own
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it ships no type for this
    return registry


def _page(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else NO_PAGE
