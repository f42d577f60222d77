"""The numbers of the rules, as pages say them."""

import datetime as dt

from django.conf import settings
from django.http import HttpRequest

from accounts.access import sessions
from accounts.credentials import policy
from otp import models
from otp.codes import rule
from otp.sentences import duration


def context(request: HttpRequest) -> dict[str, dict[str, object]]:
    """Give every template the numbers."""
    return {"numbers": numbers()}


def numbers() -> dict[str, object]:
    """Give the numbers that several pages say, as they are now.

    What one page alone says comes from its own view.
    """
    return {
        "gap": duration(models.GAP),
        "codes_a_day": models.CODES_A_DAY,
        "code_lifetime": duration(dt.timedelta(seconds=settings.OTP_LIFETIME)),
        "code_length": rule.CODE_LENGTH,
        "guesses": models.GUESSES,
        "password_min": policy.MIN_LENGTH,
        "password_max": policy.MAX_LENGTH,
        "staff_password_min": policy.STAFF_MIN_LENGTH,
        "session_warned_before": int(sessions.WARNED_BEFORE.total_seconds()),
    }
