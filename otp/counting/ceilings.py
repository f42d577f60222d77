"""The ceilings over all codes and all wrong guesses of an hour and a day, and how near each is.

Single limits stop one caller, one address, one number. The ceilings bound all of them together
(QU-08): at a ceiling, everybody is told that no codes go out for now. Their windows are fixed.
"""

from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy as _

WARN_AT = 0.8  # of a ceiling, from which IT is told

LABELS = {
    "ceiling:codes:day": _("mã đã gửi trong một ngày"),
    "ceiling:codes:hour": _("mã đã gửi trong một giờ"),
    "ceiling:guesses:day": _("lần nhập sai mã trong một ngày"),
    "ceiling:guesses:hour": _("lần nhập sai mã trong một giờ"),
}

# One row: may codes be issued, and must their asker have proved some work? No row in the table
# of brakes means no row here, and so no code.
SENDING_STATE = """
    SELECT sending_stopped OR EXISTS (
        SELECT 1 FROM otp_ceiling AS ceiling JOIN otp_meter AS meter USING (key)
        WHERE meter.until > statement_timestamp() AND meter.count >= ceiling.most
    ) AS paused, proof_of_work
    FROM otp_brakes
"""

_READ = """
SELECT ceiling.key, coalesce(meter.count, 0), ceiling.most
FROM otp_ceiling AS ceiling LEFT JOIN otp_meter AS meter
    ON meter.key = ceiling.key AND meter.until > statement_timestamp()
ORDER BY ceiling.key
"""


class Paused(Exception):
    """No codes go out for now, to nobody: a ceiling is reached, or IT has stopped the sending."""


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
    """Whether no codes go out to anybody for now."""
    with connection.cursor() as cursor:
        cursor.execute(SENDING_STATE)
        row = cursor.fetchone()
    return row is None or bool(row[0])


def readings() -> list[Reading]:
    """Read every ceiling as it stands now."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return [Reading(*row) for row in cursor.fetchall()]
