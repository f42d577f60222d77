"""Writes down how the units stand today, and sizes the ceilings; for cron, every night."""

from typing import Any

from accounts.management.recorded import RecordedCommand
from accounts.models import Account
from accounts.reports import codes, history
from otp.counting import tightening


class Command(RecordedCommand):
    help = "Keep today's figures of every unit; run again, it brings them up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"units: {history.snapshot()}")
        codes.keep()
        tightening.size(Account.objects.count())
