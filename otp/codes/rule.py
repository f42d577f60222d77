"""The limits of right and wrong guesses, and from when the next code may be asked for."""

import datetime as dt

from otp import office
from otp.counting.limits import Limit
from otp.models import CALLER_TRIES, CODES_A_DAY, GUESSES, Purpose

CODE_LENGTH = 6  # digits
GRANT = dt.timedelta(minutes=10)  # how long a right code may be used to do what it was asked for
STREAK = 10  # wrong guesses in a row over all codes of an address that close it …
CLOSED_FOR = dt.timedelta(hours=24)  # … for this long (SP 800-63B-4 §3.2.2)
NUMBER_CAP = Limit("sms-number", 6, dt.timedelta(hours=24))  # codes to one number
# Of these, what changes of phone may take: anybody may type somebody else's number there, and the
# rest is kept for that person's recovery.
PHONE_CAP = Limit("sms-number-phone", NUMBER_CAP.count - CODES_A_DAY, NUMBER_CAP.period)
# Words for the hotline's callers: counted apart, so that they use up nobody's codes.
CALLER_CAP = Limit("sms-number-caller", 4, NUMBER_CAP.period)


def tries_of(purpose: Purpose) -> int:
    """Give how often what was sent may be typed."""
    return CALLER_TRIES if purpose == Purpose.CALLER else GUESSES


def next_code_at(*, day: dt.date, taken: int, gap_until: dt.datetime) -> dt.datetime:
    """Give the moment from which another code may be asked for, `taken` being asked for on `day`.

    That is the end of the gap; after the day's last code, also the office's midnight.
    """
    if taken < CODES_A_DAY:
        return gap_until
    midnight = office.midnight(day + dt.timedelta(days=1))
    return max(gap_until, midnight)


def streak_keys(purpose: Purpose, names: list[str]) -> list[str]:
    """Name the meters that count the wrong guesses in a row of an address."""
    return [f"streak:{purpose}:{name}" for name in names]
