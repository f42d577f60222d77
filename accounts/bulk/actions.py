"""What IT does to many accounts at a time. Each gives the number of those that it changed.

They are called in a transaction, with people who are no staff and within the actor's reach.
"""

import datetime as dt
from typing import Any

from django.contrib.postgres.functions import TransactionNow

from accounts.credentials.locks import lock, unlock
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent, Ground
from otp import outbox

NOTICES_A_SECOND = 10  # so that what is urgent need not queue behind them
NOTICE_LIFE = dt.timedelta(days=3)


def lock_all(people: list[Account], actor: Account, options: dict[str, Any], before: int) -> int:
    ground = Ground(options.get("why", ""))
    return sum(lock(account, actor=actor, ground=ground) for account in people)


def unlock_all(people: list[Account], actor: Account, options: dict[str, Any], before: int) -> int:
    ground = Ground(options.get("why", ""))
    return sum(unlock(account, actor=actor, ground=ground) for account in people)


def mark_default(
    people: list[Account], actor: Account, options: dict[str, Any], before: int
) -> int:
    """Have people change their password at the next log-in; a leaked one opens no mailbox."""
    if options.get("leaked"):
        return _mark_leaked(people, actor, options)
    marked = [account for account in people if not account.has_default_password]
    Account.objects.filter(pk__in=[account.pk for account in marked]).update(
        has_default_password=True
    )
    event = AuditEvent.Event.DEFAULT_MARKED
    detail = _why(options)
    AuditEvent.record_many(event, [(account, detail) for account in marked], actor=actor)
    return len(marked)


def _mark_leaked(people: list[Account], actor: Account, options: dict[str, Any]) -> int:
    """Close the mailboxes until the password is changed, and end every session, here and there."""
    keys = [account.pk for account in people]
    Account.objects.filter(pk__in=keys).update(
        has_default_password=True, default_password_until=TransactionNow()
    )
    for account in people:
        account.end_sessions()
        end_mail_sessions(account)
    event = AuditEvent.Event.DEFAULT_MARKED
    detail = {"leaked": True} | _why(options)
    AuditEvent.record_many(event, [(account, detail) for account in people], actor=actor)
    return len(people)


def send_notice(people: list[Account], actor: Account, options: dict[str, Any], before: int) -> int:
    """Queue a mail to everybody who can read it; `before` have been queued already."""
    readers = [account for account in people if account.may_log_in]
    for place, account in enumerate(readers, before):
        outbox.queue_mail(
            account.address,
            to=account.address,
            subject=options["subject"],
            text=options["text"],
            good_for=NOTICE_LIFE,
            wait=dt.timedelta(seconds=place / NOTICES_A_SECOND),
        )
    detail = {"subject": options["subject"]} | _why(options)
    event = AuditEvent.Event.NOTICE_SENT
    AuditEvent.record_many(event, [(account, detail) for account in readers], actor=actor)
    return len(readers)


def _why(options: dict[str, Any]) -> dict[str, object]:
    """Give the ground as the trail keeps it; a job of the release before has none."""
    return {"why": options.get("why", "")}
