"""The ceilings over all codes and all wrong guesses of an hour and a day, and how near each is.

Single limits stop one caller, one address, one number. The ceilings bound all of them together
(QU-08); before one is reached, otp.counting.tightening has tightened step by step.
"""

from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy as _

from otp.counting import tightening

WARN_AT = 0.8  # of a ceiling, from which IT is told

LABELS = {
    "ceiling:codes:day": _("mã đã gửi trong một ngày"),
    "ceiling:codes:hour": _("mã đã gửi trong một giờ"),
    "ceiling:guesses:day": _("lần nhập sai mã trong một ngày"),
    "ceiling:guesses:hour": _("lần nhập sai mã trong một giờ"),
}

_READ = """
SELECT ceiling.key, CASE WHEN period > interval '1 hour' THEN day ELSE hour END, most
FROM otp_ceiling AS ceiling, otp_tallied('ceiling:' || what, statement_timestamp())
ORDER BY ceiling.key
"""


class Paused(Exception):
    """No codes go out for now to this asker: a ceiling is reached, or IT has stopped them."""


class ProofNeeded(Exception):
    """The portal is under attack, and the asker has not proved any work."""


@dataclass(frozen=True)
class Reading:
    """How near one ceiling is."""

    key: str
    count: int
    most: int

    @property
    def label(self) -> str:
        return str(LABELS[self.key])

    @property
    def is_near(self) -> bool:
        return self.count >= WARN_AT * self.most


def paused() -> bool:
    """Whether no codes go out for now to those of whom nothing is known."""
    return tightening.situation().paused


def readings() -> list[Reading]:
    """Read every ceiling as it stands now."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return [Reading(*row) for row in cursor.fetchall()]
