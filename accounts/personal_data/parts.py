"""A part of what is stored about a person: its rows, its columns, how long it is kept."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.models import Account

Show = Callable[[Any, Account], object]

AT_ONCE = 1_000  # rows read from the database at a time


@dataclass(frozen=True)
class Column:
    """A column of a table under the words that a person reads."""

    label: str | Promise
    field: str
    show: Show | None = None  # where the value itself is not what is told

    def value(self, row: Any, person: Account) -> object:
        """Give what is told of a row: a text, a number, yes or no, a time; None for nothing."""
        if self.show:
            return self.show(row, person)
        words = getattr(row, f"get_{self.field}_display", None)
        return words() if words else getattr(row, self.field)


@dataclass(frozen=True)
class Part:
    """Rows of one table that are about a person."""

    key: str  # in the file
    title: str | Promise
    kept: Callable[[], object]
    model: str
    columns: tuple[Column, ...]
    rows: Callable[[Account], "QuerySet[Any, Any]"]
    by: tuple[str, ...] = ()  # columns that say whose a row is

    @property
    def fields(self) -> set[str]:
        """Name the columns of the database that this part tells."""
        told = (*(column.field for column in self.columns), *self.by)
        return {f"{self.model}.{field}" for field in told}

    def told(self, person: Account) -> Iterator[dict[str, object]]:
        """Give every row under the words of its columns, however many there are."""
        for row in self.rows(person).iterator(chunk_size=AT_ONCE):
            yield self._told(row, person)

    def first(self, person: Account, most: int) -> list[dict[str, str]]:
        """Give the first rows as a page says them, without what is empty."""
        return [
            {label: in_words(value) for label, value in told.items() if value not in (None, "")}
            for row in self.rows(person)[:most]
            for told in [self._told(row, person)]
        ]

    def _told(self, row: Any, person: Account) -> dict[str, object]:
        return {str(column.label): column.value(row, person) for column in self.columns}


def in_words(value: object) -> str:
    """Say a value as a page does."""
    match value:
        case bool():
            return _("có") if value else _("không")
        case dt.datetime():
            return date_format(timezone.localtime(value), "DATETIME_FORMAT")
        case dt.date():
            return date_format(value, "DATE_FORMAT")
    return str(value)


def for_programs(value: object) -> str | int | None:
    """Give a value as the file holds it: times by ISO 8601, with the office's own offset."""
    match value:
        case None | bool() | int():
            return value
        case dt.datetime():
            return timezone.localtime(value).isoformat()
        case dt.date():
            return value.isoformat()
    return str(value)
