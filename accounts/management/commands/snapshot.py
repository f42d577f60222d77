"""Writes down how the accounts of every unit stand today; for cron, every night."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.reports import history


class Command(BaseCommand):
    help = "Keep today's figures of every unit; run again, it brings them up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"units: {history.snapshot()}")
