"""What IT reads of its people: confirmed phones and default passwords, by unit and by day.

Accounts are counted by PostgreSQL, in one statement for all units; only the sums up the tree of
units are made here.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
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
    everybody = People("" if unit is None else str(unit))
    end = timezone.localdate()
    days = [end - dt.timedelta(days=back) for back in range(TREND - 1, -1, -1)]
    kept = history.past(scope, since=days[0]) | {end: total}
    by_day = _by_day(days, kept, everybody)
    by_unit = _by_unit(tree, own, unit, everybody)
    charts = [(_trend(days, kept), by_day.key)]
    return Report(_tiles(total, everybody), charts, [by_day, by_unit])


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


def _by_unit(
    tree: Tree, own: Mapping[int | None, Figures], unit: int | None, everybody: People
) -> Table:
    """List the units right below one, each with all below it, and the accounts of itself."""
    rows = [
        _row_of_unit(
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
        rows.append(_row_of_unit(name, alone, People(NO_UNIT if unit is None else f"{unit}-")))
    total = sum(own.values(), Figures())
    rows.append(_row_of_unit(_("Cộng"), total, everybody, is_total=True))
    return Table(
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


def _row_of_unit(
    name: str, sums: Figures, people: People, *, href: str = "", is_total: bool = False
) -> Row:
    lists = (
        *("", people.all, people.phones, people.phones),
        *(people.default_passwords, people.default_passwords),
        *(people.never_logged_in, people.locked),
    )
    values = (name, *_shares(sums), sums.never_logged_in, sums.locked)
    return Row(values, href=href, is_total=is_total, lists=lists)


def _shares(figures: Figures) -> tuple[int | Share, ...]:
    """Give how many accounts there are, and of them confirmed numbers and default passwords."""
    return (
        figures.accounts,
        figures.phones,
        Share(figures.phones, figures.accounts),
        figures.default_passwords,
        Share(figures.default_passwords, figures.accounts),
    )


def _address_of(unit: int) -> str:
    return reverse("accounts:unit-report", args=[unit])


def _sum(own: Mapping[int | None, Figures], units: Collection[int]) -> Figures:
    return sum((own[unit] for unit in units if unit in own), Figures())


def _trend(days: Sequence[dt.date], kept: Mapping[dt.date, Figures]) -> Chart:
    """Draw how the two shares went, with a gap where nothing was kept."""
    phones = [_percent(kept.get(day), "phones") for day in days]
    defaults = [_percent(kept.get(day), "default_passwords") for day in days]
    return Lines(
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


def _by_day(days: Sequence[dt.date], kept: Mapping[dt.date, Figures], everybody: People) -> Table:
    """List the nightly figures and, for today, those of now, the newest first."""
    rows = [
        # Of days gone by, only the figures were kept.
        Row((day, *_shares(kept[day])), lists=everybody.of_the_day if day == days[-1] else ())
        for day in reversed(days)
        if day in kept
    ]
    return Table(
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


def _percent(figures: Figures | None, what: str) -> float | None:
    return Share(getattr(figures, what), figures.accounts).percent if figures else None
