"""For monitors: whether the process lives, and whether it can do its work."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts.upkeep import records
from mailportal import client_address, schema, shield
from otp.models import GatewayState
from otp.outbox import life


@login_not_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say of each part that pages and codes need whether it is fine: 200, else 503.

    Whether callers are told apart and counted, and what runs by itself is in time, is shown as
    well: a proxy that is set up wrongly, a Redis that is away and a late backup are no reason to
    take the portal away.
    """
    try:
        silent = life.silent()
        parts = {
            "database": True,
            "migrations": schema.is_current(),
            "gateways": _a_gateway_is_open(),
            **{name: name not in silent for name in life.EXPECTED},
        }
        shown = parts | {
            "callers": client_address.are_told_apart(),
            "shield": shield.counts(),
            "jobs": records.all_in_time(),
        }
    except Error:
        parts = shown = {"database": False}
    return JsonResponse(shown, status=200 if all(parts.values()) else 503)


def _a_gateway_is_open() -> bool:
    paused = GatewayState.objects.paused().values_list("name", flat=True)
    return not set(settings.SMS_GATEWAY.split(",")) <= set(paused)
