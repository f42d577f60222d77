"""Of whom a second factor is asked at the log-in to the portal, and from which day (AD-15)."""

import datetime as dt

from django.db import connection
from django.utils import timezone

from accounts.models.account import Account
from accounts.models.factor import has_factor

# One statement up the tree of units; a ring in it ends.
_FIRST_DAY = """
WITH RECURSIVE above AS (
    SELECT id, parent_id FROM accounts_unit WHERE id = %(unit)s
    UNION
    SELECT unit.id, unit.parent_id FROM accounts_unit AS unit
    JOIN above ON unit.id = above.parent_id
)
SELECT min(from_day) FROM accounts_factordemand
WHERE unit_id IN (SELECT id FROM above)
    OR role_id IN (SELECT group_id FROM accounts_account_groups WHERE account_id = %(account)s)
"""


def day_for(account: Account) -> dt.date | None:
    """Give the day from which a factor is asked of somebody who has none; None: it is not."""
    if account.kind != Account.Kind.PERSON:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DAY, {"unit": account.unit_id, "account": account.pk})
        day: dt.date | None = cursor.fetchone()[0]
    if day is None or Account.objects.filter(has_factor(), pk=account.pk).exists():
        return None
    return day


def is_due(account: Account) -> bool:
    """Whether somebody has to set a factor up before anything else."""
    day = day_for(account)
    return day is not None and day <= timezone.localdate()
