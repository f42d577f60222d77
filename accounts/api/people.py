"""What programs are told of accounts: never a password, a code or a whole number."""

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet

from accounts.addresses import AddressError, canonical
from accounts.api import tokens
from accounts.api.answers import page_of
from accounts.models import Account, AuditEvent, ProgramToken
from accounts.organisation.units import Tree
from otp import phones

Event = AuditEvent.Event

MOST_ON_A_PAGE = 500
USUAL_ON_A_PAGE = 100

# What changes something of what is told.
_CHANGES = (
    *(Event.LOCKED, Event.UNLOCKED, Event.ACTIVATED, Event.LEFT, Event.ACCOUNT_EDITED),
    *(Event.IMPORTED, Event.ADDRESS_RENAMED, Event.MAILBOX_HANDED_OVER, Event.PHONE_FIRST),
    *(Event.PHONE_CHANGED, Event.PHONE_CONFIRMED, Event.PHONE_VOUCHED, Event.PHONE_DOUBTED),
    Event.PHONE_APPROVED,
)


def seen_by(program: ProgramToken) -> "QuerySet[Account]":
    """Give the accounts that a program may know of."""
    units = tokens.units_of(program)
    people = Account.objects.all()
    return people if units is None else people.filter(unit__in=units)


def found_at(program: ProgramToken, address: str) -> Account | None:
    """Find an account by any of its addresses; None also where it is not the program's to see."""
    try:
        account = Account.objects.reached_at(canonical(address))
    except AddressError:
        return None
    return account and seen_by(program).filter(pk=account.pk).first()


def page(
    program: ProgramToken,
    *,
    units: set[int] | None,
    changed_since: dt.datetime | None,
    after: int,
    most: int,
) -> tuple[list[Account], int | None]:
    """Give the accounts behind the one with the key `after`, and the key from which to go on."""
    people = seen_by(program)
    if units is not None:
        people = people.filter(unit__in=units)
    if changed_since is not None:
        events = AuditEvent.objects.filter(event__in=_CHANGES, at__gte=changed_since)
        changed = events.exclude(account=None).values("account")
        people = people.filter(Q(created_at__gte=changed_since) | Q(pk__in=changed))
    return page_of(people, after=after, most=most)


def told(account: Account, tree: Tree) -> dict[str, Any]:
    """Say of an account what a program may know."""
    return {
        "address": account.address,
        "kind": account.kind,
        "unit": account.unit_id,
        "unit_path": tree.path(account.unit_id),
        "state": state_of(account),
        "phone_confirmed": account.phone_is_confirmed,
        "phone_masked": phones.masked_for_staff(account.phone),
    }


def state_of(account: Account) -> str:
    if not account.is_active:
        return "closed"
    return "locked" if account.is_locked else "open"
