"""What became of the codes of each day: counted while it may change, kept from then on."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Q

from accounts.models.days import CodeDay
from accounts.reports.sums import Sums
from otp.codes.fates import CARRIER, SENT, Fate, in_day, of_day, with_fate
from otp.models import CODES_A_DAY, Purpose

SETTLED = 2  # days after which no supplier reports on a message any more
_FATES = {"sent": Fate.SENT, "used": Fate.USED, "idle": Fate.IDLE, "wrong": Fate.WRONG}


@dataclass(frozen=True)
class Counts(Sums):
    asked: int = 0
    sent: int = 0
    used: int = 0
    idle: int = 0  # sent, but not used
    wrong: int = 0


@dataclass
class Day:
    """The codes of one of the office's days."""

    by_gateway: dict[str, Counts] = field(default_factory=dict)  # "": carried by none
    unused: int = 0  # addresses that spent all their codes and typed none
    whose: list[tuple[str, int]] | None = None  # these, where they were read; never kept

    @property
    def total(self) -> Counts:
        return sum(self.by_gateway.values(), Counts())


def of_days(days: Collection[dt.date]) -> dict[dt.date, Day]:
    """Give these days: as they were kept, or counted now."""
    found = _kept(days)
    return {day: found.get(day) or _counted(day) for day in days}


def keep(days: Collection[dt.date], *, today: dt.date) -> None:
    """Keep those of the days that change no more, and are not kept yet."""
    settled = {day for day in days if (today - day).days >= SETTLED}
    for day in sorted(settled - _kept(settled).keys()):
        counted = _counted(day)
        rows = {"": Counts()} | counted.by_gateway
        with transaction.atomic():
            CodeDay.objects.bulk_create(
                [
                    CodeDay(
                        day=day,
                        gateway=name,
                        unused=0 if name else counted.unused,
                        **vars(counts),
                    )
                    for name, counts in rows.items()
                ],
                ignore_conflicts=True,  # two at once count the same
            )


def never_typed(day: dt.date) -> list[tuple[str, int]]:
    """List the addresses whose codes of a day were all asked for and sent, and none was typed.

    Somebody may be spending a colleague's codes (QU-07). Only of the few who may be meant are the
    messages read: whoever has so many codes has the last of a day, or one that was voided.
    """
    asked = in_day(day).filter(purpose=Purpose.RECOVERY)
    last = asked.filter(Q(ordinal=CODES_A_DAY) | Q(voided=True))
    of_them = asked.filter(address_key__in=last.values("address_key")).values("address_key")
    counted = of_them.annotate(count=Count("*"), typed=Count("verified_at"))
    idle = counted.filter(count__gte=CODES_A_DAY, typed=0).values("address_key")
    sent = of_day(day).filter(purpose=Purpose.RECOVERY, **{f"{CARRIER}__state__in": SENT})
    by_address = sent.filter(address_key__in=idle).values("address_key")
    found = by_address.annotate(count=Count("*")).filter(count__gte=CODES_A_DAY)
    return list(found.order_by("-count", "address_key").values_list("address_key", "count"))


def _kept(days: Collection[dt.date]) -> dict[dt.date, Day]:
    found: dict[dt.date, Day] = defaultdict(Day)
    for row in CodeDay.objects.filter(day__in=days):
        counts = Counts(row.asked, row.sent, row.used, row.idle, row.wrong)
        found[row.day].by_gateway[row.gateway] = counts
        found[row.day].unused += row.unused
    return dict(found)


def _counted(day: dt.date) -> Day:
    figures = {name: Count("pk", filter=with_fate(fate, CARRIER)) for name, fate in _FATES.items()}
    rows = of_day(day).values_list(f"{CARRIER}__gateway").annotate(asked=Count("pk"), **figures)
    whose = never_typed(day)
    counted = Day(unused=len(whose), whose=whose)
    for gateway, *counts in rows.order_by():
        name = gateway or ""
        counted.by_gateway[name] = counted.by_gateway.get(name, Counts()) + Counts(*counts)
    return counted
