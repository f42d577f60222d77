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


class Onward(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages each of which knows only whether there is one after it: nothing is counted."""

    is_onward = True

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
