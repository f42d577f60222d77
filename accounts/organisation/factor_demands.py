"""Of whom a second factor is asked at the log-in to the portal, and from which day (AD-15).

What else a log-in has to know of somebody is read in the same statement.
"""

import datetime as dt
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.models.account import Account

# One statement up the tree of units; a ring in it ends.
_STANDING = """
WITH RECURSIVE above AS (
    SELECT id, parent_id FROM accounts_unit WHERE id = %(unit)s
    UNION
    SELECT unit.id, unit.parent_id FROM accounts_unit AS unit
    JOIN above ON unit.id = above.parent_id
)
SELECT
    EXISTS (SELECT FROM otp_totp_totpdevice WHERE confirmed AND user_id = %(account)s)
        OR EXISTS (SELECT FROM accounts_passkey WHERE confirmed AND user_id = %(account)s),
    (
        SELECT min(from_day) FROM accounts_factordemand
        WHERE unit_id IN (SELECT id FROM above) OR role_id IN (
            SELECT group_id FROM accounts_account_groups WHERE account_id = %(account)s
        )
    ),
    EXISTS (
        SELECT FROM accounts_phonemember WHERE outcome = '' AND account_id = %(account)s
    )
"""


class Standing(NamedTuple):
    """How somebody stands who comes in.

    Whether they have a second factor, from which day one is asked of them, if ever, and whether a
    campaign has an open place for them: then it may ask for a number.
    """

    has_factor: bool
    from_day: dt.date | None
    is_listed: bool

    @property
    def is_due(self) -> bool:
        """Whether one has to be set up before anything else."""
        is_asked = self.from_day is not None and self.from_day <= timezone.localdate()
        return is_asked and not self.has_factor


def standing_of(account: Account) -> Standing:
    """Read how somebody stands, as of now: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"unit": account.unit_id, "account": account.pk})
        has_factor, from_day, is_listed = cursor.fetchone()
    is_person = account.kind == Account.Kind.PERSON
    return Standing(has_factor, from_day if is_person else None, is_listed)


def day_for(account: Account) -> dt.date | None:
    """Give the day from which a factor is asked of somebody who has none; None: it is not."""
    standing = standing_of(account)
    return None if standing.has_factor else standing.from_day


def is_due(account: Account) -> bool:
    return standing_of(account).is_due
