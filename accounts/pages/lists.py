"""Lists that may be long: a count that ends, and pages that do without one."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

MOST_COUNTED = 1_000  # rows; of more, a page says that there are more
_LONGEST = 6  # digits of a page's number


def counted(rows: "QuerySet[Any]") -> str:
    """Say how many rows there are, or that there are more than are counted."""
    found = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
    most = number_format(min(found, MOST_COUNTED), force_grouping=True)
    return _("hơn %(count)s") % {"count": most} if found > MOST_COUNTED else most


class Onward(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages each of which knows only whether there is one after it: nothing is counted."""

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
