"""Makes a superuser as Django does, and puts it on record."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction

from accounts.models import Account, AuditEvent


class Command(createsuperuser.Command):
    help = "Make an account for the day when all else fails; there are two at most."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            known = set(_superusers())
            super().handle(*args, **options)
            for account in Account.objects.filter(pk__in=set(_superusers()) - known):
                AuditEvent.record(
                    AuditEvent.Event.STAFF_APPOINTED, account, reason="terminal", role="superuser"
                )


def _superusers() -> list[int]:
    return list(Account.objects.filter(is_superuser=True).values_list("pk", flat=True))
