"""The people whom a member of staff looked at last, from the audit trail."""

import datetime as dt

from django.utils import timezone

from accounts.models import Account, AuditEvent
from accounts.organisation import roles

MOST = 10
_READ = 100  # views, of which many may be of one person
_NOT_BEFORE = dt.timedelta(days=7)


def looked_at(staff: Account) -> list[Account]:
    """Give the last `MOST` people, the last first; of those whom `staff` still may see."""
    views = (
        AuditEvent.objects.filter(
            actor=staff,
            event=AuditEvent.Event.VIEWED,
            account__isnull=False,
            at__gt=timezone.now() - _NOT_BEFORE,
        )
        .order_by("-at", "-pk")
        .values_list("account_id", flat=True)[:_READ]
    )
    keys = list(dict.fromkeys(views))[:MOST]
    found = {one.pk: one for one in roles.within(staff, Account.objects.filter(pk__in=keys))}
    return [found[key] for key in keys if key in found]
