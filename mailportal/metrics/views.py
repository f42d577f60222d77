"""`/metrics`: what the database counts, the same at every host, and this host's requests."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from mailportal.metrics import requests
from mailportal.metrics.counts import Counts


@login_not_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Answer bearers of METRICS_TOKEN; where it is unset, there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(
            "METRICS_TOKEN\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    registry = CollectorRegistry()
    registry.register(Counts())
    text = generate_latest(registry) + generate_latest(requests.of_this_host())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
