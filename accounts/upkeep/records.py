"""How the tasks that run by themselves have fared, and which are overdue or fail."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.apps import apps as current
from django.apps.registry import Apps
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models.job import LONGEST_REASON, Upkeep
from accounts.upkeep import schedule


@dataclass(frozen=True)
class Reading:
    """A task of this office, how it has fared, and when it is due again."""

    task: schedule.Task
    row: Upkeep
    now: dt.datetime

    @property
    def age(self) -> dt.timedelta:
        """The time since it last did what it is for."""
        return self.now - (self.row.succeeded_at or self.row.since)

    @property
    def is_overdue(self) -> bool:
        return self.task.is_overdue(self.row.succeeded_at or self.row.since, self.now)

    @property
    def next_run(self) -> dt.datetime:
        return self.task.next_run(self.now)


@contextmanager
def recorded(name: str) -> Iterator[None]:
    """Put a run on record: that it began, and that it is done or why not."""
    row, _made = Upkeep.objects.get_or_create(name=name)
    mine = Upkeep.objects.filter(pk=row.pk)
    mine.update(started_at=Now())
    try:
        yield
    except Exception as error:
        with suppress(DatabaseError):  # else it would hide what went wrong
            mine.update(
                failed_at=Now(),
                failures=F("failures") + 1,
                failed_runs=F("failed_runs") + 1,
                reason=_reason(error),
            )
        raise
    mine.update(succeeded_at=Now(), failures=0, reason="", runs=F("runs") + 1)


def _reason(error: Exception) -> str:
    # Only what a command says of itself: other messages repeat values they were given.
    said = str(error).partition("\n")[0] if isinstance(error, CommandError) else ""
    return (said or type(error).__name__)[:LONGEST_REASON]


def readings() -> list[Reading]:
    """Give every task of this office."""
    now = timezone.now()
    rows = Upkeep.objects.in_bulk()
    return [
        Reading(task, rows.get(task.name) or Upkeep(name=task.name), now)
        for task in schedule.tasks()
    ]


def is_due(name: str, at: dt.datetime) -> bool:
    """Say whether what was due at a moment is still to be done.

    Not so where an operator has done it since, and where there was nothing to look after then.
    """
    later = Q(since__gt=at) | Q(succeeded_at__gt=at)
    return not Upkeep.objects.filter(later, pk=name).exists()


def all_in_time() -> bool:
    return not any(reading.is_overdue for reading in readings())


def overdue() -> Iterator[str]:
    """Say of each task that is overdue since when, for alerts."""
    for reading in readings():
        if reading.is_overdue:
            last = reading.row.succeeded_at or reading.row.since
            yield _("Việc tự chạy “%(task)s” (%(name)s) chưa xong lần nào từ %(since)s") % {
                "task": _(reading.task.label),
                "name": reading.task.name,
                "since": timezone.localtime(last).strftime("%H:%M %d/%m/%Y"),
            }


def failing() -> Iterator[str]:
    """Say of each task that failed last time why, for alerts."""
    for reading in readings():
        if reading.row.failures:
            yield _(
                "Việc tự chạy “%(task)s” (%(name)s) lỗi %(count)d lần liên tiếp: %(reason)s"
            ) % {
                "task": _(reading.task.label),
                "name": reading.task.name,
                "count": reading.row.failures,
                "reason": reading.row.reason,
            }


def look_after(apps: Apps = current, **_kwargs: Any) -> None:
    """Have a row for every task, from which its lateness counts; after every `migrate`."""
    try:
        model = apps.get_model("accounts", "Upkeep")
    except LookupError:
        return  # going back to an older schema, there is no such table
    rows = [model(name=task.name) for task in schedule.tasks()]
    model.objects.bulk_create(rows, ignore_conflicts=True)
