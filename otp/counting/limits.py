"""Charges limits, exactly: so many in a fixed window for a caller, an address or a number.

Each charge is one statement on PostgreSQL, so parallel requests on any number of hosts cannot
lose count, and a database that does not answer lets nothing through.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from otp.counting.keyed_names import name_of
from otp.models import Meter


@dataclass(frozen=True)
class Limit:
    """So many in a fixed window of this length, which starts with the first charge."""

    name: str
    count: int
    period: dt.timedelta


@dataclass(frozen=True)
class Charge:
    """Whether a charge was within the limit, and when its window ends."""

    granted: bool
    until: dt.datetime


_CHARGE = """
SELECT granted, until
FROM otp_charge(%(key)s, 1, %(limit)s, %(period)s, statement_timestamp())
"""

_MOVE = """
INSERT INTO otp_meter AS meter (key, count, until)
SELECT pair.new, old.count, old.until
FROM unnest(%(old)s::text[], %(new)s::text[]) AS pair (old, new)
JOIN otp_meter AS old ON old.key = pair.old AND old.until > statement_timestamp()
ON CONFLICT (key) DO UPDATE SET
    count = greatest(meter.count, excluded.count), until = greatest(meter.until, excluded.until)
"""


def charge(limit: Limit, who: str) -> Charge:
    """Charge one to `who`. Exactly `limit.count` are granted in a period, however many ask at once.

    A refused charge costs nothing, so asking again does not make the wait longer. `who` may be
    personal: only its keyed name is stored.
    """
    parameters: dict[str, Any] = {
        "key": key_of(limit, who),
        "limit": limit.count,
        "period": limit.period,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHARGE, parameters)
        granted, until = cursor.fetchone()
    return Charge(granted, until)


def used_up_until(limit: Limit, who: str) -> dt.datetime | None:
    """Say until when nothing more is granted to `who`, without charging; None: something is."""
    return (
        Meter.objects.filter(
            pk=key_of(limit, who), count__gte=limit.count, until__gt=timezone.now()
        )
        .values_list("until", flat=True)
        .first()
    )


def give_back(limit: Limit, who: str) -> None:
    """Undo one charge of `who`, because what was charged for turned out to be right."""
    charged = Meter.objects.filter(pk=key_of(limit, who), count__gt=0, until__gt=Now())
    charged.update(count=F("count") - 1)


def clear(limit: Limit, who: str) -> None:
    """Forget all charges of `who`."""
    Meter.objects.filter(key=key_of(limit, who)).delete()


def move(limit: Limit, names: Mapping[str, str]) -> None:
    """Count for the new names what was charged to the old ones; part of the caller's work."""
    move_keys({key_of(limit, old): key_of(limit, new) for old, new in names.items()})


def move_keys(keys: Mapping[str, str]) -> None:
    """Rename meters. Where there is one of that name already, the stricter of the two counts."""
    parameters = {"old": list(keys), "new": list(keys.values())}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, parameters)
        cursor.execute("DELETE FROM otp_meter WHERE key = ANY(%(old)s)", parameters)


def key_of(limit: Limit, who: str) -> str:
    """Name the meter row of `who` under `limit`."""
    return f"{limit.name}:{name_of(limit.name, who)}"
