"""For monitors: whether the process lives, and whether it can do its work."""

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts.api.answers import answer
from accounts.api.door import door
from accounts.models import ProgramToken
from accounts.upkeep import records
from mailportal import client_address, schema, shield
from otp import gateways
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
        shown, is_ready = _look()
    except Error:
        shown, is_ready = {"database": False}, False
    return JsonResponse(shown, status=200 if is_ready else 503)


@door(ProgramToken.Scope.STATUS)
def status(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """Tell programs what monitors are told."""
    parts, is_ready = _look()
    return answer({"ready": is_ready, "parts": parts})


def _look() -> tuple[dict[str, bool], bool]:
    """Say of each part whether it is fine, and whether pages and codes have what they need."""
    if not schema.is_restored():  # to the tables there may be no rights yet
        return {"database": True, "restored": False}, False
    silent = life.silent()
    parts = {
        "database": True,
        "restored": True,
        "migrations": schema.is_current(),
        "gateways": _a_gateway_is_open(),
        **{name: name not in silent for name in life.EXPECTED},
    }
    shown = parts | {
        "callers": client_address.are_told_apart(),
        "shield": shield.counts(),
        "jobs": records.all_in_time(),
    }
    return shown, all(parts.values())


def _a_gateway_is_open() -> bool:
    paused = GatewayState.objects.paused().values_list("name", flat=True)
    return not set(gateways.in_use()) <= set(paused)
