"""Numbers of a loaded table for which IT vouches: they count at once, and it is on record why."""

import datetime as dt
from collections.abc import Iterable

from django.utils import timezone

from accounts.credentials import notices
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent, Ground
from otp import phones

MAILS_A_SECOND = 10  # so that what is urgent need not queue behind them


def vouch(account: Account, phone: str) -> bool:
    """Have `phone` count for the account, in memory; say whether it does now.

    A number in force, one that its owner is about to confirm, and another than the one that waits
    stay: the owner's word goes before IT's.
    """
    if account.is_staff or account.phone_is_confirmed or account.new_phone:
        return False
    if not phone or account.phone not in ("", phone):
        return False
    account.phone, account.phone_confirmed_at = phone, timezone.now()
    return True


def put_on_record(
    vouched: Iterable[tuple[Account, bool]], *, ground: Ground, actor: Account | None
) -> None:
    """Record whose number counts by whose word, and tell the mailboxes that were there before.

    Each account comes with whether it is new; part of the caller's transaction.
    """
    rows = list(vouched)
    event = AuditEvent.Event.PHONE_VOUCHED
    words = {"why": ground.why, "ticket": ground.ticket}
    happened = [
        (account, {**words, "phone": phones.masked_for_staff(account.phone)}) for account, _ in rows
    ]
    AuditEvent.record_many(event, happened, actor=actor)
    for place, account in enumerate(account for account, is_new in rows if not is_new):
        notices.phone_vouched(account, wait=dt.timedelta(seconds=place / MAILS_A_SECOND))
