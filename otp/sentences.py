"""Sentences: spans of time in words, numbers that are read late, the language of what is stored."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import translation
from django.utils.functional import lazy
from django.utils.translation import ngettext

_DAY = dt.timedelta(days=1)
_UNITS: tuple[tuple[dt.timedelta, Callable[[int], str]], ...] = (
    (_DAY, lambda count: ngettext("%(count)s ngày", "%(count)s ngày", count)),
    (dt.timedelta(hours=1), lambda count: ngettext("%(count)s giờ", "%(count)s giờ", count)),
    (dt.timedelta(minutes=1), lambda count: ngettext("%(count)s phút", "%(count)s phút", count)),
    (dt.timedelta(seconds=1), lambda count: ngettext("%(count)s giây", "%(count)s giây", count)),
)


@contextmanager
def as_stored() -> Iterator[None]:
    """Word what is stored or sent in the office's language, whatever the page's is.

    A decorator too; Django's own `override` is not, where threads share it.
    """
    with translation.override(settings.LANGUAGE_CODE):
        yield


def duration(span: dt.timedelta) -> str:
    """Say a span of whole seconds in the largest unit that leaves no rest: "5 phút", "3 ngày".

    A single day is "24 giờ", because "1 ngày" is heard as the day of the calendar.
    """
    units = _UNITS[1:] if span == _DAY else _UNITS
    unit, words = next((unit, words) for unit, words in units if not span % unit)
    count = span // unit
    return words(count) % {"count": count}


def with_numbers(sentence: object, **numbers: Callable[[], object]) -> str:
    """Give a sentence into which its numbers are put whenever it is shown.

    For sentences that stand in a class or a table: there % would be worked out on import.
    """

    def filled() -> str:
        return str(sentence) % {name: number() for name, number in numbers.items()}

    text: str = lazy(filled, str)()
    return text
