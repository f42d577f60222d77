"""The reports of IT, each a page that prints and each of its tables a file."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access.staff import StaffRequest, staff_page
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import Tree
from accounts.pages.replica import reads_replica
from accounts.pages.requests import takes_long
from accounts.reports.codes import codes
from accounts.reports.coverage import coverage
from accounts.reports.help import help_given
from accounts.reports.report import Report
from accounts.spreadsheets.writing import csv_response

RIGHT = Right.VIEW_REPORTS


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def reports(request: StaffRequest, unit: int | None = None) -> HttpResponse:
    tree = _tree(request.user, unit)
    report = _coverage(request.user, tree, unit)
    heading = tree.units[unit].name if unit else _("Điện thoại và mật khẩu")
    above = []
    if unit:
        above = [{"name": _("Tất cả đơn vị"), "href": reverse("accounts:reports")}]
        above += [
            {"name": each.name, "href": reverse("accounts:unit-report", args=[each.pk])}
            for each in tree.above(unit)
        ]
    return _page(request, report, part="coverage", heading=heading, above=above)


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def code_report(request: StaffRequest) -> HttpResponse:
    _see_all_or_403(request.user)
    return _page(request, codes(), part="codes", heading=_("Mã và tin nhắn"))


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def help_report(request: StaffRequest) -> HttpResponse:
    report = help_given(roles.units_of(request.user))
    return _page(request, report, part="help", heading=_("Hoạt động hỗ trợ"))


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def reports_file(request: StaffRequest, table: str, unit: int | None = None) -> HttpResponseBase:
    report = _coverage(request.user, _tree(request.user, unit), unit)
    return _file(request, report, table)


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def code_report_file(request: StaffRequest, table: str) -> HttpResponseBase:
    _see_all_or_403(request.user)
    return _file(request, codes(), table)


@require_safe
@staff_page(RIGHT)
@takes_long
@reads_replica
def help_report_file(request: StaffRequest, table: str) -> HttpResponseBase:
    return _file(request, help_given(roles.units_of(request.user)), table)


def _tree(staff: Account, unit: int | None) -> Tree:
    """Give the units that `staff` may see; 404 where `unit` is none of them."""
    tree = Tree(roles.units_of(staff))
    if unit is not None and unit not in tree.units:
        raise Http404
    return tree


def _coverage(staff: Account, tree: Tree, unit: int | None) -> Report:
    return coverage(tree, roles.units_of(staff), unit)


def _see_all_or_403(staff: Account) -> None:
    # Gateways and ceilings are of the whole portal: they are no unit's to see.
    if roles.units_of(staff) is not None:
        raise PermissionDenied


def _page(request: StaffRequest, report: Report, **context: object) -> HttpResponse:
    sees_all = roles.units_of(request.user) is None
    whose = "" if sees_all else _("Phạm vi: đơn vị của bạn và các đơn vị cấp dưới.")
    context |= {"report": report, "now": timezone.now(), "sees_all": sees_all, "whose": whose}
    return render(request, "reports/report.html", context)


def _file(request: StaffRequest, report: Report, key: str) -> HttpResponseBase:
    table = next((table for table in report.tables if table.key == key), None)
    if table is None:
        raise Http404
    AuditEvent.record(
        AuditEvent.Event.EXPORTED, actor=request.user, report=key, rows=len(table.rows)
    )
    return csv_response(f"{key}-{timezone.localdate()}", table.columns, table.plain_rows)
