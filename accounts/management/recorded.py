"""A command whose runs are put on record, whoever begins them."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.upkeep import records


class RecordedCommand(BaseCommand):
    """One of the tasks that run by themselves (`accounts.upkeep.schedule`)."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not self.counts(options):
            return super().execute(*args, **options)
        with records.recorded(type(self).__module__.rpartition(".")[2]):
            return super().execute(*args, **options)

    def counts(self, options: dict[str, Any]) -> bool:
        """Say whether this run does what the task is for."""
        return True
