"""Numbers that may be somebody else's by now: put in doubt, and asked to be confirmed again."""

import datetime as dt
import logging

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.credentials import notices
from accounts.models import Account, AuditEvent
from accounts.models.phone_state import confirmed_too_long_ago
from otp.counting import keyed_names
from otp.suppliers import dead_numbers

logger = logging.getLogger(__name__)

AT_MOST = 100  # numbers in one run: a supplier's fault puts no whole office in doubt
REMINDED_AT_ONCE = 500  # people, in one run
MAILS_A_SECOND = 10


class TooMany(Exception):
    """So many numbers were called dead that the supplier is more likely wrong: none is doubted."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def put_in_doubt(account: Account, *, reason: str, by: Account | None = None) -> bool:
    """Have the account's number get no codes until it is confirmed again; say whether it did.

    On record, and the mailbox is told. A stranger sees nothing of it.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account.pk)
        if not account.has_phone or account.phone_is_in_doubt:
            return False
        account.phone_doubted_at = timezone.now()
        account.save(update_fields=["phone_doubted_at"])
        AuditEvent.record(AuditEvent.Event.PHONE_DOUBTED, account, actor=by, reason=reason)
        notices.phone_doubted(account)
    return True


def doubt_dead_numbers(*, at_most: int = AT_MOST) -> int:
    """Put in doubt what suppliers called dead on enough days since it was last confirmed.

    Raises `TooMany`, and doubts none, where there are more than `at_most`.
    """
    dead = dead_numbers.dead_days()
    if not dead:
        return 0
    people = Account.objects.exclude(phone="").filter(phone_doubted_at=None)
    columns = people.only("pk", "phone", "phone_confirmed_at", "phone_changed_at")
    found = [account for account in columns.iterator(chunk_size=2000) if _is_dead(account, dead)]
    if len(found) > at_most:
        raise TooMany(len(found))
    return sum(put_in_doubt(account, reason="gateway") for account in found)


def remind_overdue() -> int:
    """Ask by mail, once, who is due to confirm their number again. Give how many there were."""
    before = confirmed_too_long_ago()
    if before is None:
        return 0
    due = Account.objects.filter(
        Q(phone_reminded_at=None) | Q(phone_reminded_at__lte=F("phone_confirmed_at")),
        phone_confirmed_at__lt=before,
        phone_doubted_at=None,
        is_active=True,
        locked_at=None,
    )
    with transaction.atomic():
        rows = list(due.select_for_update(of=("self",)).order_by("pk")[:REMINDED_AT_ONCE])
        for place, account in enumerate(rows):
            notices.phone_overdue(account, wait=dt.timedelta(seconds=place / MAILS_A_SECOND))
        keys = [account.pk for account in rows]
        Account.objects.filter(pk__in=keys).update(phone_reminded_at=timezone.now())
    return len(rows)


def _is_dead(account: Account, dead: dict[str, list[dt.datetime]]) -> bool:
    since = max(filter(None, (account.phone_confirmed_at, account.phone_changed_at)), default=None)
    names = keyed_names.names_of("phone", account.phone)
    times = [at for name in names for at in dead.get(name, ()) if since is None or at >= since]
    return len(times) >= dead_numbers.DAYS
