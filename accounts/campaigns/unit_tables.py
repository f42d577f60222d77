"""The units of a campaign of either kind: on its page those that come first, in its file all."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access.staff import StaffRequest
from accounts.models.audit_event import AuditEvent
from accounts.models.campaign import AnyCampaign
from accounts.organisation.units import Tree
from accounts.reports.tables import Row, Table, Value
from accounts.spreadsheets.writing import csv_response

UNITS_SHOWN = 100  # on the page of a campaign

Sums = TypeVar("Sums")
Columns = Mapping[str, Callable[[Sums], Value]]


def table_of_units(
    counts: Mapping[int | None, Sums],
    total: Sums,
    tree: Tree,
    *,
    order: Callable[[Sums], tuple[float, ...]],
    title: str,
    columns: Columns[Sums],
    lists: Callable[[int | None], Sequence[str]],
    empty: str,
    note: str = "",
) -> Table:
    """Write a line for each unit, the least by `order` first, and one of the sums.

    `columns` name each figure and take it from the counts; `lists` gives who they are, one list for
    each column, of a unit or, for None, of all.
    """

    def place(unit: int | None) -> tuple[tuple[float, ...], str, int]:
        return order(counts[unit]), tree.path(unit), unit or 0

    def figures(counted: Sums) -> list[Value]:
        return [figure(counted) for figure in columns.values()]

    rows = [
        Row(
            (tree.path(unit) or _("Không thuộc đơn vị nào"), *figures(counts[unit])),
            lists=("", *lists(unit)) if unit else (),
        )
        for unit in sorted(counts, key=place)
    ]
    if rows:
        rows.append(Row((_("Cộng"), *figures(total)), is_total=True, lists=("", *lists(None))))
    heads = (_("Đơn vị"), *columns)
    return Table("theo-don-vi", title, heads, rows, note=note, empty=empty, most=UNITS_SHOWN)


def give_away(request: StaffRequest, table: Table, campaign: AnyCampaign) -> HttpResponseBase:
    """Give all rows of a campaign's table as a file, on record."""
    AuditEvent.record(
        AuditEvent.Event.EXPORTED,
        actor=request.user,
        report=table.key,
        campaign=campaign.pk,
        kind=campaign.KIND,
        rows=len(table.rows),
    )
    return csv_response(f"{table.key}-{timezone.localdate()}", table.columns, table.plain_rows)
