"""The clock on the office's wall, whatever the server's says."""

import datetime as dt

from django.utils import timezone

from otp.models import OFFICE_ZONE


def today() -> dt.date:
    """Give the day that it is at the office."""
    return timezone.localdate(timezone=OFFICE_ZONE)


def midnight(day: dt.date) -> dt.datetime:
    """Give the moment at which a day begins at the office."""
    return dt.datetime.combine(day, dt.time(), OFFICE_ZONE)
