"""The pages of departures: the list, a new one, one called off."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials.refusals import NotNow
from accounts.leaving import rules
from accounts.leaving.forms import DepartureForm
from accounts.models import Account, Departure
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.lists import Onward
from accounts.pages.requests import hold, pages, post_only, takes_long
from accounts.pages.versions import SeenForm, since

RIGHT = Right.END_ACCOUNTS
DEPARTURES_ON_A_PAGE = 50


@require_safe
@staff_page(RIGHT)
@takes_long
def departures(request: StaffRequest) -> HttpResponse:
    found = roles.within(request.user, Departure.objects.all(), "account__unit").select_related(
        "account", "forward_to", "planned_by"
    )
    page = Onward(found.order_by("-pk"), DEPARTURES_ON_A_PAGE).get_page(request.GET.get("trang"))
    lines = [(each, SeenForm(stands=_shown(each), auto_id=False)) for each in page]
    return render(request, "leaving/departures.html", {"page": page, "lines": lines})


@pages
@limit_posts("departure", 60, minutes=10)
@staff_page(RIGHT)
def plan(request: StaffRequest) -> HttpResponse:
    reach = roles.within(request.user, Account.objects.all())
    form = DepartureForm(request.POST or None, reach=reach)
    if form.is_valid():
        account = form.cleaned_data.pop("address")
        try:
            departure = rules.plan(account, **form.cleaned_data, by=request.user)
        except NotNow as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _planned(departure) % {"address": account.address})
            return redirect("accounts:departures")
    return render(request, "leaving/plan.html", {"form": form})


@post_only
@limit_posts("departure", 60, minutes=10)
@staff_page(RIGHT)
@transaction.atomic
def call_off(request: StaffRequest, pk: int) -> HttpResponse:
    hold(request, Account.objects.filter(pk__in=Departure.objects.filter(pk=pk).values("account")))
    reach = roles.within(request.user, Account.objects.filter(is_staff=False))
    found = Departure.objects.filter(account__in=reach).select_related("account")
    departure = get_object_or_404(found, pk=pk)
    form = SeenForm(request.POST, stands=_shown(departure))
    if departure.called_off_at:
        # Before what the page was drawn from: an account that is open again is no reason to repeat.
        messages.warning(request, _("Lần nghỉ việc này đã được hủy từ trước."))
    elif not form.is_valid():
        for sentence in form.non_field_errors():
            messages.warning(request, f"{departure.account.address}: {sentence}")
    else:
        rules.call_off(departure, by=request.user)
        messages.success(request, _stands(Account.objects.get(pk=departure.account_id)))
    return redirect("accounts:departures")


def _planned(departure: Departure) -> str:
    """Say what has been done, with a place for the address."""
    departure.refresh_from_db(fields=["shut_at"])
    if departure.shut_at:
        return _("Đã ghi ngày nghỉ việc của %(address)s. Ngày này đã qua: tài khoản vừa được đóng.")
    return _("Đã ghi ngày nghỉ việc của %(address)s.")


def _shown(departure: Departure) -> dict[str, str]:
    """Give what the button that calls a departure off says that it was drawn from."""
    account = departure.account
    return {
        _("lần nghỉ việc"): since(_("đã đóng lúc %(at)s"), departure.shut_at) or _("chờ đến ngày"),
        _("tài khoản"): since(_("bị khóa từ %(at)s"), account.locked_at)
        or (_("đang mở") if account.is_active else _("ngừng sử dụng")),
    }


def _stands(account: Account) -> str:
    """Say how an account stands once its departure is called off."""
    if not account.is_active:
        return _(
            "Đã hủy ngày nghỉ việc. Tài khoản vẫn ngừng sử dụng vì đã ngừng từ trước: nếu cần, hãy"
            " mở lại ở trang của tài khoản."
        )
    if account.is_locked:
        return _(
            "Đã hủy ngày nghỉ việc. Tài khoản vẫn bị khóa: nếu cần, hãy mở khóa ở trang của tài"
            " khoản."
        )
    return _("Đã hủy. Tài khoản tiếp tục được sử dụng.")
