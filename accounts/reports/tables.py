"""A table of figures: on a page, and as a file in which no spreadsheet finds a formula (AD-12)."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from django.utils.formats import number_format
from django.utils.translation import get_language

from accounts.spreadsheets.writing import moment


@dataclass(frozen=True)
class Share:
    """A part of a whole, shown as a percentage; of nothing there is none."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        return 100 * self.part / self.whole if self.whole else None

    @property
    def plain(self) -> str:
        """Give the percentage without its sign; of nothing there is none."""
        return percent(self.percent).removesuffix(percent_sign()).replace("–", "")


Value = str | int | Share | dt.date | dt.datetime | None


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table on the page."""

    label: str  # of its column, for narrow windows
    text: str
    is_number: bool = False
    href: str = ""
    bar: str = ""  # width of the bar beside a percentage
    is_time: bool = False

    @property
    def shape(self) -> str:
        """Name what the style sheet must know of it."""
        if self.is_number:
            return "number"
        if self.is_time:
            return "time"
        return "address" if "@" in self.text else ""


@dataclass(frozen=True)
class Row:
    values: Sequence[Value]
    href: str = ""  # where its first cell leads
    is_total: bool = False
    lists: Sequence[str] = ()  # of each value, the list of those who are counted; "" for none

    @property
    def placed(self) -> Iterator[tuple[Value, str]]:
        """Give each value with its list."""
        return zip_longest(self.values, self.lists[: len(self.values)], fillvalue="")


@dataclass(frozen=True)
class Table:
    """Rows under labelled columns; `key` names its file."""

    key: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    empty: str = ""  # the sentence where there is no row
    folded: bool = field(default=False)  # whether the page shows it only when asked
    most: int | None = None  # rows on the page, of which the file has all

    @property
    def row_count(self) -> str:
        return number(self._count)

    @property
    def is_cut(self) -> bool:
        return self.most is not None and self._count > self.most

    @property
    def _count(self) -> int:
        """Give how many rows there are besides the sums, which are always shown."""
        return sum(not row.is_total for row in self.rows)

    @property
    def lines(self) -> Iterator[dict[str, object]]:
        for place, row in enumerate(self.rows):
            if self.most is not None and place >= self.most and not row.is_total:
                continue
            cells = [
                _cell(label, value, href)
                for label, (value, href) in zip(self.columns, row.placed, strict=True)
            ]
            yield {"cells": cells, "href": row.href, "is_total": row.is_total}

    @property
    def plain_rows(self) -> Iterator[Sequence[object]]:
        """Give the rows as they go into a file: percentages as bare numbers."""
        for row in self.rows:
            yield [value.plain if isinstance(value, Share) else value for value in row.values]

    @property
    def head(self) -> list[tuple[str, bool]]:
        """Give the labels, and whether numbers stand below them."""
        first = self.rows[0].values if self.rows else [""] * len(self.columns)
        return [
            (label, _is_number(value)) for label, value in zip(self.columns, first, strict=True)
        ]


def number(count: float) -> str:
    """Write a count as the readers do: 1.234, in English 1,234."""
    return number_format(round(count), force_grouping=True)


def percent_sign() -> str:
    return "%" if get_language() == "en" else "\u00a0%"


def percent(value: float | None) -> str:
    """Write a percentage with one decimal and a comma; what rounds to all or none is not both.

    99,96 % is shown as 99,9 %: 100 % must mean that nobody is left.
    """
    if value is None:
        return "–"
    shown = round(value, 1)
    if shown == 100 and value < 100:
        shown = 99.9
    if shown == 0 and value > 0:
        shown = 0.1
    return ("100" if shown == 100 else number_format(shown, decimal_pos=1)) + percent_sign()


def _cell(label: str, value: Value, href: str) -> Cell:
    if isinstance(value, Share):
        bar = f"{value.percent:.2f}%" if value.percent else ""
        return Cell(label, percent(value.percent), is_number=True, bar=bar, href=href)
    is_time = isinstance(value, dt.date)
    return Cell(label, _shown(value), is_number=_is_number(value), is_time=is_time, href=href)


def _shown(value: Value) -> str:
    match value:
        case None | "":
            return "–"
        case int():
            return number(value)
        case dt.date():
            return moment(value)
    return str(value)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Share)
