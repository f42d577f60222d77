"""Whether a page reads from the replica: reports and exports do, while it is up to date."""

import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import Error, connections
from django.dispatch import receiver

from otp.outbox import life

logger = logging.getLogger(__name__)

ALIAS = "replica"
AGAIN = 30.0  # seconds after which one that was away or behind is asked again

View = TypeVar("View", bound=Callable[..., Any])

_request = threading.local()
_not_before = 0.0


class Router:
    """Reads of the request at hand, from where it was said; writes always to the primary."""

    def db_for_read(self, *_args: object, **_hints: object) -> str:
        return ALIAS if getattr(_request, "reads_replica", False) else "default"

    def db_for_write(self, *_args: object, **_hints: object) -> str:
        return "default"

    def allow_relation(self, *_args: object, **_hints: object) -> bool:
        return True

    def allow_migrate(self, database: str, *_args: object, **_hints: object) -> bool:
        return database != ALIAS


def reads_replica(view: View) -> View:
    """Let a page that only shows read from the replica, once it is known who asks."""

    @functools.wraps(view)
    def from_replica(*args: Any, **kwargs: Any) -> Any:
        read_replica()
        return view(*args, **kwargs)

    return from_replica  # type: ignore[return-value]  # of the same kind


def read_replica() -> None:
    """Read from the replica until this request ends; a list is read while it is sent."""
    _request.reads_replica = ALIAS in settings.DATABASES and _is_up_to_date()


@receiver(request_started)
@receiver(request_finished)
def _read_primary(**_: object) -> None:
    _request.reads_replica = False


def _is_up_to_date() -> bool:
    """Ask it for the portal's own signs of life: those it has are as old as it is behind."""
    global _not_before
    if time.monotonic() < _not_before:
        return False
    try:
        shown = life.any_is_shown(ALIAS)
    except Error as error:
        connections[ALIAS].close()
        # Only the first line: those after it may repeat values.
        first_line = str(error).partition("\n")[0]
        logger.warning("the replica is away, reports read from the primary: %s", first_line)
    else:
        if shown:
            return True
        behind = life.HEARTBEAT.total_seconds()
        logger.warning("the replica is %d seconds behind, reports read from the primary", behind)
    _not_before = time.monotonic() + AGAIN
    return False
