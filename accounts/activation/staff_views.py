"""The slips' pages of IT: who gets one, the sheets that are printed, what became of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.activation import slips
from accounts.activation.forms import GiveForm, Layout, PrintForm
from accounts.activation.slips import MOST_AT_ONCE, newcomers_for
from accounts.models import Account, ActivationSlip
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import Tree, with_below
from accounts.pages.lists import Onward, counted
from accounts.pages.requests import actor, hold, pages, post_only, row_key, takes_long
from otp.codes.slips import SLIP_LIFE, TRIES
from otp.sentences import duration

RIGHT = Right.PRINT_SLIPS
SLIPS_ON_A_PAGE = 50
LONGEST_UNIT = 200  # characters of a unit with those above it, on paper

State = ActivationSlip.State


@require_safe
@staff_page(RIGHT)
@takes_long
def slips_given(request: StaffRequest) -> HttpResponse:
    """List the slips of the people whom the reader may see, the newest first."""
    given = roles.within(request.user, ActivationSlip.objects.all(), "account__unit")
    show = request.GET.get("loc", "")
    shown = _in_state(given, show).select_related("account__unit", "given_by")
    page = Onward(shown.order_by("-given_at", "account__address"), SLIPS_ON_A_PAGE).get_page(
        request.GET.get("trang")
    )
    now = timezone.now()
    context = {
        "page": page,
        "rows": [(slip, slip.state_at(now)) for slip in page],
        "show": show,
        "choices": [("", _("Tất cả")), *State.choices],
        "waiting": State.WAITING,
        "newcomers": counted(roles.within(request.user, newcomers_for(request.user))),
    }
    return render(request, "activation/slips.html", context)


@pages
@limit_posts("slips", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def give(request: StaffRequest) -> HttpResponse:
    """Ask for whom; show who would get one; print. Only the last gives a slip."""
    if "people" in request.POST:
        return _print(request)
    tree = Tree(roles.units_of(request.user))
    form = GiveForm(request.POST or None, tree=tree)
    if form.is_valid():
        addresses, unit = form.cleaned_data["addresses"], form.cleaned_data["unit"]
        try:
            people = _chosen(request.user, addresses=addresses, unit=unit)
        except ValidationError as refused:
            form.add_error("addresses" if addresses else "unit", refused)
        else:
            return _preview(request, people, form.cleaned_data["layout"])
    return render(request, "activation/give.html", {"form": form, "life": duration(SLIP_LIFE)})


@post_only
@limit_posts("slips", 60, minutes=10)
@staff_page(RIGHT)
def take_back(request: StaffRequest, pk: str) -> HttpResponse:
    """End a slip that was lost, or went to the wrong person."""
    reach = roles.within(request.user, ActivationSlip.objects.all(), "account__unit")
    slip = get_object_or_404(reach, pk=pk)
    if slips.take_back(slip, by=request.user):
        messages.success(
            request, _("Đã hủy phiếu của %(address)s.") % {"address": slip.account.address}
        )
    else:
        messages.warning(request, _("Phiếu này đã dùng hoặc đã hủy từ trước."))
    return redirect("accounts:slips")


def preview_of(request: HttpRequest, chosen: QuerySet[Account]) -> HttpResponse | None:
    """Show who of the accounts ticked in the list would get a slip."""
    reach = roles.within(actor(request), chosen)
    people = list(
        newcomers_for(actor(request)).filter(pk__in=reach).order_by("address")[: MOST_AT_ONCE + 1]
    )
    if not people:
        messages.warning(
            request, _("Không có ai được cấp phiếu trong số đã chọn. %(who)s") % {"who": _who()}
        )
        return None
    return _preview(request, people, Layout.ONE)


def _chosen(staff: Account, *, addresses: list[str], unit: str) -> list[Account]:
    """Give the people meant by the form, in the reader's reach; raises ValidationError."""
    reach = roles.within(staff, newcomers_for(staff))
    if not addresses:
        waiting = ActivationSlip.objects.open().filter(good_until__gt=timezone.now())
        reach = reach.filter(unit__in=with_below([int(unit)]))
        reach = reach.exclude(pk__in=waiting.values("account"))
        people = list(reach.order_by("address")[: MOST_AT_ONCE + 1])
        if not people:
            raise ValidationError(
                _("Đơn vị này không còn người mới nào chưa có phiếu. %(who)s"),
                params={"who": _who()},
            )
        return people
    people = list(reach.filter(address__in=addresses).order_by("address"))
    refused = sorted(set(addresses) - {each.address for each in people})
    if refused:
        raise ValidationError(
            _("Không in phiếu được cho: %(addresses)s. %(who)s"),
            params={"addresses": ", ".join(refused[:SLIPS_ON_A_PAGE]), "who": _who()},
        )
    return people


def _who() -> str:
    return _(
        "Phiếu chỉ dành cho tài khoản trong phạm vi của bạn, chưa từng có số điện thoại, chưa từng"
        " đăng nhập và chưa có mật khẩu riêng; với người khác, hãy đề nghị số điện thoại ở trang"
        " hỗ trợ để một cán bộ khác duyệt. Hộp thư tổ chức đã có người phụ trách thì người đó dùng"
        " “Quên mật khẩu”. Nếu chính bạn đã đánh dấu mật khẩu của tài khoản là mặc định, hãy để cán"
        " bộ khác in phiếu."
    )


def _preview(
    request: HttpRequest,
    people: list[Account],
    layout: str,
    form: PrintForm | None = None,
    changed: Sequence[str] = (),
) -> HttpResponse:
    """Show who would get a slip; `changed` says what is not as it was shown before."""
    some = people[:MOST_AT_ONCE]
    have_one = _good_slips(some)
    context = {
        "form": form or PrintForm(),
        "people": some,
        "keys": ",".join(str(each.pk) for each in some),
        "good_slips": _named(have_one),
        "changed": changed,
        "layouts": Layout.choices,
        "layout": layout,
        "have_one": len(have_one),
        "is_cut": len(people) > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "life": duration(SLIP_LIFE),
    }
    return render(request, "activation/preview.html", context)


def _good_slips(people: Iterable[Account]) -> list[ActivationSlip]:
    good = ActivationSlip.objects.open().filter(good_until__gt=timezone.now())
    return list(good.filter(account__in=people).select_related("account").order_by("account"))


def _named(slips_of_people: list[ActivationSlip]) -> str:
    """Name the slips that a preview shows, so that one given since is not ended unseen."""
    return ",".join(slip.pk.hex[:12] for slip in slips_of_people)


@transaction.atomic
def _print(request: StaffRequest) -> HttpResponse:
    """Give the slips and show them, once: they are on no other page."""
    asked = request.POST["people"].split(",")
    keys = [key for key in map(row_key, asked) if key is not None][:MOST_AT_ONCE]
    hold(request, Account.objects.filter(pk__in=keys))
    reach = roles.within(request.user, newcomers_for(request.user).filter(pk__in=keys))
    people = list(reach.order_by("address"))
    form = PrintForm(request.POST)
    changed = _changed_since(request, people, keys)
    if people and (changed or not form.is_valid()):
        return _preview(request, people, request.POST.get("layout", ""), form, changed)
    if changed:
        messages.warning(request, " ".join(changed))
        return redirect("accounts:give-slips")
    printed = slips.give(people, by=request.user, **form.cleaned_data) if people else []
    if not printed:
        messages.warning(request, _("Không còn ai để in phiếu. %(who)s") % {"who": _who()})
        return redirect("accounts:give-slips")
    tree = Tree()
    is_four = request.POST.get("layout") == Layout.FOUR
    context: dict[str, Any] = {
        "slips": [(each, _fitting(tree.path(each.account.unit_id))) for each in printed],
        "shape": "four" if is_four else "one",
        "tries": TRIES.count,
        "site_address": settings.PUBLIC_BASE_URL.rstrip("/") + reverse("accounts:activate"),
    }
    return render(request, "activation/print.html", context)


def _fitting(path: str) -> str:
    """Write a unit with as many of those above it as a slip has room for, the nearest first."""
    names = path.split("/")
    first = len(names) - 1
    while first and len("/".join(names[first - 1 :])) <= LONGEST_UNIT:
        first -= 1
    return "/".join(["…", *names[first:]] if first else names)


def _changed_since(request: StaffRequest, people: list[Account], keys: list[int]) -> list[str]:
    """Say what has changed since the preview; who sends none is taken at their word."""
    if "good_slips" not in request.POST:
        return []
    shown = request.POST["good_slips"].split(",")
    newer = [slip for slip in _good_slips(people) if slip.pk.hex[:12] not in shown]
    there = {each.pk for each in people}
    seen = roles.within(request.user, Account.objects.filter(pk__in=set(keys) - there))
    gone = seen.order_by("address").values_list("address", flat=True)
    sentences = [
        _("%(address)s không còn được cấp phiếu.") % {"address": address} for address in gone
    ]
    return sentences + [
        _("%(address)s vừa được in phiếu khác lúc %(at)s.")
        % {
            "address": slip.account.address,
            "at": date_format(timezone.localtime(slip.given_at), "DATETIME_FORMAT"),
        }
        for slip in newer
    ]


def _in_state(given: "QuerySet[ActivationSlip]", state: str) -> "QuerySet[ActivationSlip]":
    open_ones, now = {"used_at": None, "ended_at": None}, timezone.now()
    match state:
        case State.USED:
            return given.exclude(used_at=None)
        case State.ENDED:
            return given.exclude(ended_at=None)
        case State.WAITING:
            return given.filter(**open_ones, good_until__gt=now)
        case State.EXPIRED:
            return given.filter(**open_ones, good_until__lte=now)
    return given
