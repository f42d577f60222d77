"""The page where a second member of staff decides whether a second factor is taken away."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials import factor_proposals
from accounts.credentials.refusals import NotNow
from accounts.hotline import recent, remedies
from accounts.models import Account, FactorProposal
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.requests import pages


@pages
@staff_page(Right.APPROVE_PHONE)
def decide_factor(request: StaffRequest, pk: int) -> HttpResponse:
    """Approve that somebody's factor is taken away, or turn it down."""
    proposal = get_object_or_404(waiting(request.user), pk=pk)
    if not remedies.may_help(request.user, proposal.account, Right.APPROVE_PHONE):
        raise PermissionDenied
    own = proposal.proposed_by == request.user
    if request.POST.get("decision") in ("approve", "decline"):
        approved = request.POST["decision"] == "approve"
        rule = factor_proposals.approve if approved else factor_proposals.decline
        try:
            rule(proposal, by=request.user)
        except NotNow as refusal:
            messages.error(request, refusal.sentence)
        else:
            messages.success(request, _in_words(approved=approved, own=own))
        return redirect("accounts:waiting")
    context = {"proposal": proposal, "own": own, "recent": recent.looked_at(request.user)}
    return render(request, "hotline/decide_factor.html", context)


def waiting(staff: Account) -> "QuerySet[FactorProposal]":
    """Give the proposals for those whom `staff` may see, the oldest first."""
    seen = roles.within(staff, Account.objects.all())
    return (
        FactorProposal.objects.open()
        .filter(account__in=seen)
        .select_related("account", "proposed_by")
        .order_by("proposed_at")
    )


def _in_words(*, approved: bool, own: bool) -> str:
    """Say what has become of a proposal."""
    if approved:
        return _("Đã duyệt: xác thực hai lớp đã được bỏ, hộp thư được báo.")
    if own:
        return _("Đã rút lại đề nghị; xác thực hai lớp giữ nguyên.")
    return _("Đã từ chối đề nghị; xác thực hai lớp giữ nguyên.")
