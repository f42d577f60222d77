"""Deletes what need not be kept any longer."""

import datetime as dt
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.bulk import queue
from accounts.credentials import phone_proposals, phones
from accounts.management.recorded import RecordedCommand
from accounts.models import AddressQuarantine, HashTally
from accounts.personal_data import rules as personal_data
from otp.models import Code, Message, Meter
from otp.outbox import life
from otp.suppliers import dead_numbers

BATCH = 1_000  # rows in one transaction, so that nobody waits for it


class Command(RecordedCommand):
    help = "Delete what need not be kept any longer: old codes, messages, jobs, sessions, requests."

    def handle(self, *args: Any, **options: Any) -> None:
        oldest = Now() - dt.timedelta(days=settings.RETENTION_CODES_DAYS)
        pruned = {
            "messages": _prune(Message.objects.filter(created_at__lt=oldest)),
            "codes": _prune(Code.objects.filter(issued_at__lt=oldest)),
            "meters": _prune(Meter.objects.filter(until__lt=Now()).exclude(pk__in=life.EXPECTED)),
            "dead numbers": dead_numbers.forget_old(),
            "jobs": queue.forget_old(),
            "kept addresses": _prune(AddressQuarantine.objects.filter(until__lt=Now())),
            "proposals": phone_proposals.expire(),
            "replaced numbers": phones.forget_replaced(),
            "data requests": personal_data.forget_old(),
        }
        HashTally.objects.compact()
        for name, count in pruned.items():
            self.stdout.write(f"{name}: {count}")
        # Django's own clearsessions, without its app: the portal keeps its sessions elsewhere.
        import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _prune(rows: QuerySet[Any]) -> int:
    """Delete in batches. Give the number of rows."""
    count = 0
    while deleted := rows.filter(pk__in=rows.values("pk")[:BATCH]).delete()[0]:
        count += deleted
    return count
