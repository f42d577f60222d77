"""Tokens of IT's programs: drawn here, shown once, each ended by itself.

Of each a SHA-256 is kept: of 256 bits drawn by chance nobody tries even a small part.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_network

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.access import limits
from accounts.models import Account, AuditEvent, ProgramToken, Unit
from accounts.organisation.units import Visible, with_below
from otp import office

LONGEST = dt.timedelta(days=366)  # of a token's life
REPEATED = dt.timedelta(minutes=1)  # in which the same form may come again
_BEGINNING = "mp_"  # by which a token is known where it lies about
_BYTES = 32

Event = AuditEvent.Event
Scope = ProgramToken.Scope


class NameTaken(Exception):
    """A program has this name, or had it."""


@dataclass(frozen=True)
class Made:
    """A new one: its row, and the token, which is known now and never again."""

    row: ProgramToken
    token: str


def were_made() -> bool:
    """Whether there was ever a program; else there is no API."""
    return ProgramToken.objects.exists()


@sensitive_variables("token")
def make(
    *,
    name: str,
    scopes: Collection[str],
    unit: Unit | None,
    networks: Collection[str],
    last_day: dt.date,
    by: Account,
) -> Made:
    """Make a token, on record; raises NameTaken.

    Who sends the form once more has not seen the token: one of this minute that was never used is
    replaced.
    """
    token = _BEGINNING + secrets.token_urlsafe(_BYTES)
    row = ProgramToken(
        name=name,
        digest=_digest_of(token),
        scopes=list(scopes),
        unit=unit,
        networks=list(networks),
        last_day=last_day,
    )
    with transaction.atomic():
        ProgramToken.objects.bulk_create([row], ignore_conflicts=True)
        found = ProgramToken.objects.filter(digest=row.digest).first()
        if found is None:
            return Made(_replaced(row, by), token)
        AuditEvent.record(
            Event.PROGRAM_ADMITTED,
            actor=by,
            program=name,
            scopes=row.scopes,
            unit=str(unit or ""),
            networks=row.networks,
            last_day=f"{last_day:%d/%m/%Y}",
        )
    return Made(found, token)


def _replaced(row: ProgramToken, by: Account) -> ProgramToken:
    """Have the token of `row` stand for the one that the same form of the same person has made."""
    same = (
        ProgramToken.objects.select_for_update()
        .filter(name=row.name, scopes=row.scopes, unit=row.unit, networks=row.networks)
        .filter(last_day=row.last_day, ended_at=None, last_used_on=None)
        .first()
    )
    lately = AuditEvent.objects.filter(at__gt=timezone.now() - REPEATED, actor=by)
    made = lately.filter(event=Event.PROGRAM_ADMITTED, detail__program=row.name)
    if same is None or not made.exists():
        raise NameTaken
    same.digest = row.digest
    same.save(update_fields=["digest"])
    return same


def end(pk: int, *, by: Account) -> ProgramToken | None:
    """End a token, on record; None where it had ended."""
    with transaction.atomic():
        row = ProgramToken.objects.select_for_update().filter(pk=pk, ended_at=None).first()
        if row is not None:
            row.ended_at = timezone.now()
            row.save(update_fields=["ended_at"])
            AuditEvent.record(Event.PROGRAM_ENDED, actor=by, program=row.name)
    return row


@sensitive_variables()
def read(token: str) -> ProgramToken | None:
    """Give the program that shows this token, from a network of its own; None: it opens nothing.

    Charged before it is looked at, and given back where it is right. Raises `TooManyRequests`.
    """
    limits.charge_token()
    live = ProgramToken.objects.filter(ended_at=None, last_day__gte=office.today())
    row = live.filter(digest=_digest_of(token)).first()
    if row is None or not limits.is_within([ip_network(each) for each in row.networks]):
        return None
    limits.give_back_token()
    _note_use(row)
    return row


def is_live(row: ProgramToken) -> bool:
    """Whether the token opens something today."""
    return row.ended_at is None and row.last_day >= office.today()


def units_of(row: ProgramToken) -> Visible:
    """Name the units of whose people the program may know; None: everybody."""
    return None if row.unit_id is None else with_below([row.unit_id])


def _note_use(row: ProgramToken) -> None:
    if row.last_used_on != office.today():
        ProgramToken.objects.filter(pk=row.pk).update(last_used_on=office.today())


def _digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
