"""Everything that the portal holds of an account, erased in one transaction."""

import datetime as dt
from collections.abc import Collection

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils import timezone

from accounts.audit.forgetting import forget
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import (
    Account,
    Address,
    AddressQuarantine,
    AuditEvent,
    Custody,
    Departure,
    FactorProposal,
    HookMessage,
    PhoneProposal,
    Removal,
)
from otp import codes, outbox
from otp.counting import keyed_names

Event = AuditEvent.Event


def erase(keys: Collection[int], removal: Removal) -> None:
    """Erase accounts that the caller has locked, in the caller's transaction.

    Whoever asks afterwards meets addresses that nobody has; for a while nobody is given them.
    """
    people = list(Account.objects.filter(pk__in=keys))
    addresses = list(Address.objects.filter(account__in=keys).values_list("address", flat=True))
    for account in people:
        end_mail_sessions(account)
        codes.revoke(account.address)
    _clear_messages(addresses)
    _let_go_of_others(keys, by=removal.decided_by)
    Account.objects.filter(pk__in=keys).delete()
    days = dt.timedelta(days=settings.ADDRESS_QUARANTINE_DAYS)
    AddressQuarantine.objects.keep(addresses, until=timezone.now() + days)
    detail = {"removal": removal.pk, "proposed_by": removal.proposed_by_id}
    # The numbers alone: their addresses must not be on record anew.
    gone = [(Account(pk=account.pk), detail) for account in people]
    # The last word of theirs; with it, programs that know them delete them too.
    now = timezone.now()
    HookMessage.objects.tell_of_people(Event.ACCOUNT_REMOVED, [(each, now) for each in people])
    AuditEvent.record_many(Event.ACCOUNT_REMOVED, gone, actor=removal.decided_by)
    forget(keys, addresses, actor=removal.decided_by)


def _clear_messages(addresses: list[str]) -> None:
    names = [name for each in addresses for name in keyed_names.names_of("address", each)]
    outbox.forget_recipients(names)
    HookMessage.objects.forget(names)


def _let_go_of_others(keys: Collection[int], *, by: Account | None) -> None:
    """Take the accounts out of what concerns others; what they did as staff is in the trail."""
    for proposals in (PhoneProposal.objects, FactorProposal.objects):
        proposals.filter(Q(proposed_by__in=keys) | Q(decided_by__in=keys)).delete()
    Departure.objects.filter(forward_to__in=keys).update(forward_to=None, forward_days=0)
    for custody in Custody.objects.filter(deputy__in=keys).select_related("mailbox"):
        custody.deputy = None
        custody.save(update_fields=["deputy"])
        AuditEvent.record(
            Event.MAILBOX_ENTRUSTED, custody.mailbox, actor=by, reason="deputy-removed"
        )
    # The administration's own notes name whom they were of.
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Account),
        object_id__in=[str(key) for key in keys],
    ).delete()
