"""Ends the sessions of an account in mail programs, through the outbox."""

import datetime as dt

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from accounts.models import Account
from otp import outbox
from otp.models import Message

LATE = dt.timedelta(days=7)  # how long after its moment a default password is still looked for


def end_mail_sessions(account: Account) -> None:
    """Have what is open in mail programs ended, in the transaction of what forbids it (PR-02)."""
    outbox.queue_kick(account.address, to=account.address)


def end_mail_sessions_of_domain(domain: str) -> None:
    outbox.queue_kick(domain, to=f"*@{domain}")


def end_mail_sessions_after_their_time() -> int:
    """End what is open with default passwords whose moment has passed, once for each. Say how many.

    The mail server refuses such a password by itself; what was opened before would stay open.
    """
    if not settings.DOVEADM_URL:
        return 0
    told = Message.objects.filter(
        channel=Message.Channel.KICK,
        to_masked=OuterRef("address"),
        created_at__gte=OuterRef("default_password_until"),
    )
    accounts = Account.objects.filter(
        ~Exists(told),
        has_default_password=True,
        default_password_until__gt=Now() - LATE,
        default_password_until__lte=Now(),
        is_active=True,
        locked_at=None,
    )
    for account in accounts:
        end_mail_sessions(account)
    return len(accounts)
