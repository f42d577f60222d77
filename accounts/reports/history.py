"""How the accounts of each unit stood on each day: the past that the reports draw."""

import datetime as dt
from collections.abc import Collection
from dataclasses import astuple, dataclass

from django.db import connection
from django.db.models import Sum

from accounts.models.unit_day import UnitDay
from otp.models import OFFICE_ZONE


@dataclass(frozen=True)
class Figures:
    """How many accounts there are in some units, and how they stand."""

    accounts: int = 0
    phones: int = 0
    default_passwords: int = 0
    never_logged_in: int = 0
    locked: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*map(sum, zip(astuple(self), astuple(other), strict=True)))


# What is counted of the accounts in use, by the name of its column. A phone counts once confirmed.
FIGURES = {
    "accounts": "true",
    "phones": "phone_confirmed_at IS NOT NULL",
    "default_passwords": "has_default_password",
    "never_logged_in": "last_login IS NULL",
    "locked": "locked_at IS NOT NULL",
}
_COUNTS = ", ".join(f"count(*) FILTER (WHERE {what})" for what in FIGURES.values())
_COLUMNS = ", ".join(FIGURES)

_SNAPSHOT = f"""
INSERT INTO accounts_unitday (unit_id, day, {_COLUMNS})
SELECT unit_id, (statement_timestamp() AT TIME ZONE %(zone)s)::date, {_COUNTS}
FROM accounts_account WHERE is_active GROUP BY unit_id
ON CONFLICT (unit_id, day) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in FIGURES)}
"""  # noqa: S608  (our own constants)

_NOW = f"""
SELECT unit_id, {_COUNTS} FROM accounts_account
WHERE is_active AND (%(all)s OR unit_id = ANY(%(units)s)) GROUP BY unit_id
"""  # noqa: S608  (our own constants)


def current(units: Collection[int] | None) -> dict[int | None, Figures]:
    """Count the accounts of each unit (None: of no unit) as they are; None counts all units."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW, {"all": units is None, "units": list(units or ())})
        return {unit: Figures(*counts) for unit, *counts in cursor.fetchall()}


def snapshot() -> int:
    """Keep today's figures of every unit, or bring them up to date. Give the number of units."""
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT, {"zone": OFFICE_ZONE.key})
        count: int = cursor.rowcount
    return count


def past(units: Collection[int] | None, *, since: dt.date) -> dict[dt.date, Figures]:
    """Sum up the days that were kept, over these units; None: over all."""
    rows = UnitDay.objects.filter(day__gte=since)
    if units is not None:
        rows = rows.filter(unit__in=units)
    sums = rows.values_list("day").annotate(*map(Sum, FIGURES)).order_by("day")
    return {day: Figures(*counts) for day, *counts in sums}
