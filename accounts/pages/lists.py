"""Lists that may be long: a count that ends, and pages that do without one."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

MOST_COUNTED = 1_000  # rows; of more, a page says that there are more
_LONGEST = 6  # digits of a page's number


@dataclass(frozen=True)
class Counted:
    """How many rows there are; in words, where there are more than were counted."""

    number: int
    has_more: bool

    def __bool__(self) -> bool:
        return bool(self.number)

    def __str__(self) -> str:
        words = number_format(self.number, force_grouping=True)
        return _("hơn %(count)s") % {"count": words} if self.has_more else words


def counted(rows: "QuerySet[Any]") -> Counted:
    """Count rows as far as `MOST_COUNTED`."""
    found = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
    return Counted(min(found, MOST_COUNTED), has_more=found > MOST_COUNTED)


class InTurn:
    """The rows of one query and then those of another, to be cut as one list would be."""

    def __init__(self, first: "QuerySet[Any]", then: "QuerySet[Any]") -> None:
        self.first, self.then = first, then

    def __getitem__(self, part: slice) -> list[Any]:
        rows = list(self.first[part])
        missing = part.stop - part.start - len(rows)
        if missing:
            before = part.start - self.first.count() if part.start and not rows else 0
            rows += self.then[before : before + missing]
        return rows


class Onward(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages each of which knows only whether there is one after it: nothing is counted."""

    is_onward = True

    def __init__(self, rows: "QuerySet[Any] | InTurn", per_page: int) -> None:
        super().__init__(rows, per_page)  # type: ignore[arg-type]  # cut it is, and never counted

    def get_page(self, number: Any) -> "Page[Any]":
        """Give a page; the first, where there is no such page."""
        raw = str(number)
        asked = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) <= _LONGEST else 1
        before = (max(asked, 1) - 1) * self.per_page
        rows = list(self.object_list[before : before + self.per_page + 1])
        if before and not rows:
            return self.get_page(1)
        self.count = before + len(rows)
        return Page(rows[: self.per_page], max(asked, 1), self)
