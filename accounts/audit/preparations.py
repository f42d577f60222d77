"""What one member of staff prepared, another has to finish: who changed what of an account."""

from django.db.models import Q, QuerySet

from accounts.models import Account, AuditEvent

Event = AuditEvent.Event


def changes_by(staff: Account, field: str) -> "QuerySet[AuditEvent]":
    """Give the changes that somebody made to one column of accounts that were there before."""
    edited = Q(event__in=(Event.ACCOUNT_EDITED, Event.IMPORTED), detail__fields__contains=[field])
    if field == "has_default_password":
        edited |= Q(event=Event.DEFAULT_MARKED)
    # An address is on record once only, where the account is new.
    is_new = Q(detail__fields__contains=["address"])
    return AuditEvent.objects.filter(edited, actor=staff).exclude(is_new)
