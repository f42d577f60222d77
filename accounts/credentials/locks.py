"""Lock and unlock an account: at once, in the portal and in the mail system, and on record."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, AuditEvent
from accounts.models.audit_event import Ground
from otp import codes

NO_GROUND = Ground()
BY_CAMPAIGN = "campaign"  # the reason on record


def lock(
    account: Account, *, actor: Account | None, ground: Ground = NO_GROUND, reason: str = ""
) -> bool:
    """Lock the account and end its sessions and codes; False when it was locked already.

    `reason` says on record what did it, where nobody did.
    """
    with transaction.atomic():
        locked = Account.objects.filter(pk=account.pk, locked_at__isnull=True).update(
            locked_at=timezone.now()
        )
        if locked:
            account.end_sessions()
            end_mail_sessions(account)
            codes.revoke(account.address)
            AuditEvent.record(
                AuditEvent.Event.LOCKED,
                account,
                actor=actor,
                reason=BY_CAMPAIGN if ground.by_itself else reason,
                ground=ground,
            )
    return bool(locked)


def unlock(
    account: Account, *, actor: Account | None, ground: Ground = NO_GROUND, reason: str = ""
) -> bool:
    """Unlock the account; False when it was not locked."""
    with transaction.atomic():
        unlocked = Account.objects.filter(pk=account.pk, locked_at__isnull=False).update(
            locked_at=None
        )
        if unlocked:
            AuditEvent.record(
                AuditEvent.Event.UNLOCKED, account, actor=actor, reason=reason, ground=ground
            )
    return bool(unlocked)


def last_locks(people: QuerySet[Account]) -> QuerySet[AuditEvent]:
    """Give what the audit trail has of how those became locked that are: one row each, at most."""
    locked = people.filter(locked_at__isnull=False).order_by().values("pk")
    events = AuditEvent.objects.filter(event=AuditEvent.Event.LOCKED, account__in=locked)
    newest = events.order_by("account", "-pk").distinct("account")
    return AuditEvent.objects.filter(pk__in=newest.values("pk"))
