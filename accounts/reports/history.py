"""How the accounts of each unit stood on each day: the past that the reports draw."""

import datetime as dt
from dataclasses import asdict, dataclass

from django.db.models import Count, Q, Sum

from accounts.models.account import Account
from accounts.models.days import UnitDay
from accounts.models.phone_state import PhoneState, in_state
from accounts.organisation.units import Visible
from accounts.reports.sums import Sums
from otp import office


@dataclass(frozen=True)
class Figures(Sums):
    """How many accounts there are in some units, and how they stand."""

    accounts: int = 0
    phones: int = 0
    default_passwords: int = 0
    never_logged_in: int = 0
    locked: int = 0


# What is counted of the accounts in use, by the name of its column. A phone counts once confirmed,
# and while it is in no doubt.
FIGURES = {
    "accounts": Q(),
    "phones": in_state(PhoneState.GOOD),
    "default_passwords": Q(has_default_password=True),
    "never_logged_in": Q(last_login__isnull=True),
    "locked": Q(locked_at__isnull=False),
}


def current(units: Visible) -> dict[int | None, Figures]:
    """Count the accounts of each unit (None: of no unit) as they are; None counts all units."""
    people = Account.objects.filter(is_active=True)
    if units is not None:
        people = people.filter(unit__in=units)
    counts = {name: Count("pk", filter=what) for name, what in FIGURES.items()}
    rows = people.order_by("unit").values_list("unit").annotate(**counts)
    return {unit: Figures(*counts) for unit, *counts in rows}


def snapshot() -> int:
    """Keep today's figures of every unit, or bring them up to date. Give the number of units.

    Today is the office's. Two at once take the units in one order, so that neither waits for the
    other in a circle; what stays are the figures of one of them.
    """
    day = office.today()
    kept = [
        UnitDay(unit_id=unit, day=day, **asdict(figures)) for unit, figures in current(None).items()
    ]
    UnitDay.objects.bulk_create(
        kept, update_conflicts=True, unique_fields=["unit", "day"], update_fields=list(FIGURES)
    )
    return len(kept)


def past(units: Visible, *, since: dt.date) -> dict[dt.date, Figures]:
    """Sum up the days that were kept, over these units; None: over all."""
    rows = UnitDay.objects.filter(day__gte=since)
    if units is not None:
        rows = rows.filter(unit__in=units)
    sums = rows.values_list("day").annotate(*map(Sum, FIGURES)).order_by("day")
    return {day: Figures(*counts) for day, *counts in sums}
