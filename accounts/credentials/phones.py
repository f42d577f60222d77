"""The only door to a number in force: it is put on record, and those concerned are told."""

import functools

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import directory
from accounts.credentials import notices
from accounts.models import Account, AuditEvent
from accounts.models.account import WATCHED_AFTER_CHANGE
from otp import codes

_NUMBERS = (
    *("old_phone", "phone", "phone_changed_at", "phone_confirmed_at", "new_phone"),
    "phone_doubted_at",
)


def put_in_force(account: Account, phone: str, *, by: Account | None = None) -> None:
    """Make `phone` the account's number, in the caller's transaction, and tell of it.

    `by` is the member of staff who vouches for it (AD-09); else the owner has confirmed it.
    """
    first = not account.phone
    changed = phone != account.phone
    now = timezone.now()
    replaced = account.phone
    if changed:
        if not account.changed_phone_lately:
            # Else an intruder who changes it twice would be the one who is warned.
            account.old_phone = replaced
        account.phone, account.phone_changed_at = phone, now
    account.phone_confirmed_at = now if by or settings.PHONE_CONFIRMATION else None
    account.new_phone, account.phone_doubted_at = "", None
    account.save(update_fields=_NUMBERS)
    # A recovery that was begun with the old number must not be finished with it.
    codes.revoke(account.address)
    event = _event(first=first, changed=changed)
    AuditEvent.record(event, account, actor=by or account)
    if changed:
        notices.phone_changed(account, replaced=replaced)
    if account.is_in_directory:
        transaction.on_commit(functools.partial(directory.keep_phone, account.address, phone))


def forget_replaced() -> int:
    """Erase numbers that were replaced so long ago that they are warned no more; say how many."""
    changed_before = timezone.now() - WATCHED_AFTER_CHANGE
    replaced = Account.objects.filter(phone_changed_at__lt=changed_before).exclude(old_phone="")
    return replaced.update(old_phone="")


def _event(*, first: bool, changed: bool) -> AuditEvent.Event:
    if first:
        return AuditEvent.Event.PHONE_FIRST
    return AuditEvent.Event.PHONE_CHANGED if changed else AuditEvent.Event.PHONE_CONFIRMED
