"""What IT sees of a campaign for phone numbers: who is missing, by unit and by day."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.campaigns import phone_rules
from accounts.models.account import Account
from accounts.models.phone_campaign import PhoneCampaign, PhoneExcuse, PhoneMember
from accounts.models.phone_state import PhoneState, in_state, state_of
from accounts.organisation.units import Tree, Visible
from accounts.reports.charts import Chart, Lines, Series
from accounts.reports.report import Tile
from accounts.reports.tables import Row, Share, Table, number, percent

DAYS = 60
EXCUSES_SHOWN = 200

Outcome = PhoneMember.Outcome

_WAITING = (Outcome.OPEN, Outcome.STOPPED)
_STATES = (PhoneState.NONE, PhoneState.UNCONFIRMED, PhoneState.OLD, PhoneState.DOUBTED)


@dataclass(frozen=True)
class Progress:
    """How the people of a campaign, or of one of its units, stand."""

    people: int = 0
    missing: int = 0
    excused: int = 0
    left: int = 0

    @property
    def done(self) -> int:
        return self.people - self.missing - self.excused - self.left

    @property
    def share(self) -> Share:
        """Give the part that is done of those who have, or had, to do something."""
        return Share(self.done, self.done + self.missing)

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(
            self.people + other.people,
            self.missing + other.missing,
            self.excused + other.excused,
            self.left + other.left,
        )


def missing_people(campaign: PhoneCampaign, visible: Visible) -> QuerySet[Account]:
    """Give those who have not done it; of a plan, those who would be asked."""
    if campaign.is_planned:
        return phone_rules.eligible(campaign, phone_rules.units_of(campaign, visible))
    waiting = _members(campaign, visible).filter(outcome__in=_WAITING, account__isnull=False)
    return Account.objects.filter(campaign.missing(), pk__in=waiting.values("account"))


def by_units(campaign: PhoneCampaign, visible: Visible) -> dict[int | None, Progress]:
    """Count by unit, without those below it."""
    if campaign.is_planned:
        people = missing_people(campaign, visible).order_by().values_list("unit")
        return {unit: Progress(n, n) for unit, n in people.annotate(n=Count("pk"))}
    still = Q(outcome__in=_WAITING) & campaign.missing(of="account__")
    rows = _members(campaign, visible).order_by().values_list("account__unit")
    return {
        unit: Progress(*counts)
        for unit, *counts in rows.annotate(
            people=Count("pk"),
            still=Count("pk", filter=still),
            excused=Count("pk", filter=Q(outcome=Outcome.EXCUSED)),
            gone=Count("pk", filter=Q(outcome=Outcome.LEFT)),
        )
    }


def tiles(campaign: PhoneCampaign, progress: Progress) -> list[Tile]:
    people = reverse("accounts:phone-people", args=[campaign.pk])
    if campaign.is_planned:
        detail = _("chốt danh sách khi bấm Bắt đầu chiến dịch")
        return [Tile(_("Sẽ được hỏi số"), number(progress.people), detail, people)]
    return [
        Tile(_("Trong danh sách"), number(progress.people)),
        Tile(_("Đã cập nhật"), number(progress.done), percent(progress.share.percent)),
        Tile(_("Chưa cập nhật"), number(progress.missing), href=people),
        Tile(_("Được miễn"), number(progress.excused), href=f"{people}#mien"),
        Tile(_("Ra khỏi danh sách"), number(progress.left)),
    ]


def steps(campaign: PhoneCampaign) -> Table:
    """Show the days on which people are reminded, and from when the number is asked for first."""
    today = timezone.localdate()
    rows = [
        Row((_("Nhắc bằng thư lần %(n)s") % {"n": n}, day, _state(campaign, day, today)))
        for n, day in enumerate(campaign.reminder_days, 1)
    ]
    insists = _("Bắt buộc cập nhật khi đăng nhập")
    day = campaign.asked_first_from
    rows.append(Row((insists, day, _state(campaign, day, today))))
    return Table(
        "cac-buoc",
        _("Các bước"),
        (_("Bước"), _("Từ ngày"), _("Tình trạng")),
        rows,
        note=_(
            "Từ ngày nhắc đầu tiên, người chưa cập nhật được hỏi khi đăng nhập và được “Để sau”"
            " %(times)s lần. Mỗi ngày nhắc mỗi người nhận một thư; ai cập nhật rồi thì không được"
            " nhắc nữa."
        )
        % {"times": campaign.postponements},
    )


def by_unit(campaign: PhoneCampaign, counts: dict[int | None, Progress], tree: Tree) -> Table:
    """Show how far each unit is, the slowest first."""
    people = reverse("accounts:phone-people", args=[campaign.pk])
    slowest = sorted(
        counts.items(),
        key=lambda each: (_percent(each[1]), -each[1].missing, tree.path(each[0]), each[0] or 0),
    )
    rows = [
        Row(
            (
                tree.path(unit) or _("Không thuộc đơn vị nào"),
                progress.people,
                progress.missing,
                progress.done,
                progress.share,
                progress.excused,
            ),
            lists=("", "", f"{people}?don-vi={unit}" if unit and progress.missing else ""),
        )
        for unit, progress in slowest
    ]
    if rows:
        total = sum(counts.values(), Progress())
        numbers = (total.people, total.missing, total.done, total.share, total.excused)
        rows.append(Row((_("Cộng"), *numbers), is_total=True, lists=("", "", people)))
    return Table(
        "theo-don-vi",
        _("Theo đơn vị, chậm nhất trước"),
        (
            *(_("Đơn vị"), _("Trong danh sách"), _("Chưa cập nhật"), _("Đã cập nhật")),
            *(_("Tỷ lệ"), _("Được miễn")),
        ),
        rows,
        empty=_("Không có ai: mọi người trong các đơn vị này đã có số đúng."),
    )


def by_day(campaign: PhoneCampaign, visible: Visible, total: Progress) -> tuple[Chart, Table]:
    """Show how many did it on each day, as far back as DAYS; the newest first in the table."""
    done = _done_on(campaign, visible, total)
    today = timezone.localdate()
    first = max(campaign.first_day, today - dt.timedelta(days=DAYS - 1))
    days = [first + dt.timedelta(days=n) for n in range((today - first).days + 1)]
    whole = total.done + total.missing
    up_to = {day: sum(n for on, n in done.items() if on <= day) for day in days}
    shares = [Share(up_to[day], whole).percent for day in days]
    chart = Lines(
        key="tien-do",
        title=_("Tỷ lệ đã cập nhật qua từng ngày"),
        description=_("Đến nay %(percent)s số người phải cập nhật đã cập nhật.")
        % {"percent": percent(total.share.percent)},
        labels=[date_format(day, "MONTH_DAY_FORMAT") for day in days],
        series=[Series(_("Đã cập nhật"), shares)],
        unit="%",
    )
    columns = (_("Ngày"), _("Cập nhật trong ngày"), _("Cộng dồn"), _("Còn lại"))
    rows = [Row((day, done.get(day, 0), up_to[day], whole - up_to[day])) for day in reversed(days)]
    return chart, Table("theo-ngay", _("Theo ngày"), columns, rows, folded=True)


def _done_on(campaign: PhoneCampaign, visible: Visible, total: Progress) -> dict[dt.date, int]:
    rows = _members(campaign, visible).filter(outcome=Outcome.CONFIRMED).order_by()
    done = dict(rows.values_list("decided_on").annotate(n=Count("pk")))
    # What no run has seen yet happened today.
    if unseen := total.done - sum(done.values()):
        today = timezone.localdate()
        done[today] = done.get(today, 0) + unseen
    return done


def by_state(campaign: PhoneCampaign, people: QuerySet[Account], tree: Tree) -> Table:
    """Count those who are missing, by unit and by what is missing, with totals."""
    since = campaign.confirmed_since
    counted = (
        people.order_by()
        .values_list("unit")
        .annotate(
            **{state.name: Count("pk", filter=in_state(state, since)) for state in _STATES},
        )
    )
    sums = sorted((tree.path(unit), counts) for unit, *counts in counted)
    rows = [Row((path, *counts, sum(counts))) for path, counts in sums]
    total = [sum(column) for column in zip(*(counts for _path, counts in sums), strict=True)]
    if rows:
        rows.append(Row((_("Cộng"), *total, sum(total)), is_total=True))
    columns = (_("Đơn vị"), *(str(state.label).capitalize() for state in _STATES), _("Cộng"))
    return Table("cong", _("Tổng hợp theo đơn vị"), columns, rows, empty=_("Không có ai."))


COLUMNS = (
    *("Đơn vị", "Họ và tên", "Hộp thư", "Loại", "Tình trạng", "Số lần đã nhắc"),
    "Nhắc gần nhất",
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


def people_table(campaign: PhoneCampaign, people: Iterable[Account], tree: Tree) -> Table:
    rows = [
        Row(
            (line[2], line[1], line[0], *line[4:]),
            href=reverse("accounts:excuse-phone", args=[campaign.pk, each.pk]),
        )
        for each, line in lines(campaign, people, tree)
    ]
    columns = tuple(COLUMNS[n] for n in (2, 1, 0, 4, 5, 6))
    return Table(
        "nguoi",
        _("Những người chưa cập nhật số điện thoại"),
        columns,
        rows,
        empty=_("Không có ai."),
        note=_("Bấm vào hộp thư để miễn cho người không có điện thoại di động."),
    )


def excuses(campaign: PhoneCampaign, visible: Visible) -> Table:
    units = phone_rules.units_of(campaign, visible)
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
        note=_("Bấm vào hộp thư để thôi miễn."),
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


def listed(campaigns: Collection[tuple[PhoneCampaign, Progress]]) -> Table:
    rows = [
        Row(
            (
                campaign.name,
                str(PhoneCampaign.State(campaign.state).label),
                campaign.first_day,
                campaign.asked_first_from,
                progress.people,
                progress.missing,
                progress.share,
            ),
            href=reverse("accounts:phone-campaign", args=[campaign.pk]),
        )
        for campaign, progress in campaigns
    ]
    return Table(
        "chien-dich-so",
        _("Chiến dịch số điện thoại"),
        (
            *(_("Chiến dịch"), _("Trạng thái"), _("Nhắc lần đầu"), _("Bắt buộc từ")),
            *(_("Số người"), _("Chưa cập nhật"), _("Tỷ lệ đã cập nhật")),
        ),
        rows,
        empty=_("Chưa có chiến dịch nào."),
    )


def _members(campaign: PhoneCampaign, visible: Visible) -> QuerySet[PhoneMember]:
    members = campaign.members.all()
    return members if visible is None else members.filter(account__unit__in=visible)


def _percent(progress: Progress) -> float:
    share = progress.share.percent
    return 101 if share is None else share


def _state(campaign: PhoneCampaign, day: dt.date, today: dt.date) -> str:
    if campaign.is_over:
        return _("đã dừng") if campaign.is_stopped else _("đã kết thúc")
    if campaign.is_planned or today < day:
        return _("chưa đến ngày")
    return _("đang thực hiện") if today == day else _("đã qua ngày")
