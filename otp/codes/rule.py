"""The numbers of the office's rule, and from when the next code may be asked for."""

import datetime as dt

from otp.models import OFFICE_ZONE, Purpose

GRANT = dt.timedelta(minutes=10)  # how long a right code may be used to do what it was asked for
STREAK = 10  # wrong guesses in a row over all codes of an address that close it …
CLOSED_FOR = dt.timedelta(hours=24)  # … for this long (SP 800-63B-4 §3.2.2)


def midnight_after(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), OFFICE_ZONE)


def streak_keys(purpose: Purpose, names: list[str]) -> list[str]:
    """Name the meters that count the wrong guesses in a row of an address."""
    return [f"streak:{purpose}:{name}" for name in names]
