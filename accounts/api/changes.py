"""What programs change: an account is locked or unlocked, once for each key of a call."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.api import people
from accounts.api.answers import Refusal
from accounts.credentials import locks
from accounts.models import Account, AuditEvent, Ground, ProgramCall, ProgramToken
from otp.counting import keyed_names

KEPT = dt.timedelta(hours=24)  # of a key, with what was answered
LONGEST_KEY = 255  # characters

_BY_PROGRAM = "program"  # the reason on record


def once(
    program: ProgramToken, key: str, content: str, work: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Do the work in a transaction and give its answer; the same key gets that answer again.

    Whoever sends a key in the same moment waits for the first. Work that is refused leaves the key
    unused. Raises Refusal where the key came with other content.
    """
    with transaction.atomic():
        if not key:
            return work()
        named = {"token": program, "key_digest": keyed_names.oldest_name_of("call", key)}
        ProgramCall.objects.filter(**named, called_at__lt=timezone.now() - KEPT).delete()
        digest = keyed_names.oldest_name_of("call", content)
        call, is_new = ProgramCall.objects.get_or_create(
            **named, defaults={"content_digest": digest}
        )
        if is_new:
            call.answer = work()
            call.save(update_fields=["answer"])
        elif call.content_digest != digest:
            raise Refusal(
                422, "key-used", "Idempotency-Key này đã dùng cho nội dung khác: hãy dùng khóa mới."
            )
    return dict(call.answer)


def set_lock(
    program: ProgramToken, address: str, *, locked: bool, why: str, ticket: str
) -> dict[str, Any]:
    """Lock or unlock an account on record; part of the caller's transaction. Raises Refusal."""
    account = _held(program, address)
    ground = Ground(why=why, ticket=ticket, program=program.name)
    act = locks.lock if locked else locks.unlock
    changed = act(account, actor=None, ground=ground, reason=_BY_PROGRAM)
    if not changed:
        AuditEvent.record(
            AuditEvent.Event.PROGRAM_REPEATED, account, reason=_BY_PROGRAM, ground=ground
        )
    return {"locked": locked, "changed": changed}


def forget_old() -> int:
    """Delete the keys whose time is over; give their number."""
    return ProgramCall.objects.filter(called_at__lt=timezone.now() - KEPT).delete()[0]


def _held(program: ProgramToken, address: str) -> Account:
    """Find the account and have nobody else change it, until the transaction is over."""
    found = people.found_at(program, address)
    rows = people.seen_by(program).select_for_update()
    account = rows.filter(pk=found.pk).first() if found else None
    if account is None:
        raise Refusal(404)
    if account.is_staff or account.is_superuser:
        # Else a program could hold out those who end its token (AD-04).
        raise Refusal(403, "staff", "Tài khoản của cán bộ chỉ do người khóa, mở khóa.")
    return account
