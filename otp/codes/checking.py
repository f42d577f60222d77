"""A guess: charged first, compared then; and what ends a code."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.crypto import constant_time_compare
from django_otp.oath import hotp

from otp.codes.rule import CLOSED_FOR, GRANT, STREAK, streak_keys
from otp.counting import ceilings, keyed_names
from otp.models import GUESSES, Purpose

_STREAK_KEPT = dt.timedelta(days=30)


class Verdict(enum.Enum):
    RIGHT = "right"
    WRONG = "wrong"
    SPENT = "spent"  # expired, used, out of guesses, or another browser's: ask for a new one


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    tries_left: int


# The attempt and the streak of wrong guesses are charged in one statement, which is committed
# before anything is compared: nothing that happens later gives them back. A decoy has no message
# that was to be sent, and so never matches.
_CHARGE = f"""
WITH charged AS (
    UPDATE otp_code SET attempts = attempts + 1
    WHERE id = %(id)s AND purpose = %(purpose)s AND browser_key = ANY(%(browser_keys)s)
      AND attempts < %(guesses)s AND verified_at IS NULL AND expires_at > statement_timestamp()
    RETURNING address_key, attempts, pepper_id
), streak AS (
    INSERT INTO otp_meter AS meter (key, count, until)
    SELECT 'streak:' || %(purpose)s || ':' || address_key, 1, statement_timestamp() + %(kept)s
    FROM charged
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN meter.until <= statement_timestamp() THEN 1
                     ELSE least(meter.count + 1, %(streak)s + 1) END,
        until = CASE WHEN meter.until <= statement_timestamp()
                       OR meter.count + 1 < %(streak)s THEN statement_timestamp() + %(kept)s
                     WHEN meter.count + 1 = %(streak)s THEN statement_timestamp() + %(closed_for)s
                     ELSE meter.until END
    RETURNING count
), real AS (
    SELECT EXISTS (
        SELECT 1 FROM otp_message WHERE code_id = %(id)s AND state <> 'skipped') AS is_real
), ceilings AS (
    -- A decoy's guess takes the same locks, and counts for nothing.
    INSERT INTO otp_meter AS meter (key, count, until)
    SELECT key, is_real::int, statement_timestamp() + period
    FROM ({ceilings.TABLE}) AS ceiling, real, charged
    WHERE key IN ('ceiling:guesses:day', 'ceiling:guesses:hour') ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN meter.until <= statement_timestamp() THEN excluded.count
                     ELSE meter.count + excluded.count END,
        until = CASE WHEN meter.until <= statement_timestamp() THEN excluded.until
                     ELSE meter.until END
)
SELECT attempts, pepper_id, streak.count <= %(streak)s AND is_real FROM charged, streak, real
"""  # noqa: S608  (our own constants)


_ACCEPT = """
WITH accepted AS (
    UPDATE otp_code SET verified_at = statement_timestamp()
    WHERE id = %(id)s AND verified_at IS NULL AND expires_at > statement_timestamp()
    RETURNING address_key
), ended AS (
    DELETE FROM otp_meter USING accepted
    WHERE key = 'streak:' || %(purpose)s || ':' || address_key
), ceilings AS MATERIALIZED (
    -- Locked in the order in which _CHARGE locks them, against a deadlock.
    SELECT key FROM otp_meter
    WHERE key IN ('ceiling:guesses:day', 'ceiling:guesses:hour')
      AND EXISTS (SELECT 1 FROM accepted)
    ORDER BY key FOR UPDATE
), given_back AS (
    UPDATE otp_meter AS meter SET count = count - 1 FROM ceilings
    WHERE meter.key = ceilings.key AND count > 0 AND until > statement_timestamp()
)
SELECT count(*) FROM accepted
"""


def verify(code_id: uuid.UUID, purpose: Purpose, guess: str, *, nonce: str) -> Answer:
    """Check a guess of six digits. Each call costs one attempt, and a right code works once.

    The attempt is charged and committed first, so nothing that happens later gives it back;
    called inside a transaction, it refuses to run.
    """
    parameters: dict[str, Any] = {
        "id": code_id,
        "purpose": purpose,
        "browser_keys": keyed_names.names_of("browser", nonce),
        "guesses": GUESSES,
        "streak": STREAK,
        "kept": _STREAK_KEPT,
        "closed_for": CLOSED_FOR,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CHARGE, parameters)
        row = cursor.fetchone()
    if row is None:
        return Answer(Verdict.SPENT, 0)
    attempts, pepper_id, may_match = row
    # Without its pepper a row has no digits, and nothing that is typed must match that.
    matches = guess.isdigit() and constant_time_compare(digits(code_id, pepper_id), guess)
    if not (matches and may_match):
        return Answer(Verdict.WRONG, GUESSES - attempts)
    return Answer(Verdict.RIGHT if _accept(code_id, purpose) else Verdict.SPENT, 0)


def spend(code_id: uuid.UUID, purpose: Purpose, *, nonce: str) -> bool:
    """Use up the grant that a right code gave, once and within `GRANT`; part of the caller's work.

    Run it in the transaction of what the code permits, so that both happen or neither.
    """
    assert connection.in_atomic_block
    parameters: list[Any] = [code_id, purpose, keyed_names.names_of("browser", nonce), GRANT]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE otp_code SET used_at = statement_timestamp()"
            " WHERE id = %s AND purpose = %s AND browser_key = ANY(%s) AND used_at IS NULL"
            " AND verified_at > statement_timestamp() - %s",
            parameters,
        )
        return bool(cursor.rowcount)


def revoke(address: str) -> None:
    """Kill every live code and unused grant of `address`, of any purpose (PR-04)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE otp_code SET expires_at = least(expires_at, statement_timestamp()),"
            " used_at = CASE WHEN verified_at IS NOT NULL THEN statement_timestamp() END"
            " WHERE address_key = ANY(%s) AND used_at IS NULL"
            " AND issued_at > statement_timestamp() - interval '1 day'",
            [keyed_names.names_of("address", address)],
        )


def reopen(address: str, purpose: Purpose) -> None:
    """Forget the streak of wrong guesses that closed an address (hotline)."""
    keys = streak_keys(purpose, keyed_names.names_of("address", address))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM otp_meter WHERE key = ANY(%s)", [keys])


def digits(code_id: uuid.UUID, pepper_id: str) -> str:
    """Derive the six digits (HOTP, RFC 4226) of a row; the same whenever they are asked for.

    Gives a text that is no code where the row's pepper is no longer listed.
    """
    key = keyed_names.key_for(pepper_id, code_id.bytes)
    if key is None:
        return "-"
    return f"{hotp(key, 0):06d}"


def _accept(code_id: uuid.UUID, purpose: Purpose) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, {"id": code_id, "purpose": purpose})
        (accepted,) = cursor.fetchone()
    return bool(accepted)
