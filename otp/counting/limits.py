"""Charges limits, exactly: so many in a sliding window for a caller, an address or a number.

Each charge is one statement on PostgreSQL, so parallel requests on any number of hosts cannot
lose count, and a database that does not answer lets nothing through.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from otp.counting.keyed_names import name_of
from otp.models import Meter


@dataclass(frozen=True)
class Limit:
    """So many in any span of this length, wherever it begins."""

    name: str
    count: int
    period: dt.timedelta


@dataclass(frozen=True)
class Charge:
    """Whether a charge was within the limit."""

    granted: bool
    until: dt.datetime  # when it is forgotten; of a refused one: from when one is granted again


_CHARGE = """
SELECT granted, until
FROM otp_charge(%(key)s, 1, %(limit)s, %(period)s, statement_timestamp())
"""

_GIVE_BACK = """
UPDATE otp_meter SET count = count - 1
WHERE key = %(key)s AND count > 0 AND until > statement_timestamp()
"""

_USED_UP = """
SELECT otp_used_up_until(%(key)s, %(limit)s, %(period)s, statement_timestamp())
"""

_MOVE = """
INSERT INTO otp_meter AS meter (key, count, until, charged_at)
SELECT pair.new, old.count, old.until, old.charged_at
FROM unnest(%(old)s::text[], %(new)s::text[]) AS pair (old, new)
JOIN otp_meter AS old ON old.key = pair.old AND old.until > statement_timestamp()
ON CONFLICT (key) DO UPDATE SET
    count = greatest(meter.count, excluded.count),
    until = greatest(meter.until, excluded.until),
    charged_at = CASE WHEN meter.count < excluded.count
        THEN excluded.charged_at ELSE meter.charged_at END
"""


def charge(limit: Limit, who: str) -> Charge:
    """Charge one to `who`. `limit.count` are granted in any period, however many ask at once.

    A refused charge costs nothing, so asking again does not make the wait longer. `who` may be
    personal: only its keyed name is stored.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHARGE, _parameters(limit, who))
        granted, until = cursor.fetchone()
    return Charge(granted, until)


def used_up_until(limit: Limit, who: str) -> dt.datetime | None:
    """Say from when something is granted to `who` again, without charging; None: at once."""
    with connection.cursor() as cursor:
        cursor.execute(_USED_UP, _parameters(limit, who))
        until: dt.datetime | None = cursor.fetchone()[0]
    return until


def give_back(limit: Limit, who: str) -> bool:
    """Undo the newest charge of `who`, because what was charged for turned out to be right.

    False where there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"key": key_of(limit, who)})
        count: int = cursor.rowcount
    return count == 1


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


def _parameters(limit: Limit, who: str) -> dict[str, Any]:
    return {"key": key_of(limit, who), "limit": limit.count, "period": limit.period}
