"""Deletes the audit rows that the office need not keep any longer."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.audit import chain
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = "Delete audit rows older than AUDIT_RETENTION_DAYS; the chain stays whole."

    def handle(self, *args: Any, **options: Any) -> None:
        oldest = timezone.now() - dt.timedelta(days=settings.AUDIT_RETENTION_DAYS)
        self.stdout.write(f"audit: {chain.prune(before=oldest)}")
