"""What runs by itself, in /quan-tri/: when it did last, when it will again, and how it failed."""

import datetime as dt

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Upkeep
from accounts.upkeep import schedule
from accounts.upkeep.records import Reading
from otp.admin import ReadOnlyAdmin


@admin.register(Upkeep)
class UpkeepAdmin(ReadOnlyAdmin):
    """One line a task of this office."""

    list_display = (
        "task",
        "name",
        "in_time",
        "started_at",
        "succeeded_at",
        "next_run",
        "failed_at",
        "failures",
        "reason",
    )
    ordering = ("name",)
    fields = (*list_display, "since", "runs", "failed_runs")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Upkeep]":
        return super().get_queryset(request).filter(pk__in=[task.name for task in schedule.tasks()])

    @admin.display(description=_("việc"))
    def task(self, row: Upkeep) -> str:
        return str(_(_reading(row).task.label))

    @admin.display(description=_("đúng hạn"))
    def in_time(self, row: Upkeep) -> str:
        return str(_("Quá hạn") if _reading(row).is_overdue else _("Đúng hạn"))

    @admin.display(description=_("chạy lần tới lúc"))
    def next_run(self, row: Upkeep) -> dt.datetime:
        return _reading(row).next_run


def _reading(row: Upkeep) -> Reading:
    task = next(task for task in schedule.tasks() if task.name == row.name)
    return Reading(task, row, timezone.now())
