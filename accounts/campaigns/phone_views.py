"""The pages of a campaign for phone numbers: planned, run, listed, excused from, printed."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.campaigns import phone_figures, phone_lists, phone_rules
from accounts.campaigns.acts import Act, confirm, refuse
from accounts.campaigns.forms import ReasonForm
from accounts.campaigns.phone_figures import Progress
from accounts.campaigns.phone_forms import PlanPhonesForm
from accounts.campaigns.phone_lists import COLUMNS, Which
from accounts.campaigns.reach import is_within, may_see, units_of
from accounts.campaigns.stages import CampaignRefused
from accounts.campaigns.unit_tables import give_away
from accounts.credentials import notices
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.models.phone_campaign import PhoneCampaign, PhoneExcuse
from accounts.models.phone_state import PhoneState, in_state
from accounts.models.right import Right
from accounts.models.unit import Unit
from accounts.organisation import roles
from accounts.organisation.units import Tree
from accounts.pages.requests import hold, pages, row_key, takes_long
from accounts.pages.versions import SeenForm, list_in_words
from accounts.reports.tables import number
from accounts.spreadsheets.writing import MOST_XLSX, csv_response, xlsx_response

RIGHT = Right.RUN_CAMPAIGNS
PEOPLE_ON_A_PAGE = 50
MOST_ON_PAPER = 5_000  # people of one annex: a larger one is printed unit by unit


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def plan(request: StaffRequest) -> HttpResponse:
    form = PlanPhonesForm(request.POST or None, tree=Tree(roles.units_of(request.user)))
    if form.is_valid():
        campaign = phone_rules.plan(**form.cleaned_data, by=request.user)
        return redirect(campaign)
    return render(request, "campaigns/phones/plan.html", {"form": form})


@require_safe
@staff_page(RIGHT)
@takes_long
def campaign(request: StaffRequest, pk: int) -> HttpResponse:
    found = _campaign_or_404(request.user, pk)
    visible = roles.units_of(request.user)
    tree = Tree(visible)
    counts = phone_figures.by_units(found, visible)
    total = sum(counts.values(), Progress())
    context = {
        "campaign": found,
        "units": [
            tree.path(unit) for unit in found.units.values_list("pk", flat=True) if tree.path(unit)
        ],
        "tiles": phone_figures.tiles(found, total),
        "steps": phone_figures.steps(found),
        "by_unit": phone_figures.by_unit(found, counts, tree),
        "kinds": [str(Account.Kind(kind).label) for kind in found.kinds],
        "runs_all": is_within(found, visible),
        "whose": "" if visible is None else _("Phạm vi: đơn vị của bạn và các đơn vị cấp dưới."),
        "may_remind": found.is_running and found.first_day <= timezone.localdate(),
        "letters": [_letter(found)],
    }
    if not found.is_planned and found.first_day <= timezone.localdate():
        context["chart"], context["by_day"] = phone_figures.by_day(found, visible, total)
    return render(request, "campaigns/phones/campaign.html", context)


@require_safe
@staff_page(RIGHT)
@takes_long
def units_csv(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Give the table of all units away, on record: the page shows the slowest."""
    found = _campaign_or_404(request.user, pk)
    visible = roles.units_of(request.user)
    table = phone_figures.by_unit(found, phone_figures.by_units(found, visible), Tree(visible))
    return give_away(request, table, found)


@require_safe
@staff_page(RIGHT)
@takes_long
def people(request: StaffRequest, pk: int) -> HttpResponse:
    found, everybody, tree = _listed(request, pk, which := _which(request))
    listed = _in_state(request, found, everybody)
    page = Paginator(listed, PEOPLE_ON_A_PAGE).get_page(request.GET.get("trang"))
    AuditEvent.record(
        AuditEvent.Event.VIEWED,
        actor=request.user,
        page=page.number,
        **found.on_record,
    )
    unit, state = _unit(request, tree), request.GET.get("so", "")
    given = {"ai": which, "don-vi": unit.pk if unit else "", "so": state}
    context = {
        "campaign": found,
        "sums": phone_lists.by_state(found, everybody, tree, which),
        "table": phone_lists.people_table(found, page, tree, which),
        "which": which,
        "are_missing": which is Which.MISSING,
        "excuses": phone_lists.excuses(found, roles.units_of(request.user)),
        "page": page,
        "query": urlencode({name: each for name, each in given.items() if each}),
        "state": str(PhoneState(state).label) if state else "",
        "unit": tree.path(unit.pk) if unit else "",
    }
    return render(request, "campaigns/phones/people.html", context)


@require_safe
@staff_page(Right.EXPORT_ACCOUNTS)
@takes_long
def people_csv(request: StaffRequest, pk: int) -> HttpResponseBase:
    found, everybody, tree = _listed(request, pk, _which(request))
    listed = _in_state(request, found, everybody)
    _put_on_record(request, found, listed, "csv")
    lines = (line for _each, line in phone_lists.lines(found, listed.iterator(2000), tree))
    return csv_response(_name(), COLUMNS, lines)


@require_safe
@staff_page(Right.EXPORT_ACCOUNTS)
@takes_long
def people_xlsx(request: StaffRequest, pk: int) -> HttpResponseBase:
    found, everybody, tree = _listed(request, pk, _which(request))
    listed = _in_state(request, found, everybody)
    if listed.count() > MOST_XLSX:
        messages.warning(
            request,
            _("Danh sách có hơn %(count)s tài khoản: hãy xuất CSV, Excel cũng mở được.")
            % {"count": number(MOST_XLSX)},
        )
        return redirect("accounts:phone-people", found.pk)
    _put_on_record(request, found, listed, "xlsx")
    lines = (line for _each, line in phone_lists.lines(found, listed, tree))
    return xlsx_response(_name(), COLUMNS, lines)


@require_safe
@staff_page(Right.EXPORT_ACCOUNTS)
@takes_long
def annex(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the list as the annex of an official letter, to be printed on A4."""
    found, missing, tree = _listed(request, pk, Which.MISSING)
    if (count := missing.count()) > MOST_ON_PAPER:
        messages.warning(
            request,
            _("Danh sách có hơn %(count)s người: hãy mở từng đơn vị rồi in phụ lục của đơn vị đó.")
            % {"count": number(MOST_ON_PAPER)},
        )
        return redirect("accounts:phone-people", found.pk)
    _put_on_record(request, found, missing, "annex")
    context = {
        "campaign": found,
        "units": phone_lists.annex(found, missing, tree),
        "count": number(count),
        "now": timezone.now(),
    }
    return render(request, "campaigns/phones/annex.html", context)


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def start(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Chiến dịch đã bắt đầu. Danh sách người cần cập nhật đã chốt.")
    return _confirm(request, pk, Act("phones/start", phone_rules.start, done, has_reason=False))


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def stop(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Chiến dịch đã dừng. Không ai được nhắc hoặc bị yêu cầu cập nhật số nữa.")
    return _confirm(request, pk, Act("phones/stop", phone_rules.stop, done))


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
def resume(request: StaffRequest, pk: int) -> HttpResponse:
    done = _("Chiến dịch được tiếp tục. Ai đã được nhắc trong đợt này thì không được nhắc lại.")
    return _confirm(request, pk, Act("phones/resume", phone_rules.resume, done))


@transaction.atomic
def _confirm(request: StaffRequest, pk: int, act: Act) -> HttpResponse:
    hold(request, PhoneCampaign.objects.filter(pk=pk))
    found = _campaign_or_404(request.user, pk)
    if not is_within(found, roles.units_of(request.user)):
        raise Http404

    missing = phone_lists.missing_people(found, None)

    def context() -> dict[str, object]:
        return {"people": number(missing.count())}

    stands = {
        _("tình trạng của chiến dịch"): found.get_state_display(),
        _("những người còn chờ"): list_in_words(missing),
    }
    return confirm(request, found, act, stands=stands, context=context)


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
@takes_long
@transaction.atomic
def remind(request: StaffRequest, pk: int) -> HttpResponse:
    """Remind those of one's own units who were not reminded today."""
    hold(request, PhoneCampaign.objects.filter(pk=pk))
    found = _campaign_or_404(request.user, pk)
    units = roles.units_of(request.user)
    people = phone_rules.due_for_reminder(found, timezone.localdate(), units)
    stands = {_("những người còn chờ nhắc"): list_in_words(people)}
    form = SeenForm(request.POST if request.method == "POST" else None, stands=stands)
    if form.is_valid():
        try:
            count = phone_rules.remind_now(found, units=units, by=request.user)
        except CampaignRefused:
            refuse(request)
        else:
            sentence = ngettext(
                "Đang gửi thư nhắc cho %(count)s người.",
                "Đang gửi thư nhắc cho %(count)s người.",
                count,
            )
            messages.success(request, sentence % {"count": number(count)})
        return redirect(found)
    due = people.count()
    context = {
        "form": form,
        "campaign": found,
        "people": number(due),
        "at_once": number(phone_rules.AT_ONCE) if due > phone_rules.AT_ONCE else "",
    }
    return render(request, "campaigns/phones/remind.html", context)


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
def excuse(request: StaffRequest, pk: int, account: int) -> HttpResponse:
    done = _("Đã miễn. Người này không được nhắc và không bị yêu cầu cập nhật số nữa.")
    return _excuse(request, pk, account, Act("phones/excuse", phone_rules.excuse, done))


@pages
@limit_posts("campaign", 60, minutes=10)
@staff_page(RIGHT)
def end_excuse(request: StaffRequest, pk: int, account: int) -> HttpResponse:
    done = _("Đã bỏ miễn. Người này sẽ lại được nhắc như những người khác.")
    return _excuse(request, pk, account, Act("phones/end_excuse", phone_rules.end_excuse, done))


@transaction.atomic
def _excuse(request: StaffRequest, pk: int, account: int, act: Act) -> HttpResponse:
    found = _campaign_or_404(request.user, pk)
    hold(request, Account.objects.filter(pk=account))
    units = units_of(found, roles.units_of(request.user))
    people = Account.objects.filter(unit__in=units, is_staff=False, is_superuser=False)
    person = get_object_or_404(people, pk=account)
    standing = PhoneExcuse.objects.filter(account=person).first()
    stands = {_("việc miễn"): standing.reason if standing else _("chưa miễn")}
    form = ReasonForm(request.POST if request.method == "POST" else None, stands=stands)
    if form.is_valid():
        act.do(person, by=request.user, **form.cleaned_data)
        messages.success(request, act.done)
        return redirect("accounts:phone-people", found.pk)
    context = {"form": form, "campaign": found, "person": person, "excuse": standing}
    return render(request, f"campaigns/{act.template}.html", context)


def _letter(campaign: PhoneCampaign) -> dict[str, str]:
    """Give the wording as it will go out, to an example."""
    return {
        "name": _("Thư nhắc"),
        "subject": notices.phone_wanted_subject(),
        "text": notices.phone_wanted_text(
            settings.PROFILE.example_address, asked_first_from=campaign.asked_first_from
        ),
    }


def _listed(
    request: StaffRequest, pk: int, which: Which
) -> tuple[PhoneCampaign, QuerySet[Account], Tree]:
    """Give a campaign, those of it who are asked for, as far as they may be seen, and the units."""
    found = _campaign_or_404(request.user, pk)
    visible = roles.units_of(request.user)
    tree = Tree(visible)
    unit = _unit(request, tree)
    listed = phone_lists.people_of(found, visible, which)
    if unit is not None:
        listed = listed.filter(unit=unit)
    return found, listed.order_by("unit__name", "unit", "address"), tree


def _in_state(
    request: StaffRequest, found: PhoneCampaign, people: QuerySet[Account]
) -> QuerySet[Account]:
    """Keep those whose number stands as the address of the page says; it may say nothing of it."""
    raw = request.GET.get("so", "")
    if not raw:
        return people
    if raw not in PhoneState.values:
        raise Http404
    return people.filter(in_state(PhoneState(raw), found.confirmed_since))


def _which(request: StaffRequest) -> Which:
    raw = request.GET.get("ai", Which.MISSING)
    if raw not in Which.values:
        raise Http404
    return Which(raw)


def _unit(request: StaffRequest, tree: Tree) -> Unit | None:
    raw = request.GET.get("don-vi", "")
    if not raw:
        return None
    unit = tree.units.get(row_key(raw) or 0)
    if unit is None:
        raise Http404
    return unit


def _put_on_record(
    request: StaffRequest, found: PhoneCampaign, listed: QuerySet[Account], kind: str
) -> None:
    AuditEvent.record(
        AuditEvent.Event.EXPORTED,
        actor=request.user,
        reason="phones-missing",
        campaign=found.pk,
        rows=listed.count(),
        format=kind,
    )


def _name() -> str:
    return f"chua-cap-nhat-so-{timezone.localdate():%Y%m%d}"


def _campaign_or_404(staff: Account, pk: int) -> PhoneCampaign:
    found = PhoneCampaign.objects.filter(pk=pk).first()
    if found is None or not may_see(found, roles.units_of(staff)):
        raise Http404
    return found
