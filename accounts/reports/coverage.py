"""What IT reads of its people: confirmed phones and default passwords, by unit and by day.

Accounts are counted by PostgreSQL, in one statement for all units; only the sums up the tree of
units are made here.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.organisation.units import Tree, Visible
from accounts.reports import history
from accounts.reports.charts import Chart, Lines, Series
from accounts.reports.history import Figures
from accounts.reports.report import Report, Tile
from accounts.reports.tables import Row, Share, Table, number, percent

TREND = 90  # days
NO_UNIT = "none"


@dataclass(frozen=True)
class People:
    """The lists of accounts in use behind the figures of one unit; "" for all that are seen."""

    unit: str

    @property
    def all(self) -> str:
        return self._list()

    @property
    def phones(self) -> str:
        return self._list(phone="good")

    @property
    def default_passwords(self) -> str:
        return self._list(has_default_password__exact="1")  # noqa: S106  (a filter)

    @property
    def never_logged_in(self) -> str:
        return self._list(**{"logged-in": "no"})

    @property
    def locked(self) -> str:
        return self._list(locked="yes")

    @property
    def of_the_day(self) -> tuple[str, ...]:
        """Give the lists in the order of the table of days."""
        shares = (self.phones, self.phones, self.default_passwords, self.default_passwords)
        return ("", self.all, *shares)

    def _list(self, **more: str) -> str:
        unit = {"unit": self.unit} if self.unit else {}
        query = urlencode({"is_active__exact": "1"} | unit | more)
        return f"{reverse('admin:accounts_account_changelist')}?{query}"


def coverage(tree: Tree, visible: Visible, unit: int | None) -> Report:
    """Report on one unit, or for None on everything that may be seen."""
    scope: Visible = visible if unit is None else tree.with_below(unit)
    own = history.current(scope)
    total = sum(own.values(), Figures())
    rows = [
        _coverage_row(
            tree.units[pk].name,
            _sum(own, tree.with_below(pk)),
            People(str(pk)),
            href=_address_of(pk),
        )
        for pk in tree.below(unit)
    ]
    alone = own.get(unit)
    if alone and (rows or unit is None):
        name = _("Tài khoản chưa thuộc đơn vị nào") if unit is None else _("Riêng đơn vị này")
        rows.append(_coverage_row(name, alone, People(NO_UNIT if unit is None else f"{unit}-")))
    everybody = People("" if unit is None else str(unit))
    rows.append(_coverage_row(_("Cộng"), total, everybody, is_total=True))
    by_unit = Table(
        "theo-don-vi",
        _("Theo đơn vị"),
        (
            _("Đơn vị"),
            _("Tài khoản"),
            _("Đã xác thực số"),
            _("Tỷ lệ xác thực số"),
            _("Mật khẩu mặc định"),
            _("Tỷ lệ mặc định"),
            _("Chưa đăng nhập lần nào"),
            _("Đang khóa"),
        ),
        rows,
        note=_("Mỗi dòng gồm cả các đơn vị cấp dưới. Không tính tài khoản ngừng sử dụng."),
    )
    chart, by_day = _trend(scope, total, everybody)
    return Report(_tiles(total, everybody), [(chart, by_day.key)], [by_day, by_unit])


def figures_of(tree: Tree, visible: Visible) -> tuple[Figures, dict[int, Figures]]:
    """Count everything that may be seen, and of each unit what is in it and below it."""
    own = history.current(visible)
    by_unit = {unit.pk: _sum(own, tree.with_below(unit.pk)) for unit, _depth in tree.in_order()}
    return sum(own.values(), Figures()), by_unit


def _tiles(total: Figures, people: People) -> list[Tile]:
    def detail(part: int) -> str:
        share = percent(Share(part, total.accounts).percent)
        return _("%(percent)s số tài khoản") % {"percent": share}

    return [
        Tile(
            _("Tài khoản đang dùng"),
            number(total.accounts),
            _("trong đó %(count)s đang khóa") % {"count": number(total.locked)},
            people.all,
        ),
        Tile(
            _("Đã xác thực số điện thoại"),
            number(total.phones),
            detail(total.phones),
            people.phones,
        ),
        Tile(
            _("Còn mật khẩu mặc định"),
            number(total.default_passwords),
            detail(total.default_passwords),
            people.default_passwords,
        ),
        Tile(
            _("Chưa đăng nhập lần nào"),
            number(total.never_logged_in),
            detail(total.never_logged_in),
            people.never_logged_in,
        ),
    ]


def _coverage_row(
    name: str, sums: Figures, people: People, *, href: str = "", is_total: bool = False
) -> Row:
    values = (
        name,
        sums.accounts,
        sums.phones,
        Share(sums.phones, sums.accounts),
        sums.default_passwords,
        Share(sums.default_passwords, sums.accounts),
        sums.never_logged_in,
        sums.locked,
    )
    lists = (
        *("", people.all, people.phones, people.phones),
        *(people.default_passwords, people.default_passwords),
        *(people.never_logged_in, people.locked),
    )
    return Row(values, href=href, is_total=is_total, lists=lists)


def _address_of(unit: int) -> str:
    return reverse("accounts:unit-report", args=[unit])


def _sum(own: Mapping[int | None, Figures], units: Collection[int]) -> Figures:
    return sum((own[unit] for unit in units if unit in own), Figures())


def _trend(scope: Visible, today: Figures, people: People) -> tuple[Chart, Table]:
    """Draw how the two shares went, from the nightly figures and, for today, from now."""
    end = timezone.localdate()
    days = [end - dt.timedelta(days=back) for back in range(TREND - 1, -1, -1)]
    kept = history.past(scope, since=days[0]) | {end: today}
    phones = [_percent(kept.get(day), "phones") for day in days]
    defaults = [_percent(kept.get(day), "default_passwords") for day in days]
    chart = Lines(
        key="xu-huong",
        title=_("Tỷ lệ qua từng ngày, %(days)s ngày gần đây") % {"days": TREND},
        description=_(
            "Hôm nay %(phones)s số tài khoản đã xác thực số điện thoại,"
            " %(defaults)s còn mật khẩu mặc định."
        )
        % {"phones": percent(phones[-1]), "defaults": percent(defaults[-1])},
        labels=[date_format(day, "MONTH_DAY_FORMAT") for day in days],
        series=[
            Series(_("Đã xác thực số điện thoại"), phones),
            Series(_("Còn mật khẩu mặc định"), defaults),
        ],
        unit="%",
    )
    rows = [
        Row(
            (
                day,
                kept[day].accounts,
                kept[day].phones,
                Share(kept[day].phones, kept[day].accounts),
                kept[day].default_passwords,
                Share(kept[day].default_passwords, kept[day].accounts),
            ),
            # Of days gone by, only the figures were kept.
            lists=people.of_the_day if day == end else (),
        )
        for day in reversed(days)
        if day in kept
    ]
    table = Table(
        "tung-ngay",
        _("Số liệu từng ngày"),
        (
            _("Ngày"),
            _("Tài khoản"),
            _("Đã xác thực số"),
            _("Tỷ lệ xác thực số"),
            _("Mật khẩu mặc định"),
            _("Tỷ lệ mặc định"),
        ),
        rows,
        folded=True,
    )
    return chart, table


def _percent(figures: Figures | None, what: str) -> float | None:
    return Share(getattr(figures, what), figures.accounts).percent if figures else None
