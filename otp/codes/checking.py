"""Verifies a guess, which is charged whatever it is; spends, repeats and revokes codes."""

import datetime as dt
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Case, When
from django.db.models.functions import Least, Now
from django.utils.crypto import constant_time_compare
from django_otp.oath import hotp

from otp.codes import words
from otp.codes.rule import CLOSED_FOR, CODE_LENGTH, GRANT, STREAK, streak_keys, tries_of
from otp.counting import keyed_names, limits, tightening
from otp.counting.limits import Limit
from otp.counting.tightening import NOBODY, Asker, CallerHeld
from otp.models import GUESSES, Code, Meter, Purpose

_STREAK_KEPT = dt.timedelta(days=30)
_REPEATS = Limit("code-repeat", GUESSES, GRANT)  # wrong ones, after a right one
_LIVE_WITHIN = dt.timedelta(days=1)  # of being asked for, code and grant; the rest need no look


class Verdict(enum.Enum):
    RIGHT = "right"
    WRONG = "wrong"
    SPENT = "spent"  # expired, used, out of guesses, or another browser's: ask for a new one


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    tries_left: int


@dataclass(frozen=True)
class Repeat:
    """What came of typing a code once more that was right before."""

    verified_at: dt.datetime | None  # when it was right, where it is right again
    may_try_again: bool


# The attempt, the streak of wrong guesses and the budgets are charged in one statement. A decoy has
# no message that was to be sent, and so never matches; its guess costs as much, of the portal's
# budget too, or a step that comes right after a guess would tell a real code from a decoy. Each
# function is called once for a row that was charged, and for no other.
_CHARGE = f"""
WITH sending AS MATERIALIZED (
    {tightening.STATE}
), held AS MATERIALIZED (
    SELECT {tightening.GUESSING} AS until FROM sending
), charged AS (
    UPDATE otp_code SET attempts = attempts + 1
    FROM sending, held
    WHERE id = %(id)s AND purpose = %(purpose)s AND browser_key = ANY(%(browser_keys)s)
      AND attempts < least(sending.guesses, %(tries)s) AND verified_at IS NULL
      AND expires_at > statement_timestamp() AND held.until IS NULL
    RETURNING address_key, least(sending.guesses, %(tries)s) - attempts AS left, pepper_id
), guess AS MATERIALIZED (
    SELECT charged.left, pepper_id,
        EXISTS (
            SELECT 1 FROM otp_message WHERE code_id = %(id)s AND state <> 'skipped') AS is_real,
        otp_charge_streak('streak:' || %(purpose)s || ':' || address_key, %(streak)s, %(kept)s,
                          %(closed_for)s, statement_timestamp()) AS is_open
    FROM charged
), portal AS MATERIALIZED (
    SELECT guess.*, otp_tally('ceiling:guesses', 1, statement_timestamp()),
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


def _nothing() -> None:
    pass


def verify(
    code_id: uuid.UUID,
    purpose: Purpose,
    guess: str,
    *,
    nonce: str,
    asker: Asker = NOBODY,
    first: Callable[[], object] = _nothing,
    accepted: Callable[[], object] = _nothing,
) -> Answer:
    """Check a guess: six digits, or a caller's words. Each call costs one attempt.

    What is right works once.

    Raises `CallerHeld`, at no cost, where the asker has guessed wrong too often.

    The charge of a wrong guess is committed before anybody can learn that it was wrong. A right one
    is taken in the same transaction as all that `accepted` does, so that both are on record or
    neither: whoever was cut off has lost nothing. `first` takes locks that must come before those
    of codes. Called inside a transaction, it refuses to run.
    """
    parameters = tightening.parameters(asker) | {
        "id": code_id,
        "purpose": purpose,
        "browser_keys": keyed_names.names_of("browser", nonce),
        "tries": tries_of(purpose),
        "streak": STREAK,
        "kept": _STREAK_KEPT,
        "closed_for": CLOSED_FOR,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        first()
        cursor.execute(_CHARGE, parameters)
        row = cursor.fetchone()
        if row is None:
            return Answer(Verdict.SPENT, 0)
        held_until, left, pepper_id, may_match = row
        if held_until is not None:
            raise CallerHeld(held_until)
        if left is None:
            return Answer(Verdict.SPENT, 0)
        if not (_matches(code_id, purpose, pepper_id, guess) and may_match):
            return Answer(Verdict.WRONG, left)
        if not _accept(code_id, purpose, asker):
            return Answer(Verdict.SPENT, 0)
        accepted()
    return Answer(Verdict.RIGHT, 0)


def repeat(
    code_id: uuid.UUID, purpose: Purpose, guess: str, *, nonce: str, used: bool = False
) -> Repeat:
    """Check a code that was right before, typed once more by the same browser within its grant.

    It opens nothing that the first time did not. `used` asks for one whose grant was used, else
    for one whose grant was not.
    """
    code = Code.objects.filter(
        pk=code_id,
        purpose=purpose,
        browser_key__in=keyed_names.names_of("browser", nonce),
        used_at__isnull=not used,
        verified_at__gt=Now() - GRANT,
    ).first()
    if code is None or not limits.charge(_REPEATS, str(code_id)).granted:
        return Repeat(None, may_try_again=False)
    if not _matches(code_id, purpose, code.pepper_id, guess):
        left = limits.used_up_until(_REPEATS, str(code_id)) is None
        return Repeat(None, may_try_again=left)
    limits.give_back(_REPEATS, str(code_id))
    return Repeat(code.verified_at, may_try_again=True)


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


def granted_until(address: str, purpose: Purpose, *, nonce: str) -> dt.datetime | None:
    """Give until when a right answer of this nonce is good; None where it is not, or was used."""
    latest = (
        Code.objects.filter(
            address_key__in=keyed_names.names_of("address", address),
            purpose=purpose,
            browser_key__in=keyed_names.names_of("browser", nonce),
            used_at=None,
            verified_at__gt=Now() - GRANT,
        )
        .values_list("verified_at", flat=True)
        .order_by("-verified_at")
        .first()
    )
    return latest and latest + GRANT


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


def content_of(code_id: uuid.UUID, purpose: Purpose, pepper_id: str) -> str:
    """Derive what the message of a row carries; "" once its pepper is no longer listed."""
    if purpose == Purpose.CALLER:
        return words.words_of(code_id, pepper_id)
    derived = digits(code_id, pepper_id)
    return derived if derived.isdigit() else ""


def _matches(code_id: uuid.UUID, purpose: Purpose, pepper_id: str, guess: str) -> bool:
    if purpose == Purpose.CALLER:
        return words.are_right(code_id, pepper_id, guess)
    # Without its pepper a row has no digits, and nothing that is typed must match that.
    return guess.isdigit() and constant_time_compare(digits(code_id, pepper_id), guess)


def _accept(code_id: uuid.UUID, purpose: Purpose, asker: Asker) -> bool:
    parameters = tightening.parameters(asker) | {"id": code_id, "purpose": purpose}
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, parameters)
        return cursor.fetchone() is not None
