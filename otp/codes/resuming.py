"""Finds what a browser was issued whose answer was lost, and says how a code stands by now."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from otp.codes.issuing import Issued
from otp.codes.rule import next_code_at, tries_of
from otp.counting import keyed_names
from otp.models import CODES_A_DAY, OFFICE_ZONE, Code, Purpose

# From when on a page says that the network has the message: later than any message takes while all
# is well, so that nobody sees which was handed over when, or whether there was one (EN-04).
TOLD_AFTER = dt.timedelta(seconds=15)

# Those of the day are counted by the names that the asker's address has now.
_TAKEN = """
SELECT count(*) FROM otp_code AS other
WHERE other.address_key = ANY(%(keys)s) AND other.purpose = code.purpose
  AND other.local_day = code.local_day AND NOT other.given_back
"""

# What is left is left of today: a code of yesterday's may still be waited for.
_TAKEN_TODAY = """
SELECT count(*) FROM otp_code AS other
WHERE other.address_key = ANY(%(keys)s) AND other.purpose = code.purpose
  AND other.local_day = (statement_timestamp() AT TIME ZONE %(zone)s)::date
  AND NOT other.given_back
"""

_ISSUED = f"""
SELECT code.id, code.expires_at, code.gap_until, code.local_day, ({_TAKEN})
FROM otp_code AS code
WHERE code.address_key = ANY(%(keys)s) AND code.purpose = %(purpose)s
  AND code.browser_key = ANY(%(browser_keys)s)
  AND code.verified_at IS NULL AND code.expires_at > statement_timestamp()
  AND code.attempts < %(tries)s
ORDER BY code.issued_at DESC LIMIT 1
"""  # noqa: S608  (our own constants)

_OUTLOOK = f"""
SELECT (message.state NOT IN ('queued', 'sending', 'expired')
            OR message.receipt_due_at IS NOT NULL)
        AND (message.state <> 'skipped' OR message.changed_at > message.created_at)
        AND message.created_at <= statement_timestamp() - %(told_after)s,
    message.created_at <= statement_timestamp() - %(told_after)s,
    code.gap_until, code.local_day, ({_TAKEN}), ({_TAKEN_TODAY})
FROM otp_code AS code LEFT JOIN otp_message AS message ON message.code_id = code.id
WHERE code.id = %(id)s
"""  # noqa: S608  (our own constants)


@dataclass(frozen=True)
class Outlook:
    """How a code stands by now: what may be said of its message, and when the next one opens."""

    handed_over: bool
    delayed: bool  # it should have been handed over by now
    next_at: dt.datetime
    left_today: int


def issued_to(address: str, purpose: Purpose, *, nonce: str) -> Issued | None:
    """Find the live code of `address` that was issued for this very nonce.

    Nobody else has the nonce: it came with the form that asked.
    """
    keys = keyed_names.names_of("address", address)
    parameters = {
        "keys": keys,
        "purpose": purpose,
        "browser_keys": keyed_names.names_of("browser", nonce),
        "tries": tries_of(purpose),
    }
    row = _one(_ISSUED, parameters)
    if row is None:
        return None
    code_id, expires_at, gap_until, day, taken = row
    next_at = next_code_at(day=day, taken=taken, gap_until=gap_until)
    left = max(CODES_A_DAY - taken, 0)
    return Issued(code_id, keys[0], purpose, expires_at, next_at, left, closed=False)


def outlook_of(code_id: uuid.UUID, address: str) -> Outlook | None:
    """Say how a code of `address` stands; None once its row was pruned."""
    keys = keyed_names.names_of("address", address)
    parameters = {"id": code_id, "keys": keys, "told_after": TOLD_AFTER, "zone": OFFICE_ZONE.key}
    row = _one(_OUTLOOK, parameters)
    if row is None:
        return None
    handed_over, is_old, gap_until, day, taken, taken_today = row
    return Outlook(
        handed_over=bool(handed_over),
        delayed=bool(is_old and not handed_over),
        next_at=next_code_at(day=day, taken=taken, gap_until=gap_until),
        left_today=max(CODES_A_DAY - taken_today, 0),
    )


def note_refusal(address: str, purpose: Purpose) -> None:
    """Put on record that a code was asked for too soon: on the code for which to wait.

    No row is added, however often a stranger asks; the work is the same whoever the address is.
    """
    keys = keyed_names.names_of("address", address)
    newest = Code.objects.filter(address_key__in=keys, purpose=purpose).order_by("-issued_at")
    Code.objects.filter(pk__in=newest.values("pk")[:1]).update(
        refused=F("refused") + 1,
        refused_first_at=Coalesce("refused_first_at", Now()),
        refused_last_at=Now(),
    )


def _one(statement: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()
