"""What waits for a second member of staff: listed, approved, turned down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials import factor_proposals, phone_proposals
from accounts.credentials.refusals import NotNow
from accounts.hotline import recent, remedies
from accounts.models import Account, FactorProposal, PhoneProposal
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.requests import pages


@dataclass(frozen=True)
class Kind:
    """What can be proposed for somebody: its table, its rules, its words."""

    model: type[PhoneProposal] | type[FactorProposal]
    approve: Callable[..., None]
    decline: Callable[..., None]
    fault_of: Callable[..., str]
    title: object
    effect: object  # what approving opens
    approved: object
    kept: object  # what stays as it was, where nobody approved

    def open_to(self, staff: Account) -> "QuerySet[Any]":
        """Give the proposals on which `staff` may decide, in whatever unit."""
        return self.model.objects.filter(self.model.waits(), remedies.helped_by(staff))

    def waiting(self, staff: Account) -> "QuerySet[Any]":
        """Give the proposals on which `staff` may decide, the oldest first."""
        found = roles.within(staff, self.open_to(staff), "account__unit")
        return found.select_related("account", "proposed_by").order_by("proposed_at")

    def lines(self, staff: Account) -> "list[Line]":
        """Give those that wait, as the list shows them."""
        found = list(self.waiting(staff))
        # One object each, of which the rights are read once.
        proposers = {each.proposed_by_id: each.proposed_by for each in found}
        for each in found:
            each.proposed_by = proposers[each.proposed_by_id]
        return [Line(each, self.fault_of(each)) for each in found]


@dataclass(frozen=True)
class Line:
    """A proposal in the list."""

    proposal: PhoneProposal | FactorProposal
    fault: str  # why it can only be turned down; "" where it can be approved


PHONE = Kind(
    PhoneProposal,
    phone_proposals.approve,
    phone_proposals.decline,
    phone_proposals.fault_of,
    gettext_lazy("Duyệt đổi số điện thoại"),
    gettext_lazy("Số mới có hiệu lực ngay và nhận được mã lấy lại mật khẩu."),
    gettext_lazy("Đã duyệt: số mới có hiệu lực ngay; số cũ, số mới và hộp thư đều được báo."),
    gettext_lazy("số điện thoại giữ nguyên."),
)
FACTOR = Kind(
    FactorProposal,
    factor_proposals.approve,
    factor_proposals.decline,
    factor_proposals.fault_of,
    gettext_lazy("Duyệt bỏ xác thực hai lớp"),
    gettext_lazy("Duyệt rồi thì ai có mật khẩu, hoặc có SIM của người dùng, vào được tài khoản."),
    gettext_lazy("Đã duyệt: xác thực hai lớp đã được bỏ, hộp thư được báo."),
    gettext_lazy("xác thực hai lớp giữ nguyên."),
)


@pages
@staff_page(Right.APPROVE_PHONE)
def waiting(request: StaffRequest) -> HttpResponse:
    """List what waits for a second member of staff: changes of phone, factors to take away."""
    context = {
        "proposals": PHONE.lines(request.user),
        "factor_proposals": FACTOR.lines(request.user),
        "recent": recent.looked_at(request.user),
    }
    return render(request, "hotline/waiting.html", context)


@sensitive_variables()
@pages
@staff_page(Right.APPROVE_PHONE)
def decide(request: StaffRequest, pk: int, kind: Kind) -> HttpResponse:
    """Approve what somebody proposed, or turn it down."""
    seen = roles.within(
        request.user, kind.model.objects.filter(kind.model.waits()), "account__unit"
    )
    proposal = get_object_or_404(seen.select_related("account", "proposed_by"), pk=pk)
    if not remedies.may_help(request.user, proposal.account, Right.APPROVE_PHONE):
        raise PermissionDenied
    own = proposal.proposed_by == request.user
    if request.POST.get("decision") in ("approve", "decline"):
        approved = request.POST["decision"] == "approve"
        rule = kind.approve if approved else kind.decline
        try:
            rule(proposal, by=request.user)
        except NotNow as refusal:
            messages.error(request, refusal.sentence)
        else:
            messages.success(request, _in_words(kind, approved=approved, own=own))
        return redirect("accounts:waiting")
    context = {
        "proposal": proposal,
        "kind": kind,
        "own": own,
        "fault": kind.fault_of(proposal),
        "recent": recent.looked_at(request.user),
    }
    return render(request, "hotline/decide.html", context)


def count_waiting(staff: Account) -> int:
    """Count the proposals on which `staff` may decide."""
    if not staff.has_perm(Right.APPROVE_PHONE):
        return 0
    return sum(kind.waiting(staff).count() for kind in (PHONE, FACTOR))


def _in_words(kind: Kind, *, approved: bool, own: bool) -> str:
    """Say what has become of a proposal."""
    if approved:
        return str(kind.approved)
    done = gettext_lazy("Đã rút lại đề nghị") if own else gettext_lazy("Đã từ chối đề nghị")
    return f"{done}; {kind.kept}"
