"""What IT sees of a campaign before each step and after it: who, how many, when."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.campaigns import password_rules
from accounts.campaigns.password_counts import CampaignCounts, count_warned
from accounts.campaigns.reach import units_of
from accounts.campaigns.unit_tables import table_of_units
from accounts.models.account import Account
from accounts.models.campaign import WARNED_BEFORE, Campaign, CampaignMember
from accounts.organisation.units import Tree, unit_name
from accounts.pages.requests import row_key
from accounts.pages.versions import list_in_words, since
from accounts.reports.report import Tile
from accounts.reports.tables import Row, Table, number

Outcome = CampaignMember.Outcome


def stands(campaign: Campaign) -> dict[str, str]:
    """Give what the pages of its buttons say that they were drawn from."""
    approved = since(_("có, từ %(at)s"), campaign.lock_approved_at)
    if campaign.is_planned:
        waiting: QuerySet[Any] = password_rules.eligible(units_of(campaign))
    else:
        waiting = campaign.members.filter(outcome=Outcome.OPEN)
    return {
        _("tình trạng của chiến dịch"): campaign.get_state_display(),
        _("việc đồng ý khóa"): approved or _("chưa có"),
        _("những người còn chờ"): list_in_words(waiting),
    }


STILL_OPEN = "open"  # an outcome in the address of a page, where "" would be no value


def list_of(campaign: Campaign, *outcomes: Outcome, **query: int | str) -> str:
    """Lead to the people of a campaign, all or those with one of the outcomes."""
    pairs = [("ket-qua", outcome or STILL_OPEN) for outcome in outcomes]
    page = reverse("accounts:campaign-people", args=[campaign.pk])
    given = urlencode([*pairs, *query.items()])
    return f"{page}?{given}" if given else page


def listed_members(campaign: Campaign, query: QueryDict) -> QuerySet[CampaignMember]:
    """Give the members that an address made by `list_of` asks for."""
    found = campaign.members.all()
    asked = {"" if each == STILL_OPEN else each for each in query.getlist("ket-qua")}
    if outcomes := asked & set(Outcome.values):
        found = found.filter(outcome__in=outcomes)
    if (unit := row_key(query.get("don-vi", ""))) is not None:
        found = found.filter(account__unit=unit)
    if (times := query.get("da-nhac", "")).isdecimal():
        found = found.filter(warnings_sent__gte=int(times[:2]))
    if (times := query.get("chua-nhac", "")).isdecimal():
        found = found.filter(warnings_sent__lt=int(times[:2]))
    return found


def tiles(campaign: Campaign, counts: CampaignCounts) -> list[Tile]:
    if campaign.is_planned:
        return [
            Tile(
                _("Sẽ được nhắc"),
                number(counts.people),
                _("chốt danh sách khi bấm Bắt đầu chiến dịch"),
                list_of(campaign),
            )
        ]
    return [
        Tile(_("Trong danh sách"), number(counts.people), href=list_of(campaign)),
        Tile(_("Đã đổi mật khẩu"), number(counts.changed), href=list_of(campaign, Outcome.CHANGED)),
        Tile(_("Chưa đổi mật khẩu"), number(counts.open), href=list_of(campaign, Outcome.OPEN)),
        Tile(_("Đã khóa"), number(counts.locked), href=list_of(campaign, Outcome.LOCKED)),
        _not_locked(campaign, counts),
    ]


def _not_locked(campaign: Campaign, counts: CampaignCounts) -> Tile:
    outcomes = [Outcome.UNWARNED, Outcome.LEFT]
    detail = _("%(unwarned)s không chắc thư đã tới, %(left)s ra khỏi danh sách")
    if counts.stopped:
        outcomes.append(Outcome.STOPPED)
        detail = _(
            "%(unwarned)s không chắc thư đã tới, %(left)s ra khỏi danh sách, %(stopped)s chưa đổi"
            " mật khẩu khi chiến dịch dừng"
        )
    said = {name: number(getattr(counts, name)) for name in ("unwarned", "left", "stopped")}
    return Tile(
        _("Không bị khóa"),
        number(counts.unwarned + counts.left + counts.stopped),
        detail % said,
        list_of(campaign, *outcomes),
    )


def steps(campaign: Campaign, counts: CampaignCounts) -> Table:
    """Show each step with its day and its people, before it runs and after."""
    warned = count_warned(campaign)
    rows = [_warning(campaign, counts, days, warned[days]) for days in WARNED_BEFORE]
    rows.append(
        Row(
            (
                _("Khóa người chưa đổi mật khẩu"),
                campaign.lock_day,
                0 if campaign.is_over else counts.open,
                counts.locked,
                _lock_state(campaign),
            ),
            lists=()
            if campaign.is_planned
            else ("", "", list_of(campaign, Outcome.OPEN), list_of(campaign, Outcome.LOCKED)),
        )
    )
    return Table(
        "cac-buoc",
        _("Các bước"),
        (_("Bước"), _("Từ ngày"), _("Số người chờ"), _("Đã làm"), _("Tình trạng")),
        rows,
        note=_(
            "Nếu một bước chạy muộn, các bước sau lùi theo, để ai cũng có đủ %(days)s ngày."
            " Ai đổi mật khẩu thì không được nhắc nữa và không bị khóa."
        )
        % {"days": WARNED_BEFORE[0]},
    )


def warning_name(days: int) -> str:
    """Name the warning that is given so many days before the lock."""
    if days == WARNED_BEFORE[-1]:
        return _("Nhắc lần cuối")
    return _("Nhắc lần %(number)s") % {"number": WARNED_BEFORE.index(days) + 1}


def _warning(campaign: Campaign, counts: CampaignCounts, days: int, done: int) -> Row:
    planned = campaign.lock_day - dt.timedelta(days=days)
    waiting = 0
    if not campaign.is_over:
        not_yet = Q(outcome=Outcome.OPEN, warnings_sent__lte=WARNED_BEFORE.index(days))
        waiting = counts.open if campaign.is_planned else campaign.members.filter(not_yet).count()
    if campaign.is_over:
        state = _("đã kết thúc")
    elif campaign.is_planned or timezone.localdate() < planned:
        state = _("chưa đến ngày")
    elif waiting:
        state = _("đang chờ lượt chạy kế tiếp") if not done else _("đang gửi")
    else:
        state = _("xong")
    nth = WARNED_BEFORE.index(days) + 1
    waits = list_of(campaign, Outcome.OPEN, **{"chua-nhac": nth})
    warned = list_of(campaign, **{"da-nhac": nth})
    values = (warning_name(days), planned, waiting, done, state)
    return Row(values, lists=() if campaign.is_planned else ("", "", waits, warned))


def _lock_state(campaign: Campaign) -> str:
    if campaign.is_over:
        return _("đã kết thúc")
    if campaign.lock_approved_at:
        return _("đã đồng ý lúc %(time)s") % {
            "time": date_format(timezone.localtime(campaign.lock_approved_at), "DATETIME_FORMAT")
        }
    if campaign.is_running and timezone.localdate() >= campaign.lock_day:
        return _("ĐANG CHỜ cán bộ quản trị đồng ý")
    return _("cần cán bộ quản trị đồng ý trước ngày khóa")


def by_unit(campaign: Campaign, counts: Mapping[int | None, CampaignCounts]) -> Table:
    """Show the units of which the most have yet to act first."""

    def lists(unit: int | None) -> list[str]:
        of_unit = {"don-vi": unit} if unit else {}
        return [list_of(campaign, Outcome.OPEN, **of_unit), list_of(campaign, **of_unit)]

    return table_of_units(
        counts,
        sum(counts.values(), CampaignCounts()),
        Tree(),
        order=lambda each: (-each.open, -each.people),
        title=_("Theo đơn vị, nhiều người chưa đổi nhất đứng đầu"),
        columns={
            _("Chưa đổi mật khẩu"): lambda each: each.open,
            _("Trong danh sách"): lambda each: each.people,
        },
        lists=lists,
        empty=_("Không có ai: mọi người trong các đơn vị này đã đổi mật khẩu mặc định."),
        note=_("Không gồm cán bộ quản trị, hỗ trợ; tài khoản đang khóa hoặc ngừng sử dụng."),
    )


def listed(campaigns: Sequence[Campaign]) -> Table:
    rows = []
    for campaign in campaigns:
        counts = CampaignCounts.of(campaign)
        rows.append(
            Row(
                (
                    campaign.name,
                    str(Campaign.State(campaign.state).label),
                    campaign.first_day,
                    campaign.lock_day,
                    counts.people,
                    counts.changed,
                    counts.locked,
                ),
                href=campaign.get_absolute_url(),
            )
        )
    return Table(
        "chien-dich",
        _("Các chiến dịch"),
        (
            _("Chiến dịch"),
            _("Tình trạng"),
            _("Nhắc lần đầu"),
            _("Ngày khóa"),
            _("Số người"),
            _("Đã đổi"),
            _("Đã khóa"),
        ),
        rows,
        empty=_("Chưa có chiến dịch nào."),
    )


def planned_people(people: Iterable[Account]) -> Table:
    rows = [Row((each.address, each.full_name, _unit(each), each.last_login)) for each in people]
    columns = (_("Hộp thư"), _("Họ và tên"), _("Đơn vị"), _("Đăng nhập lần cuối"))
    return Table("nguoi", _("Những người sẽ được nhắc"), columns, rows, empty=_("Không có ai."))


def members(people: Iterable[CampaignMember]) -> Table:
    rows = [
        Row(
            (
                each.account.address if each.account else _("đã xóa"),
                each.account.full_name if each.account else "",
                _unit(each.account),
                each.warnings_sent,
                each.first_warned_on,
                each.last_warned_on,
                str(Outcome(each.outcome).label),
            )
        )
        for each in people
    ]
    columns = (
        _("Hộp thư"),
        _("Họ và tên"),
        _("Đơn vị"),
        _("Số lần đã nhắc"),
        _("Nhắc lần đầu"),
        _("Nhắc gần nhất"),
        _("Kết quả"),
    )
    return Table("nguoi", _("Những người trong danh sách"), columns, rows, empty=_("Không có ai."))


def removal_list(campaign: Campaign) -> Table:
    people = password_rules.to_remove(campaign).select_related("account__unit__parent")
    rows = [
        Row(
            (
                each.account.address,
                each.account.full_name,
                _unit(each.account),
                each.decided_on,
                each.account.last_login,
            )
        )
        for each in people
        if each.account
    ]
    columns = (
        _("Hộp thư"),
        _("Họ và tên"),
        _("Đơn vị"),
        _("Khóa ngày"),
        _("Đăng nhập lần cuối"),
    )
    return Table("de-nghi-xoa", _("Danh sách đề nghị xóa"), columns, rows)


def _unit(account: Account | None) -> str:
    return unit_name(account.unit) if account and account.unit else ""
