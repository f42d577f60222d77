"""Webhooks as IT makes, changes, tries, switches and ends them; each change is on record."""

import base64
import datetime as dt
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import Account, AuditEvent, Hook, HookMessage, Unit
from accounts.organisation.units import with_below
from otp.counting import keyed_names

MOST_HOOKS = 20  # that have not ended: each queues a row for what happens
REPEATED = dt.timedelta(minutes=1)  # in which the same form may come again
_BEGINNING = "whsec_"  # by which Standard Webhooks knows a secret

Event = AuditEvent.Event


class NameTaken(Exception):
    """Another webhook has this name, or had it."""


class TooMany(Exception):
    """There are as many webhooks as there may be."""


@dataclass(frozen=True)
class Made:
    """One whose secret is shown now, and never again."""

    row: Hook
    secret: str


@sensitive_variables()
def make(*, name: str, url: str, events: Collection[str], unit: Unit | None, by: Account) -> Made:
    """Make one, on record; raises NameTaken or TooMany.

    Who sends the form once more has not seen the secret, and is given the one that was made.
    """
    row = Hook(name=name, url=url, events=list(events), unit=unit, seed=secrets.token_hex(16))
    with transaction.atomic():
        _take_turns()  # else two could both be the last one
        if (same := _made_just_now(row, by)) is not None:
            return Made(same, secret_of(same))
        if Hook.objects.filter(ended_at=None).count() >= MOST_HOOKS:
            raise TooMany
        if _is_taken(name, but_by=row):
            raise NameTaken
        row.save()
        AuditEvent.record(
            Event.HOOK_MADE,
            actor=by,
            hook=name,
            # What stands behind the host may be a secret of the receiver's.
            host=urlsplit(url).hostname,
            events=row.events,
            unit=str(unit or ""),
        )
    return Made(row, secret_of(row))


@sensitive_variables()
def edit(
    row: Hook, *, name: str, url: str, events: Collection[str], unit: Unit | None, by: Account
) -> None:
    """Change a webhook's name, and whom it tells of what, on record; raises NameTaken.

    The caller holds it. What waits goes to the new address, unless that is no longer to be told of
    it. A name that it had stays its own.
    """
    wanted = {"name": name, "url": url, "events": list(events), "unit": unit}
    fields = [field for field, value in wanted.items() if getattr(row, field) != value]
    if not fields:
        return
    before = row.name
    if name != before:
        _rename(row, name)
    row.url, row.events, row.unit = url, list(events), unit
    _drop_what_is_not_told(row)
    if "url" in fields:
        # What comes of a post on its way to the address before says nothing of this one.
        row.claim, row.claimed_until = row.claim + 1, None
        _try_at_once(row)
    row.save(
        update_fields=[
            *fields,
            "former_names",
            "claim",
            "claimed_until",
            "failing_since",
            "failures",
            "paused_until",
        ]
    )
    AuditEvent.record(
        Event.HOOK_EDITED,
        actor=by,
        hook=before,
        name=name,
        fields=fields,
        host=urlsplit(url).hostname,
        events=row.events,
        unit=str(unit or ""),
    )


@sensitive_variables()
def replace_secret(pk: int, *, by: Account, seen: str = "") -> Made | None:
    """Have a new secret sign what is sent from now on, on record; None where it has ended.

    `seen` is the mark of the secret that was to be replaced. Where that was just done, this is the
    same click once more, and gives the secret that the first has made.
    """
    with transaction.atomic():
        row = held(pk)
        if row is None:
            return None
        if seen not in ("", mark_of(row)) and _was_just(Event.HOOK_SECRET_MADE, row, by):
            return Made(row, secret_of(row))
        row.seed = secrets.token_hex(16)
        row.save(update_fields=["seed"])
        AuditEvent.record(Event.HOOK_SECRET_MADE, actor=by, hook=row.name)
    return Made(row, secret_of(row))


def switch(pk: int, *, on: bool, by: Account) -> Hook | None:
    """Let it send or have it wait, on record; None where it has ended."""
    with transaction.atomic():
        row = held(pk)
        if row is not None and row.is_on != on:
            row.is_on = on
            _try_at_once(row)
            row.save(update_fields=["is_on", "failing_since", "failures", "paused_until"])
            AuditEvent.record(
                Event.HOOK_SWITCHED, actor=by, reason="on" if on else "off", hook=row.name
            )
    return row


def ping(pk: int) -> Hook | None:
    """Queue a word of no meaning, to go before all that waits; None where nothing is sent."""
    with transaction.atomic():
        row = held(pk)
        if row is None or not row.is_on:
            return None
        if not row.messages.waiting().filter(event=Hook.PING).exists():
            HookMessage.objects.create(hook=row, event=Hook.PING, due_at=Now())
        _try_at_once(row)
        row.save(update_fields=["failing_since", "failures", "paused_until"])
    return row


def end(pk: int, *, by: Account) -> Hook | None:
    """End it at once, on record, and what waits with it; None where it had ended.

    Of its address the host is left: what stands behind that may be a secret of the receiver's.
    """
    with transaction.atomic():
        row = held(pk)
        if row is not None:
            row.ended_at, row.is_on, row.url = timezone.now(), False, _host_alone(row.url)
            row.save(update_fields=["ended_at", "is_on", "url"])
            row.messages.all().delete()
            AuditEvent.record(Event.HOOK_ENDED, actor=by, hook=row.name)
    return row


def held(pk: int) -> Hook | None:
    """Let nobody else change one until the caller's transaction is over; None if it has ended."""
    # FOR NO KEY UPDATE: the foreign key of what is queued asks, at its commit, for FOR KEY SHARE,
    # which this lets pass. Only a rename stops it, as every UPDATE of a unique column does. Both
    # ask for the chain of the trail after that, so neither waits for what the other has.
    return Hook.objects.select_for_update(no_key=True).filter(pk=pk, ended_at=None).first()


def find(pk: int) -> Hook | None:
    """Find one that has not ended, to look at it."""
    return Hook.objects.filter(pk=pk, ended_at=None).first()


@sensitive_variables()
def secret_of(row: Hook) -> str:
    """Derive the secret as receivers are given it."""
    return _BEGINNING + base64.b64encode(key_of(row.seed)).decode()


def mark_of(row: Hook) -> str:
    """Give what tells one secret of a webhook from the next, and nothing of either."""
    return keyed_names.oldest_name_of("hook-mark", row.seed)[:12]


def key_of(seed: str) -> bytes:
    """Derive the 32 bytes that sign."""
    return bytes.fromhex(keyed_names.oldest_name_of("hook", seed))


def _made_just_now(row: Hook, by: Account) -> Hook | None:
    """Find the one that the same form of the same person has made."""
    same = Hook.objects.filter(name=row.name, url=row.url, unit=row.unit, ended_at=None).first()
    if same is None or same.events != row.events or not _was_just(Event.HOOK_MADE, same, by):
        return None
    return same


def _take_turns() -> None:
    """Let nobody else make or rename one until the caller's transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts_hook'))")


def _rename(row: Hook, name: str) -> None:
    """Give it another name; raises NameTaken. One that it had before may be its own again."""
    _take_turns()
    if _is_taken(name, but_by=row):
        raise NameTaken
    row.name, row.former_names = name, sorted({*row.former_names, row.name})


def _is_taken(name: str, *, but_by: Hook) -> bool:
    """Whether another than `but_by` has this name, or had it: the trail says no more of it."""
    named = Q(name=name) | Q(former_names__contains=[name])
    return Hook.objects.filter(named).exclude(seed=but_by.seed).exists()


def _was_just(event: AuditEvent.Event, row: Hook, by: Account) -> bool:
    lately = AuditEvent.objects.filter(event=event, at__gt=timezone.now() - REPEATED)
    return lately.filter(actor=by, detail__hook=row.name).exists()


def _drop_what_is_not_told(row: Hook) -> None:
    waiting = row.messages.waiting()
    told = waiting.filter(event__in=[*row.events, Hook.PING])
    if row.unit_id is not None:
        below = with_below([row.unit_id])
        told = told.filter(Q(event=Hook.PING) | Q(data__unit__in=list(below)))
    waiting.exclude(pk__in=told.values("pk")).delete()


def _host_alone(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _try_at_once(row: Hook) -> None:
    row.failing_since, row.failures, row.paused_until = None, 0, None
