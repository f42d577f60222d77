"""Activation codes of printed slips: twelve signs, derived like the six digits, stored nowhere."""

import datetime as dt
import hashlib
import hmac
import uuid

from django.db import connection
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from otp.counting import keyed_names, limits, tightening
from otp.counting.limits import Limit
from otp.counting.tightening import Asker, CallerHeld

# No sign that looks like another one, and no vowel: a Vietnamese input method changes nothing.
SIGNS = "CFGHJKMNPQRTVX3479"
SLIP_LENGTH = 12  # signs
SLIP_LIFE = dt.timedelta(days=7)
# Of one slip by one caller: strangers elsewhere use up nothing of its owner's, and of so many
# signs no number of callers guesses any.
TRIES = Limit("activation-try", 5, SLIP_LIFE)

# As a guess at six digits: held and tallied alike, by one statement whatever is guessed at.
_TRY = f"""
WITH sending AS MATERIALIZED (
    {tightening.STATE}
), held AS MATERIALIZED (
    SELECT {tightening.GUESSING} AS until FROM sending
), charged AS MATERIALIZED (
    SELECT (otp_charge(%(key)s, 1, %(limit)s, %(period)s, statement_timestamp())).granted AS granted
    FROM held WHERE held.until IS NULL
), portal AS MATERIALIZED (
    SELECT granted, otp_tally('ceiling:guesses', 1, statement_timestamp()),
        {tightening.TALLY_GUESS}
    FROM charged WHERE granted
)
SELECT held.until, portal.granted FROM held LEFT JOIN portal ON true
"""  # noqa: S608  (our own constants)

_WAS_RIGHT = f"""
SELECT otp_tally('ceiling:guesses', -1, statement_timestamp()),
    {tightening.TALLY.format(what="guesses", amount="-1")}
"""


def signs_of(slip: uuid.UUID, pepper_id: str) -> str:
    """Derive the signs of a slip; "" once its pepper is no longer listed."""
    key = keyed_names.key_for(pepper_id, b"slip\0" + slip.bytes)
    if key is None:
        return ""
    number = int.from_bytes(hmac.digest(key, b"signs", hashlib.sha256))
    signs = []
    for _ in range(SLIP_LENGTH):
        number, place = divmod(number, len(SIGNS))
        signs.append(SIGNS[place])
    return "".join(signs)


def decoy_of(address: str) -> uuid.UUID:
    """Name the slip that is guessed at where an address has none: always the same."""
    return uuid.UUID(keyed_names.oldest_name_of("slip", address)[:32])


@sensitive_variables()
def charge(slip: uuid.UUID, asker: Asker) -> bool:
    """Charge one try at a slip, or a decoy; False where this caller has none left.

    Raises `CallerHeld`, at no cost, where the caller has guessed wrong too often, at whatever.
    """
    who = _who(slip, asker)
    parameters = tightening.parameters(asker) | {
        "key": limits.key_of(TRIES, who),
        "limit": TRIES.count,
        "period": TRIES.period,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRY, parameters)
        row = cursor.fetchone()
    if row is None:
        return False
    held_until, granted = row
    if held_until is not None:
        raise CallerHeld(held_until)
    return bool(granted)


@sensitive_variables()
def is_right(slip: uuid.UUID, pepper_id: str, typed: str) -> bool:
    """Compare what was typed with the signs of a slip."""
    signs = signs_of(slip, pepper_id)
    # Without its pepper a slip has no signs, and nothing that is typed must match that.
    return constant_time_compare(signs, typed) and bool(signs)


def give_back(slip: uuid.UUID, asker: Asker) -> None:
    """Undo the charge of a try that was right."""
    limits.give_back(TRIES, _who(slip, asker))
    with connection.cursor() as cursor:
        cursor.execute(_WAS_RIGHT, tightening.parameters(asker))


def _who(slip: uuid.UUID, asker: Asker) -> str:
    return f"{slip} {asker.caller}"
