"""Writes down how the accounts of every unit stand today; for cron, every night."""

from typing import Any

from accounts.management.recorded import RecordedCommand
from accounts.reports import history


class Command(RecordedCommand):
    help = "Keep today's figures of every unit; run again, it brings them up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"units: {history.snapshot()}")
