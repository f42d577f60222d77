"""For monitors: whether the process lives, and whether it can do its work."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from otp import outbox


@login_not_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say of the database, the migrations and the sender whether they are fine: 200, else 503."""
    try:
        parts = {"database": True, "migrations": _migrated(), "sender": outbox.sender_is_alive()}
    except DatabaseError:
        parts = {"database": False}
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
