"""The people of a campaign for phone numbers: on screen, in files, as an annex."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Q, QuerySet, TextChoices
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.campaigns import phone_rules
from accounts.campaigns.reach import units_of
from accounts.models.account import Account
from accounts.models.phone_campaign import PhoneCampaign, PhoneExcuse, PhoneMember
from accounts.models.phone_state import PhoneState, in_state, state_of
from accounts.organisation.units import Tree, Visible
from accounts.reports.tables import Row, Table

EXCUSES_SHOWN = 200

Outcome = PhoneMember.Outcome

WAITING = (Outcome.OPEN, Outcome.STOPPED)
_STATES = (PhoneState.NONE, PhoneState.UNCONFIRMED, PhoneState.OLD, PhoneState.DOUBTED)


class Which(TextChoices):
    """The people of a campaign who are listed together, as a figure counts them."""

    MISSING = "missing", gettext_lazy("Những người chưa cập nhật số điện thoại")
    ALL = "all", gettext_lazy("Những người trong danh sách")
    DONE = "done", gettext_lazy("Những người đã cập nhật số điện thoại")
    EXCUSED = "excused", gettext_lazy("Những người được miễn")
    LEFT = "left", gettext_lazy("Những người ra khỏi danh sách")


def missing_people(campaign: PhoneCampaign, visible: Visible) -> QuerySet[Account]:
    """Give those who have not done it; of a plan, those who would be asked."""
    if campaign.is_planned:
        return phone_rules.eligible(campaign, units_of(campaign, visible))
    waiting = members(campaign, visible).filter(outcome__in=WAITING, account__isnull=False)
    return Account.objects.filter(campaign.missing(), pk__in=waiting.values("account"))


def people_of(campaign: PhoneCampaign, visible: Visible, which: Which) -> QuerySet[Account]:
    """Give those behind one figure of a campaign, as far as they may be seen."""
    if which is Which.MISSING or campaign.is_planned:
        return missing_people(campaign, visible)
    people = members(campaign, visible)
    match which:
        case Which.EXCUSED:
            people = people.filter(outcome=Outcome.EXCUSED)
        case Which.LEFT:
            people = people.filter(outcome=Outcome.LEFT)
        case Which.DONE:
            still = Q(outcome__in=WAITING) & campaign.missing(of="account__")
            people = people.exclude(outcome__in=(Outcome.EXCUSED, Outcome.LEFT)).exclude(still)
    return Account.objects.filter(pk__in=people.values("account"))


def members(campaign: PhoneCampaign, visible: Visible) -> QuerySet[PhoneMember]:
    members = campaign.members.all()
    return members if visible is None else members.filter(account__unit__in=visible)


def by_state(campaign: PhoneCampaign, people: QuerySet[Account], tree: Tree, which: Which) -> Table:
    """Count people by unit and by how their numbers stand, with totals."""
    states = _STATES if which is Which.MISSING else tuple(PhoneState)
    since = campaign.confirmed_since
    each_state = {each.name: Count("pk", filter=in_state(each, since)) for each in states}
    counted = people.order_by().values_list("unit").annotate(**each_state)
    page = reverse("accounts:phone-people", args=[campaign.pk])

    def lists(**unit: int | None) -> tuple[str, ...]:
        queries = [*({"so": state.value} for state in states), {}]
        given = {"ai": which.value} | {name: str(each) for name, each in unit.items() if each}
        return ("", *(f"{page}?{urlencode(given | query)}" for query in queries))

    sums = sorted((tree.path(unit), unit or 0, counts) for unit, *counts in counted)
    rows = [
        Row((path, *counts, sum(counts)), lists=lists(**{"don-vi": unit}))
        for path, unit, counts in sums
    ]
    total = [sum(column) for column in zip(*(counts for *_unit, counts in sums), strict=True)]
    if rows:
        rows.append(Row((_("Cộng"), *total, sum(total)), is_total=True, lists=lists()))
    columns = (_("Đơn vị"), *(str(state.label).capitalize() for state in states), _("Cộng"))
    return Table("cong", _("Tổng hợp theo đơn vị"), columns, rows, empty=_("Không có ai."))


COLUMNS = (
    gettext_lazy("Đơn vị"),
    gettext_lazy("Họ và tên"),
    gettext_lazy("Hộp thư"),
    gettext_lazy("Loại"),
    gettext_lazy("Tình trạng"),
    gettext_lazy("Số lần đã nhắc"),
    gettext_lazy("Nhắc gần nhất"),
)


def lines(
    campaign: PhoneCampaign, people: Iterable[Account], tree: Tree
) -> Iterator[tuple[Account, Sequence[str | int | dt.date | None]]]:
    """Write each of those who are missing as a line of the list."""
    reminded = {
        account: (sent, last)
        for account, sent, last in campaign.members.filter(reminders_sent__gt=0).values_list(
            "account", "reminders_sent", "last_reminded_on"
        )
    }
    for each in people:
        state = state_of(each, campaign.confirmed_since)
        sent, last = reminded.get(each.pk, (0, None))
        path = tree.path(each.unit_id)
        kind = str(Account.Kind(each.kind).label)
        yield each, (path, each.full_name, each.address, kind, str(state.label), sent, last)


def people_table(
    campaign: PhoneCampaign, people: Iterable[Account], tree: Tree, which: Which
) -> Table:
    rows = [
        Row(
            (line[2], line[1], line[0], *line[4:]),
            href=reverse("accounts:excuse-phone", args=[campaign.pk, each.pk]),
        )
        for each, line in lines(campaign, people, tree)
    ]
    columns = tuple(str(COLUMNS[n]) for n in (2, 1, 0, 4, 5, 6))
    return Table(
        "nguoi",
        str(which.label),
        columns,
        rows,
        empty=_("Không có ai."),
        note=_("Bấm vào hộp thư để miễn cho người không có điện thoại di động."),
    )


def excuses(campaign: PhoneCampaign, visible: Visible) -> Table:
    units = units_of(campaign, visible)
    found = PhoneExcuse.objects.filter(account__unit__in=units, account__kind__in=campaign.kinds)
    rows = [
        Row(
            (
                each.account.address,
                each.account.full_name,
                each.reason,
                each.excused_by.address if each.excused_by else "",
                each.excused_at,
            ),
            href=reverse("accounts:end-phone-excuse", args=[campaign.pk, each.account.pk]),
        )
        for each in found.select_related("account", "excused_by").order_by("account__address")[
            :EXCUSES_SHOWN
        ]
    ]
    columns = (_("Hộp thư"), _("Họ và tên"), _("Lý do"), _("Người miễn"), _("Lúc"))
    return Table(
        "mien",
        _("Những người được miễn"),
        columns,
        rows,
        empty=_("Chưa miễn cho ai."),
        note=_("Bấm vào hộp thư để bỏ miễn."),
    )


@dataclass(frozen=True)
class AnnexUnit:
    """The people of one unit in the annex, numbered through."""

    name: str
    people: Sequence[tuple[int, Account, str]]


def annex(campaign: PhoneCampaign, people: Iterable[Account], tree: Tree) -> list[AnnexUnit]:
    """Sort those who are missing by unit, as the annex of an official letter lists them."""
    since = campaign.confirmed_since
    placed = sorted(
        (tree.path(each.unit_id), each.full_name, each.address, each) for each in people
    )
    count = 0
    units = []
    for name, group in groupby(placed, key=lambda each: each[0]):
        listed = []
        for *_rest, each in group:
            count += 1
            state = state_of(each, since)
            listed.append((count, each, str(state.label)))
        units.append(AnnexUnit(name, listed))
    return units
