"""Deletes what need not be kept any longer."""

import datetime as dt
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import CASCADE, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete
from django.db.models.functions import Now

from accounts.access import devices, mail_logins
from accounts.api import changes as program_changes
from accounts.bulk import queue
from accounts.credentials import factor_proposals, phone_proposals, phones
from accounts.hooks import sending as hooks
from accounts.management.recorded import RecordedCommand
from accounts.models import AddressQuarantine, Device, HashTally, MailLogin, WebmailLogin
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
            "messages": _prune_oldest(Message.objects.filter(created_at__lt=oldest), "created_at"),
            "codes": _prune_oldest(Code.objects.filter(issued_at__lt=oldest), "issued_at"),
            "meters": _prune(Meter.objects.filter(until__lt=Now()).exclude(pk__in=life.EXPECTED)),
            "dead numbers": dead_numbers.forget_old(),
            "jobs": queue.forget_old(),
            "kept addresses": _prune(AddressQuarantine.objects.filter(until__lt=Now())),
            "proposals": phone_proposals.expire() + factor_proposals.expire(),
            "replaced numbers": phones.forget_replaced(),
            "devices": _prune(Device.objects.filter(last_seen_at__lt=Now() - devices.KEPT)),
            "mail logins": _prune_oldest(
                MailLogin.objects.filter(local_day__lt=mail_logins.oldest_day()), "local_day"
            ),
            "webmail logins": _prune(WebmailLogin.objects.filter(ends_at__lt=Now())),
            "programs' keys": program_changes.forget_old(),
            "words of webhooks": hooks.forget_old(),
            "data requests": personal_data.forget_old(),
        }
        HashTally.objects.compact()
        for name, count in pruned.items():
            self.stdout.write(f"{name}: {count}")
        # Django's own clearsessions, without its app: the portal keeps its sessions elsewhere.
        import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _prune_oldest(rows: QuerySet[Any], time: str) -> int:
    """Delete in batches along the index of `time`, whatever else the table holds. Give the number.

    Django's own delete reads each row and sends a statement for every hundred: of ten million
    codes, those of one day would take the night.
    """
    count = 0
    opts = rows.model._meta  # noqa: SLF001  (Django's own name for it)
    relations: list[Any] = list(get_candidate_relations_to_delete(opts))
    while keys := list(rows.order_by(time).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            for relation in relations:
                name = relation.field.name
                pointing = relation.related_model.objects.filter(**{f"{name}__in": keys})
                if relation.on_delete is CASCADE:
                    pointing.delete()
                else:
                    pointing.update(**{name: None})
            found: Any = rows.model.objects.filter(pk__in=keys)
            count += found._raw_delete(rows.db)  # noqa: SLF001  (what points there is done)
    return count


def _prune(rows: QuerySet[Any]) -> int:
    """Delete in batches. Give the number of rows."""
    count = 0
    while deleted := rows.filter(pk__in=rows.values("pk")[:BATCH]).delete()[0]:
        count += deleted
    return count
