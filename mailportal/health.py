"""For monitors: whether the process lives, and whether it can do its work."""

import functools

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from mailportal import client_address
from otp import outbox


@login_not_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say of the database, the migrations and the sender whether they are fine: 200, else 503.

    Whether callers are told apart is shown as well: a proxy that is set up wrongly is no reason to
    take the portal away.
    """
    try:
        parts = {"database": True, "migrations": _migrated(), "sender": outbox.sender_is_alive()}
        shown = parts | {"callers": client_address.are_told_apart()}
    except DatabaseError:
        parts = shown = {"database": False}
    return JsonResponse(shown, status=200 if all(parts.values()) else 503)


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    # Read from files, which do not change while the process lives.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _migrated() -> bool:
    return _newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()
