"""Numbers in sentences: spans of time in words, and sentences that read their numbers late."""

import datetime as dt
from collections.abc import Callable

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

_DAY = dt.timedelta(days=1)
_UNITS = (
    (_DAY, _("%(count)s ngày")),
    (dt.timedelta(hours=1), _("%(count)s giờ")),
    (dt.timedelta(minutes=1), _("%(count)s phút")),
    (dt.timedelta(seconds=1), _("%(count)s giây")),
)


def duration(span: dt.timedelta) -> str:
    """Say a span of whole seconds in the largest unit that leaves no rest: "5 phút", "3 ngày".

    A single day is "24 giờ", because "1 ngày" is heard as the day of the calendar.
    """
    units = _UNITS[1:] if span == _DAY else _UNITS
    unit, words = next((unit, words) for unit, words in units if not span % unit)
    return words % {"count": span // unit}


def with_numbers(sentence: object, **numbers: Callable[[], object]) -> str:
    """Give a sentence into which its numbers are put whenever it is shown.

    For sentences that stand in a class or a table: there % would be worked out on import.
    """

    def filled() -> str:
        return str(sentence) % {name: number() for name, number in numbers.items()}

    text: str = lazy(filled, str)()
    return text
