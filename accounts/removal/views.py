"""The pages of removals: the lists, a new one, who is in it, confirmed or withdrawn."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials.refusals import NotNow
from accounts.models import (
    Account,
    AuditEvent,
    CampaignMember,
    Departure,
    Removal,
    RemovalMember,
)
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.lists import Onward, counted
from accounts.pages.requests import hold, pages, post_only, row_key, takes_long
from accounts.pages.versions import SeenForm, list_in_words
from accounts.removal import rules
from accounts.removal.forms import GroundForm, ProposalForm
from accounts.removal.people import lines

RIGHT = Right.REMOVE_ACCOUNTS
LISTS_ON_A_PAGE = 30
PEOPLE_ON_A_PAGE = 50
ACCOUNT = "tai-khoan"  # of the query: whose removal is proposed

_LISTED = Q(members__outcome=RemovalMember.Outcome.LISTED)
_REMOVED = Q(members__outcome=RemovalMember.Outcome.REMOVED)


@require_safe
@staff_page(RIGHT)
@takes_long
def removals(request: StaffRequest) -> HttpResponse:
    found = _within(request).select_related("proposed_by").order_by("-pk")
    lists = found.annotate(
        listed=Count("members", filter=_LISTED), removed=Count("members", filter=_REMOVED)
    )
    page = Onward(lists, LISTS_ON_A_PAGE).get_page(request.GET.get("trang"))
    context = {
        "page": page,
        "lines": [(each, rules.fault_of(each) if each.is_open else "") for each in page],
        "departed": counted(rules.removable(_departed(request))),
    }
    return render(request, "removal/removals.html", context)


@pages
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
def propose(request: StaffRequest) -> HttpResponse:
    reach = roles.within(request.user, Account.objects.all())
    asked = reach.filter(pk=row_key(request.GET.get(ACCOUNT, "")) or 0).first()
    initial = {"address": asked.address} if asked else {}
    form = ProposalForm(request.POST or None, reach=reach, initial=initial)
    if form.is_valid():
        removal = _draw_up(request, form, form.cleaned_data["address"])
        if removal:
            return redirect("accounts:removal", removal.pk)
    return render(request, "removal/propose.html", {"form": form})


@pages
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def propose_campaign(request: StaffRequest, pk: int) -> HttpResponse:
    """Draw up a list of those whom a campaign locked, and who are still not in order."""
    members = CampaignMember.objects.filter(campaign=pk).to_remove()
    people = Account.objects.filter(pk__in=members.values("account"))
    return _propose_many(request, roles.within(request.user, people))


@pages
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def propose_departed(request: StaffRequest) -> HttpResponse:
    """Draw up a list of those who left, and whose mail is not forwarded any more."""
    return _propose_many(request, _departed(request))


@require_safe
@staff_page(RIGHT)
@takes_long
def removal(request: StaffRequest, pk: int) -> HttpResponse:
    found = _removal_or_404(request, pk)
    members = found.members.select_related("account", "unit__parent").order_by(
        "outcome", "account__address", "pk"
    )
    page = Paginator(members, PEOPLE_ON_A_PAGE).get_page(request.GET.get("trang"))
    AuditEvent.record(
        AuditEvent.Event.VIEWED, actor=request.user, removal=found.pk, page=page.number
    )
    context = {
        "removal": found,
        "page": page,
        "lines": lines(page),
        "listed": _listed(found),
        "own": found.proposed_by_id == request.user.pk,
        "fault": rules.fault_of(found) if found.is_open else "",
    }
    return render(request, "removal/removal.html", context)


@post_only
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
def spare(request: StaffRequest, pk: int, member: int) -> HttpResponse:
    found = _removal_or_404(request, pk)
    someone = get_object_or_404(found.members.select_related("account"), pk=member)
    done = _("Đã đưa tài khoản ra khỏi danh sách.")
    return _answer(request, found, lambda: rules.spare(someone, by=request.user), done)


@pages
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what will be lost for good; a POST has it done."""
    with transaction.atomic():
        hold(request, Removal.objects.filter(pk=pk))
        found = _removal_or_404(request, pk)
        try:
            rules.refuse_unfit(found, request.user)
        except NotNow as refused:
            messages.error(request, refused.sentence)
            return redirect("accounts:removal", found.pk)
        listed = _listed(found)
        form = SeenForm(
            request.POST if request.method == "POST" else None,
            stands={_("số tài khoản sẽ xóa"): str(listed)},
        )
        is_good = form.is_valid()
        if is_good:
            done = _("Đã xác nhận. Danh sách dưới đây cho biết kết quả.")
            answer = _answer(request, found, lambda: rules.confirm(found, by=request.user), done)
    if is_good:
        if listed <= rules.AT_ONCE:
            rules.carry_out(found)
        return answer
    context = {
        "form": form,
        "removal": found,
        "listed": listed,
        "days": settings.ADDRESS_QUARANTINE_DAYS,
    }
    return render(request, "removal/confirm.html", context)


@post_only
@limit_posts("removal", 60, minutes=10)
@staff_page(RIGHT)
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    found = _removal_or_404(request, pk)
    done = _("Đã rút lại đề nghị. Không tài khoản nào bị xóa.")
    return _answer(request, found, lambda: rules.withdraw(found, by=request.user), done)


def _answer(
    request: StaffRequest, found: Removal, act: Callable[[], object], done: str
) -> HttpResponse:
    try:
        act()
    except NotNow as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, done)
    return redirect("accounts:removal", found.pk)


def _propose_many(request: StaffRequest, people: QuerySet[Account]) -> HttpResponse:
    stands = {_("danh sách đề nghị xóa"): list_in_words(rules.removable(people))}
    form = GroundForm(request.POST or None, stands=stands)
    if form.is_valid():
        made = _draw_up(request, form, people)
        if made:
            return redirect("accounts:removal", made.pk)
    count = rules.removable(people).count()
    return render(request, "removal/propose.html", {"form": form, "count": count, "is_list": True})


def _draw_up(
    request: StaffRequest, form: GroundForm | ProposalForm, people: QuerySet[Account]
) -> Removal | None:
    try:
        return rules.propose(people, why=form.cleaned_data["why"], by=request.user)
    except NotNow as refused:
        form.add_error(None, refused.sentence)
    return None


def _departed(request: StaffRequest) -> QuerySet[Account]:
    left = Departure.objects.standing().filter(shut_at__isnull=False)
    forwarded = Departure.objects.forwarding()
    people = Account.objects.filter(is_active=False, pk__in=left.values("account"))
    people = people.exclude(pk__in=forwarded.values("account"))
    return roles.within(request.user, people)


def _listed(found: Removal) -> int:
    return found.members.filter(outcome=RemovalMember.Outcome.LISTED).count()


def _within(request: StaffRequest) -> QuerySet[Removal]:
    return rules.within(roles.units_of(request.user))


def _removal_or_404(request: StaffRequest, pk: int) -> Removal:
    found = _within(request).select_related("proposed_by", "decided_by").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
