"""The pages of a campaign against default passwords: planned, looked at, agreed to, stopped."""

from typing import Any

from django.conf import settings
from django.core.paginator import Page
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.campaigns import password_figures, password_rules
from accounts.campaigns.acts import Act, confirm
from accounts.campaigns.forms import PlanForm
from accounts.campaigns.password_counts import CampaignCounts, by_units
from accounts.campaigns.reach import is_within, units_of
from accounts.campaigns.unit_tables import give_away
from accounts.credentials import notices
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.models.campaign import WARNED_BEFORE, Campaign
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import Tree, unit_name
from accounts.pages.lists import InTurn, Onward
from accounts.pages.requests import hold, pages, row_key, takes_long
from accounts.reports.tables import Table, number
from accounts.spreadsheets.writing import csv_response

RIGHT = Right.RUN_CAMPAIGNS
PEOPLE_ON_A_PAGE = 50


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def plan(request: StaffRequest) -> HttpResponse:
    form = PlanForm(request.POST or None, tree=Tree(roles.units_of(request.user)))
    if form.is_valid():
        campaign = password_rules.plan(**form.cleaned_data, by=request.user)
        return redirect(campaign)
    return render(request, "campaigns/plan.html", {"form": form})


@require_safe
@staff_page(RIGHT)
@takes_long
def campaign(request: StaffRequest, pk: int) -> HttpResponse:
    found = _campaign_or_404(request.user, pk)
    units = by_units(found, None)
    counts = sum(units.values(), CampaignCounts())
    context = {
        "campaign": found,
        "units": [
            unit_name(unit) for unit in found.units.select_related("parent").order_by("name")
        ],
        "tiles": password_figures.tiles(found, counts),
        "steps": password_figures.steps(found, counts),
        "by_unit": password_figures.by_unit(found, units),
        "letters": _letters(found),
        "sms": _sms(found),
        "waiting": password_rules.waits_for_consent(found).count(),
        "to_remove": password_rules.to_remove(found).count(),
    }
    return render(request, "campaigns/campaign.html", context)


@require_safe
@staff_page(RIGHT)
@takes_long
def units_csv(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Give the table of all units away, on record: the page shows those that come first."""
    found = _campaign_or_404(request.user, pk)
    table = password_figures.by_unit(found, by_units(found, None))
    return give_away(request, table, found)


@require_safe
@staff_page(RIGHT)
@takes_long
def people(request: StaffRequest, pk: int) -> HttpResponse:
    found = _campaign_or_404(request.user, pk)
    show = _would_be_warned if found.is_planned else _members
    page, table = show(found, request.GET)
    AuditEvent.record(
        AuditEvent.Event.VIEWED, actor=request.user, campaign=found.pk, page=page.number
    )
    query = request.GET.copy()
    query.pop("trang", None)
    context = {"campaign": found, "table": table, "page": page, "query": query.urlencode()}
    return render(request, "campaigns/people.html", context)


@require_safe
@staff_page(Right.EXPORT_ACCOUNTS)
@takes_long
def removal_list(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = _campaign_or_404(request.user, pk)
    table = password_figures.removal_list(found)
    AuditEvent.record(
        AuditEvent.Event.EXPORTED,
        actor=request.user,
        reason="removal-list",
        campaign=found.pk,
        rows=len(table.rows),
    )
    return csv_response(f"{table.key}-{timezone.localdate()}", table.columns, table.plain_rows)


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def start(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Chiến dịch đã bắt đầu. Danh sách người được nhắc đã chốt.")
    act = Act("start", password_rules.start, done, has_reason=False)
    return _confirm(request, pk, act)


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def approve_lock(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Đã ghi nhận đồng ý khóa. Có thể rút lại cho đến ngày khóa.")
    return _confirm(request, pk, Act("approve_lock", password_rules.approve_lock, done))


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def withdraw_lock(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Đã rút lại đồng ý khóa. Từ bây giờ không ai bị khóa thêm.")
    return _confirm(request, pk, Act("withdraw_lock", password_rules.withdraw_lock, done))


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def stop(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Chiến dịch đã dừng. Không ai được nhắc hoặc bị khóa thêm.")
    return _confirm(request, pk, Act("stop", password_rules.stop, done))


@transaction.atomic
def _confirm(request: StaffRequest, pk: int, act: Act) -> HttpResponse:
    hold(request, Campaign.objects.filter(pk=pk))
    found = _campaign_or_404(request.user, pk)

    def context() -> dict[str, object]:
        counts = CampaignCounts.of(found)
        return {"people": number(counts.people), "open": number(counts.open)}

    return confirm(request, found, act, stands=password_figures.stands(found), context=context)


def _would_be_warned(campaign: Campaign, query: QueryDict) -> tuple[Page[Any], Table]:
    people = (
        password_rules.eligible(units_of(campaign))
        .select_related("unit__parent")
        .order_by("address")
    )
    if (unit := row_key(query.get("don-vi", ""))) is not None:
        people = people.filter(unit=unit)
    page = Onward(people, PEOPLE_ON_A_PAGE).get_page(query.get("trang"))
    return page, password_figures.planned_people(page)


def _members(campaign: Campaign, query: QueryDict) -> tuple[Page[Any], Table]:
    members = password_figures.listed_members(campaign, query).select_related(
        "account__unit__parent"
    )
    # Sorted by an address that there may not be, all would be read for a page.
    there = members.filter(account__isnull=False).order_by("account__address", "pk")
    people = InTurn(there, members.filter(account=None).order_by("pk"))
    page = Onward(people, PEOPLE_ON_A_PAGE).get_page(query.get("trang"))
    return page, password_figures.members(page)


def _sms(campaign: Campaign) -> str:
    """Give the wording of the SMS as it will go out; "" where the office has none."""
    wording = settings.PROFILE.sms.default_password
    return notices.default_password_wording(wording, campaign.lock_day) if wording else ""


def _letters(campaign: Campaign) -> list[dict[str, str]]:
    """Give the wordings as they will go out, to an example."""
    return [
        {
            "name": password_figures.warning_name(days),
            "subject": notices.default_password_subject(campaign.lock_day),
            "text": notices.default_password_text(
                settings.PROFILE.example_address, lock_day=campaign.lock_day, days=days
            ),
        }
        for days in WARNED_BEFORE
    ]


def _campaign_or_404(staff: Account, pk: int) -> Campaign:
    found = Campaign.objects.filter(pk=pk).first()
    if found is None or not is_within(found, roles.units_of(staff)):
        raise Http404
    return found
