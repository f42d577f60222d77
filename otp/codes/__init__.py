"""Every rule of a code's life: asked for, guessed at, right, used up."""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare
from django_otp.oath import hotp

from otp.counting import brakes, limits, pepper
from otp.counting.brakes import Paused, ProofNeeded
from otp.models import CODES_A_DAY, GAP, GUESSES, OFFICE_ZONE, Code, Purpose

GRANT = dt.timedelta(minutes=10)  # how long a right code may be used to do what it was asked for
STREAK = 10  # wrong guesses in a row over all codes of an address that close it …
CLOSED_FOR = dt.timedelta(hours=24)  # … for this long (SP 800-63B-4 §3.2.2)
_STREAK_KEPT = dt.timedelta(days=30)


class TooSoon(Exception):
    """The office's rule refuses another code before `next_at`.

    `spent` says that the reason is the day's number, not the gap.
    """

    def __init__(self, next_at: dt.datetime, *, spent: bool) -> None:
        super().__init__(next_at, spent)
        self.next_at = next_at
        self.spent = spent


@dataclass(frozen=True)
class Issued:
    """A code just entered in the ledger."""

    id: uuid.UUID
    address_key: str
    purpose: Purpose
    expires_at: dt.datetime
    next_at: dt.datetime  # when another may be asked for
    left_today: int
    closed: bool  # ten wrong guesses in a row: nothing may be sent (OT-09)


class Verdict(enum.Enum):
    RIGHT = "right"
    WRONG = "wrong"
    SPENT = "spent"  # expired, used, out of guesses, or another browser's: ask for a new one


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    tries_left: int


# One statement decides and enters (facts: a plain insert deadlocks under load, a count races).
# What is shown counts refused codes too, so that no page tells that a gateway refused a number.
_ISSUE = f"""
WITH clock AS (
    SELECT coalesce(%(at)s::timestamptz, statement_timestamp()) AS now
), today AS (
    SELECT ordinal, voided FROM otp_code, clock
    WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s
      AND local_day = (now AT TIME ZONE %(zone)s)::date
), brakes AS (
    {brakes.STANDING}
), place AS (
    SELECT n AS ordinal FROM generate_series(1, %(a_day)s) AS n
    WHERE NOT EXISTS (SELECT 1 FROM today WHERE ordinal = n AND NOT voided)
    ORDER BY n LIMIT 1
)
INSERT INTO otp_code (id, address_key, purpose, pepper_id, browser_key, issued_at, gap_until,
                      expires_at, ordinal, voided, attempts)
SELECT %(id)s, %(key)s, %(purpose)s, %(pepper_id)s, %(browser_key)s, now, now + %(gap)s,
       now + %(lifetime)s, place.ordinal, false, 0
FROM clock, place, brakes
WHERE NOT paused AND (%(proved)s OR NOT proof_of_work) AND NOT EXISTS (
    SELECT 1 FROM otp_code
    WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s
      AND tstzrange(issued_at, gap_until) @> now
)
ON CONFLICT DO NOTHING
RETURNING expires_at, gap_until, local_day,
    (SELECT count(*) FROM today),
    EXISTS (SELECT 1 FROM otp_meter
            WHERE key = ANY(%(streak_keys)s) AND count >= %(streak)s
              AND until > statement_timestamp())
"""  # noqa: S608  (our own constants)

_STANDING = f"""
WITH clock AS (
    SELECT coalesce(%(at)s::timestamptz, statement_timestamp()) AS now
), brakes AS (
    {brakes.STANDING}
)
SELECT coalesce((SELECT paused FROM brakes), true),
    coalesce((SELECT proof_of_work FROM brakes), false),
    now, (now AT TIME ZONE %(zone)s)::date, max(gap_until),
    count(*) FILTER (WHERE local_day = (now AT TIME ZONE %(zone)s)::date AND NOT given_back)
FROM clock LEFT JOIN otp_code
    ON address_key = ANY(%(keys)s) AND purpose = %(purpose)s
    AND issued_at > now - interval '2 days'
GROUP BY now
"""  # noqa: S608  (our own constants)

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
    FROM ({brakes.TABLE}) AS ceiling, real, charged
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

# The older of the day's codes: the newer may still be alive.
_GIVE_BACK = """
WITH today AS (
    SELECT id, issued_at FROM otp_code
    WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s AND NOT voided
      AND local_day = (statement_timestamp() AT TIME ZONE %(zone)s)::date
)
UPDATE otp_code SET voided = true, given_back = true
WHERE id = (SELECT id FROM today ORDER BY issued_at LIMIT 1)
  AND (SELECT count(*) FROM today) >= %(a_day)s
"""

_MOVE = """
UPDATE {table} SET address_key = pair.new
FROM unnest(%(old)s::text[], %(new)s::text[]) AS pair (old, new)
WHERE address_key = pair.old
"""


def issue(
    address: str,
    purpose: Purpose,
    *,
    nonce: str,
    proved: bool = True,
    at: dt.datetime | None = None,
) -> Issued:
    """Enter a code for `address` in the ledger, or raise `TooSoon`, `Paused` or `ProofNeeded`.

    `proved` says that the asker has shown the work that is asked for while under attack.
    The code will work only for whoever shows the same `nonce` (the browser's session holds it).
    PostgreSQL keeps the office's rule, whoever asks and however many at once. `at` stands in for
    the database's clock.
    """
    code_id = uuid.uuid4()
    keys = pepper.names_of("address", address)
    parameters = _rule(keys, purpose, at) | {
        "id": code_id,
        "key": keys[0],
        "pepper_id": pepper.current_id(),
        "browser_key": pepper.name_of("browser", nonce),
        "gap": GAP,
        "lifetime": dt.timedelta(seconds=settings.OTP_LIFETIME),
        "a_day": CODES_A_DAY,
        "proved": proved,
        "streak": STREAK,
        "streak_keys": streak_keys(purpose, keys),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ISSUE, parameters)
        row = cursor.fetchone()
    if row is None:
        raise _refusal(keys, purpose, proved=proved, at=at)
    expires_at, gap_until, day, asked_before, closed = row
    left = max(CODES_A_DAY - asked_before - 1, 0)
    next_at = gap_until if left else max(_midnight_after(day), gap_until)
    return Issued(code_id, keys[0], purpose, expires_at, next_at, left, closed)


def verify(code_id: uuid.UUID, purpose: Purpose, guess: str, *, nonce: str) -> Answer:
    """Check a guess of six digits. Each call costs one attempt, and a right code works once.

    The attempt is charged and committed first, so nothing that happens later gives it back;
    called inside a transaction, it refuses to run.
    """
    parameters: dict[str, Any] = {
        "id": code_id,
        "purpose": purpose,
        "browser_keys": pepper.names_of("browser", nonce),
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
    parameters: list[Any] = [code_id, purpose, pepper.names_of("browser", nonce), GRANT]
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
            [pepper.names_of("address", address)],
        )


def reopen(address: str, purpose: Purpose) -> None:
    """Forget the streak of wrong guesses that closed an address (hotline)."""
    keys = streak_keys(purpose, pepper.names_of("address", address))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM otp_meter WHERE key = ANY(%s)", [keys])


def give_one_more(address: str) -> bool:
    """Give one place of today back to `address`, so that one more code may be asked for (hotline).

    False where there was none to give back: the day's codes are not used up. The 5 minutes stay.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_BACK,
            {
                "keys": pepper.names_of("address", address),
                "purpose": Purpose.RECOVERY,
                "zone": OFFICE_ZONE.key,
                "a_day": CODES_A_DAY,
            },
        )
        return bool(cursor.rowcount)


def move(addresses: Mapping[str, str]) -> None:
    """Count for the new addresses what was asked for by the old; part of the caller's work.

    Nobody had the new ones until now: what a stranger asked for there was a decoy, and goes.
    """
    keys = {
        old: new
        for before, after in addresses.items()
        for old, new in zip(
            pepper.names_of("address", before), pepper.names_of("address", after), strict=True
        )
    }
    parameters = {"old": list(keys), "new": list(keys.values())}
    Code.objects.filter(address_key__in=keys.values()).delete()
    with connection.cursor() as cursor:
        for table in ("otp_code", "otp_message"):
            cursor.execute(_MOVE.format(table=table), parameters)
    limits.move_keys(
        {
            old: new
            for purpose in Purpose
            for old, new in zip(
                streak_keys(purpose, list(keys)),
                streak_keys(purpose, list(keys.values())),
                strict=True,
            )
        }
    )


def void(code_id: uuid.UUID) -> None:
    """Give the code's place in the day back; the 5 minutes stay."""
    Code.objects.filter(pk=code_id).update(voided=True)


def digits(code_id: uuid.UUID, pepper_id: str) -> str:
    """Derive the six digits (HOTP, RFC 4226) of a row; the same whenever they are asked for.

    Gives a text that is no code where the row's pepper is no longer listed.
    """
    key = pepper.key_for(pepper_id, code_id.bytes)
    if key is None:
        return "-"
    return f"{hotp(key, 0):06d}"


def _accept(code_id: uuid.UUID, purpose: Purpose) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, {"id": code_id, "purpose": purpose})
        (accepted,) = cursor.fetchone()
    return bool(accepted)


def _refusal(
    keys: list[str], purpose: Purpose, *, proved: bool, at: dt.datetime | None
) -> TooSoon | Paused | ProofNeeded:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, _rule(keys, purpose, at))
        paused, proof_needed, now, day, gap_until, taken = cursor.fetchone()
    if paused:
        return Paused()
    if proof_needed and not proved:
        return ProofNeeded()
    spent = taken >= CODES_A_DAY
    opens = max(gap_until or now, now)
    return TooSoon(max(_midnight_after(day), opens) if spent else opens, spent=spent)


def _rule(keys: list[str], purpose: Purpose, at: dt.datetime | None) -> dict[str, Any]:
    return {"keys": keys, "purpose": purpose, "zone": OFFICE_ZONE.key, "at": at}


def _midnight_after(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), OFFICE_ZONE)


def streak_keys(purpose: Purpose, names: list[str]) -> list[str]:
    """Name the meters that count the wrong guesses in a row of an address."""
    return [f"streak:{purpose}:{name}" for name in names]
