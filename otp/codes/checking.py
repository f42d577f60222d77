"""Verifies a guess, which is charged first and compared then; spends and revokes codes."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Case, When
from django.db.models.functions import Least, Now
from django.utils.crypto import constant_time_compare
from django_otp.oath import hotp

from otp.codes.rule import CLOSED_FOR, CODE_LENGTH, GRANT, STREAK, streak_keys
from otp.counting import keyed_names, tightening
from otp.counting.tightening import NOBODY, Asker, Held
from otp.models import Code, Meter, Purpose

_STREAK_KEPT = dt.timedelta(days=30)
_LIVE_WITHIN = dt.timedelta(days=1)  # of being asked for, code and grant; the rest need no look


class Verdict(enum.Enum):
    RIGHT = "right"
    WRONG = "wrong"
    SPENT = "spent"  # expired, used, out of guesses, or another browser's: ask for a new one


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    tries_left: int


# The attempt, the streak of wrong guesses and the budgets are charged in one statement, which is
# committed before anything is compared: nothing that happens later gives them back. A decoy has no
# message that was to be sent, and so never matches; its guess costs its maker as much, and the
# portal nothing. Each function is called once for a row that was charged, and for no other.
_CHARGE = f"""
WITH sending AS MATERIALIZED (
    {tightening.STATE}
), held AS MATERIALIZED (
    SELECT {tightening.GUESSING} AS until FROM sending
), charged AS (
    UPDATE otp_code SET attempts = attempts + 1
    FROM sending, held
    WHERE id = %(id)s AND purpose = %(purpose)s AND browser_key = ANY(%(browser_keys)s)
      AND attempts < sending.guesses AND verified_at IS NULL
      AND expires_at > statement_timestamp() AND held.until IS NULL
    RETURNING address_key, sending.guesses - attempts AS left, pepper_id
), guess AS MATERIALIZED (
    SELECT charged.left, pepper_id,
        EXISTS (
            SELECT 1 FROM otp_message WHERE code_id = %(id)s AND state <> 'skipped') AS is_real,
        otp_charge_streak('streak:' || %(purpose)s || ':' || address_key, %(streak)s, %(kept)s,
                          %(closed_for)s, statement_timestamp()) AS is_open
    FROM charged
), portal AS MATERIALIZED (
    SELECT guess.*, otp_tally('ceiling:guesses', is_real::int, statement_timestamp()),
        {tightening.TALLY_GUESS}
    FROM guess
)
SELECT held.until, portal.left, pepper_id, is_open AND is_real
FROM held LEFT JOIN portal ON true
"""  # noqa: S608  (our own constants)

# Locked in the order in which _CHARGE locks, against a deadlock: code, streak.
_ACCEPT = f"""
WITH accepted AS (
    UPDATE otp_code SET verified_at = statement_timestamp()
    WHERE id = %(id)s AND verified_at IS NULL AND expires_at > statement_timestamp()
    RETURNING address_key, attempts
), ended AS (
    DELETE FROM otp_meter USING accepted
    WHERE key = 'streak:' || %(purpose)s || ':' || address_key
    RETURNING key
)
SELECT otp_tally('ceiling:guesses', -attempts, statement_timestamp()),
    {tightening.GIVE_BACK_GUESSES}
FROM accepted LEFT JOIN ended ON true
"""  # noqa: S608  (our own constants)


def verify(
    code_id: uuid.UUID, purpose: Purpose, guess: str, *, nonce: str, asker: Asker = NOBODY
) -> Answer:
    """Check a guess of six digits. Each call costs one attempt, and a right code works once.

    Raises `Held`, at no cost, where the asker has guessed wrong too often.

    The attempt is charged and committed first, so nothing that happens later gives it back;
    called inside a transaction, it refuses to run.
    """
    parameters = tightening.parameters(asker) | {
        "id": code_id,
        "purpose": purpose,
        "browser_keys": keyed_names.names_of("browser", nonce),
        "streak": STREAK,
        "kept": _STREAK_KEPT,
        "closed_for": CLOSED_FOR,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CHARGE, parameters)
        row = cursor.fetchone()
    if row is None:
        return Answer(Verdict.SPENT, 0)
    held_until, left, pepper_id, may_match = row
    if held_until is not None:
        raise Held(held_until)
    if left is None:
        return Answer(Verdict.SPENT, 0)
    # Without its pepper a row has no digits, and nothing that is typed must match that.
    matches = guess.isdigit() and constant_time_compare(digits(code_id, pepper_id), guess)
    if not (matches and may_match):
        return Answer(Verdict.WRONG, left)
    return Answer(Verdict.RIGHT if _accept(code_id, purpose, asker) else Verdict.SPENT, 0)


def spend(code_id: uuid.UUID, purpose: Purpose, *, nonce: str) -> bool:
    """Use up the grant that a right code gave, once and within `GRANT`; part of the caller's work.

    Run it in the transaction of what the code permits, so that both happen or neither.
    """
    assert connection.in_atomic_block
    granted = Code.objects.filter(
        pk=code_id,
        purpose=purpose,
        browser_key__in=keyed_names.names_of("browser", nonce),
        used_at=None,
        verified_at__gt=Now() - GRANT,
    )
    return bool(granted.update(used_at=Now()))


def revoke(address: str) -> None:
    """Kill every live code and unused grant of `address`, of any purpose (PR-04)."""
    Code.objects.filter(
        address_key__in=keyed_names.names_of("address", address),
        used_at=None,
        issued_at__gt=Now() - _LIVE_WITHIN,
    ).update(
        expires_at=Least("expires_at", Now()),
        used_at=Case(When(verified_at__isnull=False, then=Now())),
    )


def reopen(address: str, purpose: Purpose) -> None:
    """Forget the streak of wrong guesses that closed an address (hotline)."""
    keys = streak_keys(purpose, keyed_names.names_of("address", address))
    Meter.objects.filter(pk__in=keys).delete()


def digits(code_id: uuid.UUID, pepper_id: str) -> str:
    """Derive the six digits (HOTP, RFC 4226) of a row; the same whenever they are asked for.

    Gives a text that is no code where the row's pepper is no longer listed.
    """
    key = keyed_names.key_for(pepper_id, code_id.bytes)
    if key is None:
        return "-"
    return f"{hotp(key, 0, CODE_LENGTH):0{CODE_LENGTH}d}"


def _accept(code_id: uuid.UUID, purpose: Purpose, asker: Asker) -> bool:
    parameters = tightening.parameters(asker) | {"id": code_id, "purpose": purpose}
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, parameters)
        return cursor.fetchone() is not None
