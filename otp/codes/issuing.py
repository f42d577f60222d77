"""Enters a code in the ledger where the office's rule allows one, or raises from when it will."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from otp.codes.rule import STREAK, next_code_at, streak_keys
from otp.counting import keyed_names, limits, tightening
from otp.counting.ceilings import Paused, ProofNeeded
from otp.counting.tightening import NOBODY, Asker, CallerHeld
from otp.models import CODES_A_DAY, GAP, OFFICE_ZONE, Code, LocalDay, Purpose


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
    closed: bool  # `STREAK` wrong guesses: nothing may be sent (OT-09)


# One statement decides and enters: a plain insert deadlocks under load, a count races.
# What is shown counts refused codes too, so that no page tells that a gateway refused a number.
_ISSUED = f"""
today AS (
    SELECT ordinal, voided, given_back FROM otp_code
    WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s
      AND local_day = (statement_timestamp() AT TIME ZONE %(zone)s)::date
), sending AS MATERIALIZED (
    {tightening.STATE}
), held AS MATERIALIZED (
    SELECT {tightening.ASKING} AS until FROM sending
), place AS (
    SELECT n AS ordinal FROM generate_series(1, %(a_day)s) AS n
    WHERE NOT EXISTS (SELECT 1 FROM today WHERE ordinal = n AND NOT voided)
    ORDER BY n LIMIT 1
), issued AS (
    INSERT INTO otp_code (id, address_key, purpose, pepper_id, browser_key, issued_at, gap_until,
                          expires_at, ordinal, voided, from_own_browser, attempts)
    SELECT %(id)s, %(key)s, %(purpose)s, %(pepper_id)s, %(browser_key)s, statement_timestamp(),
           statement_timestamp() + %(gap)s, statement_timestamp() + %(lifetime)s, place.ordinal,
           false, %(from_own_browser)s, 0
    FROM place, sending, held
    WHERE NOT paused AND (%(proved)s OR NOT proof_needed) AND held.until IS NULL AND NOT EXISTS (
        SELECT 1 FROM otp_code
        WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s
          AND tstzrange(issued_at, gap_until) @> statement_timestamp()
    )
    ON CONFLICT DO NOTHING
    RETURNING id, address_key, expires_at, gap_until, local_day,
        (SELECT count(*) FROM today WHERE NOT given_back) AS asked_before,
        EXISTS (SELECT 1 FROM otp_meter
                WHERE key = ANY(%(streak_keys)s) AND count >= %(streak)s
                  AND until > statement_timestamp()) AS closed
)
"""  # noqa: S608  (our own constants)

_WHAT_WAS_ISSUED = "SELECT expires_at, gap_until, local_day, asked_before, closed FROM issued"

_WHEN_NEXT = f"""
WITH sending AS MATERIALIZED (
    {tightening.STATE}
)
SELECT (SELECT {tightening.ASKING} FROM sending),
    coalesce((SELECT paused FROM sending), true),
    coalesce((SELECT proof_needed FROM sending), false),
    statement_timestamp(), (statement_timestamp() AT TIME ZONE %(zone)s)::date, max(gap_until),
    count(*) FILTER (WHERE NOT given_back
        AND local_day = (statement_timestamp() AT TIME ZONE %(zone)s)::date)
FROM otp_code
WHERE address_key = ANY(%(keys)s) AND purpose = %(purpose)s
  AND issued_at > statement_timestamp() - interval '2 days'
"""  # noqa: S608  (our own constants)


# For many at once; the ORM has no UPDATE … FROM.
_MOVE = """
UPDATE {table} SET address_key = pair.new
FROM unnest(%(old)s::text[], %(new)s::text[]) AS pair (old, new)
WHERE address_key = pair.old
"""


@dataclass(frozen=True)
class Sequel:
    """What the statement that enters a code does besides, with the row `issued`: or nothing."""

    ctes: str
    parameters: Mapping[str, Any] = field(repr=False)  # numbers are in it


@sensitive_variables()
def issue(
    address: str,
    purpose: Purpose,
    *,
    nonce: str,
    proved: bool = True,
    asker: Asker = NOBODY,
    sequel: Sequel | None = None,
) -> Issued:
    """Enter a code for `address` in the ledger, or raise `TooSoon` or what stops this asker.

    That is `Paused`, `CallerHeld` or `ProofNeeded`, in this order. `proved` says that the asker has
    shown the work that is asked for while under attack. The code will work only for whoever shows
    the same `nonce` (the browser's session holds it). PostgreSQL keeps the office's rule, by its
    own clock, whoever asks and however many at once.
    """
    code_id = uuid.uuid4()
    keys = keyed_names.names_of("address", address)
    parameters = _rule(keys, purpose, asker) | {
        "id": code_id,
        "key": keys[0],
        "pepper_id": keyed_names.current_id(),
        "browser_key": keyed_names.name_of("browser", nonce),
        "gap": GAP,
        "lifetime": dt.timedelta(seconds=settings.OTP_LIFETIME),
        "a_day": CODES_A_DAY,
        "proved": proved,
        "from_own_browser": asker.is_own_browser,
        "streak": STREAK,
        "streak_keys": streak_keys(purpose, keys),
    }
    ctes = _ISSUED
    if sequel:
        ctes += sequel.ctes
        parameters |= sequel.parameters
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {ctes} {_WHAT_WAS_ISSUED}", parameters)
        row = cursor.fetchone()
    if row is None:
        raise _refusal(_rule(keys, purpose, asker), proved=proved)
    expires_at, gap_until, day, asked_before, closed = row
    taken = asked_before + 1
    next_at = next_code_at(day=day, taken=taken, gap_until=gap_until)
    left = max(CODES_A_DAY - taken, 0)
    return Issued(code_id, keys[0], purpose, expires_at, next_at, left, closed)


def give_one_more(address: str) -> bool:
    """Give one place of today back to `address`, so that one more code may be asked for (hotline).

    False where there was none to give back: the day's codes are not used up. The gap stays.
    """
    today = Code.objects.filter(
        address_key__in=keyed_names.names_of("address", address),
        purpose=Purpose.RECOVERY,
        voided=False,
        local_day=LocalDay(Now(), zone=OFFICE_ZONE.key),
    )
    # The oldest of a full day; the newest may still be alive.
    last_place = slice(CODES_A_DAY - 1, CODES_A_DAY)
    oldest = today.order_by("-issued_at").values("pk")[last_place]
    return bool(Code.objects.filter(pk__in=oldest).update(voided=True, given_back=True))


def move(addresses: Mapping[str, str]) -> None:
    """Count for the new addresses what was asked for by the old; part of the caller's work.

    Nobody had the new ones until now: what a stranger asked for there was a decoy, and goes.
    """
    keys = {
        old: new
        for before, after in addresses.items()
        for old, new in zip(
            keyed_names.names_of("address", before),
            keyed_names.names_of("address", after),
            strict=True,
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
    """Give the code's place in the day back; the gap stays."""
    Code.objects.filter(pk=code_id).update(voided=True)


def give_places_back(code_ids: Collection[uuid.UUID]) -> None:
    """Give the places of codes back of which nothing ever left, and of decoys that fared alike.

    The pages may say so, because it is true of known and unknown addresses at the same time.
    """
    Code.objects.filter(pk__in=code_ids, voided=False, verified_at=None).update(
        voided=True, given_back=True
    )


def _refusal(rule: dict[str, Any], *, proved: bool) -> TooSoon | Paused | CallerHeld | ProofNeeded:
    with connection.cursor() as cursor:
        cursor.execute(_WHEN_NEXT, rule)
        held_until, paused, proof_needed, now, day, gap_until, taken = cursor.fetchone()
    if paused:
        return Paused()
    if held_until is not None:
        return CallerHeld(held_until)
    if proof_needed and not proved:
        return ProofNeeded()
    next_at = next_code_at(day=day, taken=taken, gap_until=max(gap_until or now, now))
    return TooSoon(next_at, spent=taken >= CODES_A_DAY)


def _rule(keys: list[str], purpose: Purpose, asker: Asker) -> dict[str, Any]:
    named = {"keys": keys, "purpose": purpose, "zone": OFFICE_ZONE.key}
    return tightening.parameters(asker) | named
