"""The pages on which IT sees who is responsible for each mailbox, and hands one over."""

from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials.refusals import NotNow
from accounts.custody import rules
from accounts.custody.forms import CustodyForm, addresses_typed
from accounts.models import Account, Address, AuditEvent, Custody
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import Tree
from accounts.pages.lists import Onward, counted
from accounts.pages.requests import hold, pages, takes_long
from accounts.spreadsheets.writing import csv_response

MAILBOXES_ON_A_PAGE = 50
MISSING = "con-thieu"  # of the query: only those for which nobody can answer
HEADER = (
    gettext_lazy("Hộp thư"),
    gettext_lazy("Đơn vị"),
    gettext_lazy("Người phụ trách"),
    gettext_lazy("Người thay"),
    gettext_lazy("Số quyết định"),
    gettext_lazy("Từ ngày"),
)


@require_safe
@staff_page(Right.VIEW_REPORTS)
@takes_long
def mailboxes(request: StaffRequest) -> HttpResponse:
    """List the mailboxes of organisations with who is responsible; or those that nobody is for."""
    found = _within(request.user)
    of_nobody = _of_nobody(found)
    missing = MISSING in request.GET
    shown = Onward(of_nobody if missing else found, MAILBOXES_ON_A_PAGE)
    context = {
        "page": shown.get_page(request.GET.get("trang")),
        "missing": missing,
        "MISSING": MISSING,
        "count": counted(found),
        "without": counted(of_nobody),
    }
    return render(request, "custody/mailboxes.html", context)


@require_safe
@staff_page(Right.VIEW_REPORTS)
@takes_long
def mailboxes_file(request: StaffRequest) -> HttpResponseBase:
    """Give the list away as a table, on record."""
    found = _within(request.user)
    shown = _of_nobody(found) if MISSING in request.GET else found
    tree = Tree()
    rows = [
        [mailbox.address, tree.path(mailbox.unit_id), *_said(getattr(mailbox, "custody", None))]
        for mailbox in shown
    ]
    AuditEvent.record(
        AuditEvent.Event.EXPORTED, actor=request.user, count=len(rows), what="custody"
    )
    return csv_response("hop-thu-to-chuc", HEADER, rows)


@pages
@limit_posts("custody", 60, minutes=10)
@staff_page(Right.HAND_OVER)
@transaction.atomic
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """Say who is responsible for a mailbox from now on."""
    people = Address.objects.filter(address__in=addresses_typed(request.POST))
    hold(request, Account.objects.filter(Q(pk=pk) | Q(pk__in=people.values("account"))))
    mailbox = get_object_or_404(_within(request.user), pk=pk)
    custody = getattr(mailbox, "custody", None)
    keeper = custody.responsible.address if custody and custody.responsible else _("chưa có")
    deputy = custody.deputy.address if custody and custody.deputy else _("không có")
    stands = {_("người phụ trách"): keeper, _("người thay"): deputy}
    form = CustodyForm(request.POST or None, staff=request.user, stands=stands)
    if form.is_valid():
        try:
            handed_over = rules.entrust(mailbox, **form.cleaned_data, by=request.user)
        except NotNow as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, _done(handed_over=handed_over))
            return redirect("accounts:mailboxes")
    context = {"form": form, "mailbox": mailbox, "custody": custody}
    return render(request, "custody/hand_over.html", context)


def _done(*, handed_over: bool) -> str:
    if handed_over:
        return _(
            "Đã bàn giao: mật khẩu cũ và mọi phiên đăng nhập đã hết hiệu lực. Người phụ trách mới"
            " dùng “Quên mật khẩu” với địa chỉ của hộp thư."
        )
    return _("Đã ghi người phụ trách hộp thư.")


def _within(staff: Account) -> "QuerySet[Account]":
    people = Account.objects.with_custody().select_related("unit")
    found = people.filter(kind=Account.Kind.ORGANISATION, is_active=True, is_staff=False)
    return roles.within(staff, found).order_by("address")


def _of_nobody(found: "QuerySet[Account]") -> "QuerySet[Account]":
    of_somebody = Custody.objects.exclude(pk__in=Custody.objects.of_nobody().values("pk"))
    return found.exclude(Exists(of_somebody.filter(mailbox=OuterRef("pk"))))


def _said(custody: Custody | None) -> list[str]:
    if custody is None:
        return ["", "", "", ""]
    people = (custody.responsible, custody.deputy)
    since = date_format(custody.since, "DATE_FORMAT")
    return [*(each.address if each else "" for each in people), custody.decision, since]
