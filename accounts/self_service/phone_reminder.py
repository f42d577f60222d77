"""What somebody may answer whom a campaign asks for a number: put it off, a few times."""

from django.db import transaction
from django.db.models import F

from accounts.models import Account, AuditEvent, PhoneMember


def postpone(account: Account) -> bool:
    """Put the number off until the next log-in; False where that is no longer allowed.

    The places are counted down in one statement: two tabs do not share one.
    """
    member = PhoneMember.objects.asking(account)
    if member is None or not member.may_postpone:
        return False
    with transaction.atomic():
        left = PhoneMember.objects.filter(pk=member.pk, outcome="", postponements_left__gt=0)
        if not left.update(postponements_left=F("postponements_left") - 1):
            return False
        AuditEvent.record(
            AuditEvent.Event.PHONE_POSTPONED, account, actor=account, campaign=member.campaign_id
        )
    return True
