"""What the audit trail holds of people who were removed is forgotten, and the chain stays whole."""

from collections.abc import Collection
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from accounts.models import Account, AuditEvent
from otp.counting import keyed_names

Event = AuditEvent.Event


def forget(accounts: Collection[int], addresses: Collection[str], *, actor: Account | None) -> int:
    """Make blank what names removed accounts, and put on record which rows; say how many.

    What happened, when and by which member of staff stays. A row written before rows had a salt
    leaves a remnant, whose hash goes on record, because its link was made of more.
    """
    keys = [key for each in addresses for key in keyed_names.names_of("address", each)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, account_id, remnant FROM accounts_audit_forget(%s, %s, %s)",
            [list(accounts), keys, list(addresses)],
        )
        found = cursor.fetchall()
        if found:
            _put_on_record(accounts, found, actor)
    return len(found)


def forget_stragglers() -> int:
    """Forget rows that others were still writing while their account was removed."""
    gone = AuditEvent.objects.filter(event=Event.ACCOUNT_REMOVED, account=OuterRef("account"))
    late = AuditEvent.objects.filter(Exists(gone), seal="").exclude(event=Event.ACCOUNT_REMOVED)
    accounts = {pk for pk in late.values_list("account", flat=True) if pk}
    return forget(accounts, [], actor=None) if accounts else 0


def _put_on_record(accounts: Collection[int], found: list[Any], actor: Account | None) -> None:
    AuditEvent.record(
        Event.AUDIT_FORGOTTEN,
        actor=actor,
        accounts=sorted(accounts),
        rows=sorted(pk for pk, account, _remnant in found if account not in accounts),
        remnants={pk: remnant for pk, _account, remnant in found if remnant},
    )
