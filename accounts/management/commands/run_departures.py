"""Shuts the accounts of those whose last day is over; every hour."""

from typing import Any

from accounts.leaving import rules
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = "Shut the accounts of those whose last day at the office is over."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"shut: {rules.run()}")
