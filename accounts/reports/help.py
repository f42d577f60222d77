"""What staff did for others, week by week; extra codes and reopened recoveries each by name."""

import datetime as dt
from collections import Counter, defaultdict

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.audit.reasons import in_words
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.organisation.units import Visible
from accounts.reports import lists
from accounts.reports.charts import Columns, Series
from accounts.reports.report import Report, Tile
from accounts.reports.tables import Row, Table, number
from otp import office
from otp.models import OFFICE_ZONE

WEEKS = 8
WEEK = dt.timedelta(days=7)
CASES_SHOWN = 200
SHOWN = 100  # rows of the tables that grow with the staff, whose files have them all

Event = AuditEvent.Event

# What goes round the office's limits, and is reported case by case (AD-10).
EXTRA = (Event.CODE_GRANTED, Event.RECOVERY_REOPENED)


def help_given(units: Visible) -> Report:
    """Report on what staff did, as far as it concerns these units; None: on everything."""
    monday = _monday()
    weeks = [monday - WEEK * back for back in range(WEEKS - 1, -1, -1)]
    work = _work(units, since=weeks[0])
    counts = _counts(work)
    by_week = {week: Counter[str]() for week in weeks}
    for week, _actor, _pk, event, count in counts:
        by_week[week][event] += count
    cases = _cases(work.filter(event__in=EXTRA, at__gte=office.midnight(monday - WEEK)))
    tables = [
        _weeks(by_week),
        _people(counts, monday),
        cases,
        _every_week(counts),
    ]
    report = Report(_tiles(monday, by_week[monday]), [(_chart(by_week), tables[0].key)], tables)
    # The trail is for those who see everybody.
    return report if units is None else report.without_lists()


def _counts(work: "QuerySet[AuditEvent]") -> list[tuple[dt.date, str, int, str, int]]:
    """Count by week, actor and event; the address of an actor that was removed is ""."""
    weeks = work.annotate(week=TruncWeek("at", tzinfo=OFFICE_ZONE)).order_by()
    rows = list(weeks.values_list("week", "actor", "event").annotate(count=Count("pk")))
    # Apart, for the few who acted: PostgreSQL would read all accounts to join them.
    people = Account.objects.filter(pk__in={actor for _week, actor, *_rest in rows})
    addresses = dict(people.values_list("pk", "address"))
    named = [
        (timezone.localdate(week), addresses.get(pk, ""), pk, event, count)
        for week, pk, event, count in rows
    ]
    return sorted(named, key=lambda row: (*row[:2], row[3]))


def of_help(events: "QuerySet[AuditEvent]") -> "QuerySet[AuditEvent]":
    """Keep what one person did and another is concerned by, or the portal as a whole."""
    work = events.filter(actor__isnull=False).exclude(account=F("actor"))
    # What a campaign does by itself in somebody's name is not that person's work.
    return work.exclude(event=Event.CAMPAIGN_STEP, account__isnull=False).exclude(
        event=Event.LOCKED, reason="campaign"
    )


def _work(units: Visible, *, since: dt.date) -> "QuerySet[AuditEvent]":
    """Keep the help given since a day to the people of these units; None: to all."""
    work = of_help(AuditEvent.objects.filter(at__gte=office.midnight(since)))
    return work if units is None else work.filter(Q(account__unit__in=units))


def _tiles(monday: dt.date, week: Counter[str]) -> list[Tile]:
    granted, reopened = EXTRA
    return [
        Tile(_("Việc trong tuần này"), number(week.total()), href=_list(monday)),
        Tile(
            _("Mã cấp thêm trong tuần này"),
            number(week[granted]),
            href=_list(monday, event=granted),
        ),
        Tile(
            _("Lần mở lại trong tuần này"),
            number(week[reopened]),
            href=_list(monday, event=reopened),
        ),
    ]


def _list(monday: dt.date, weeks: int = 1, **query: str) -> str:
    return lists.audit(first=monday, days=weeks * WEEK.days, help="yes", **query)


def _chart(by_week: dict[dt.date, Counter[str]]) -> Columns:
    extra = [sum(week[event] for event in EXTRA) for week in by_week.values()]
    return Columns(
        key="tuan",
        title=_("Việc của cán bộ quản trị, hỗ trợ theo tuần"),
        description=_("Tuần này có %(count)s việc, trong đó %(extra)s lần cấp thêm mã hoặc mở lại.")
        % {"count": number([*by_week.values()][-1].total()), "extra": number(extra[-1])},
        labels=[date_format(monday, "MONTH_DAY_FORMAT") for monday in by_week],
        series=[
            Series(_("Cấp thêm mã, mở lại"), extra),
            Series(
                _("Việc khác"),
                [
                    week.total() - special
                    for week, special in zip(by_week.values(), extra, strict=True)
                ],
            ),
        ],
    )


def _weeks(by_week: dict[dt.date, Counter[str]]) -> Table:
    rows = [
        Row(
            (
                monday,
                week.total(),
                week[Event.CODE_GRANTED],
                week[Event.RECOVERY_REOPENED],
            ),
            lists=("", _list(monday), *(_list(monday, event=event) for event in EXTRA)),
        )
        for monday, week in reversed(by_week.items())
    ]
    columns = (_("Tuần từ thứ Hai"), _("Tất cả việc"), _("Cấp thêm mã"), _("Mở lại"))
    return Table("theo-tuan", _("Theo tuần"), columns, rows)


def _people(counts: list[tuple[dt.date, str, int, str, int]], monday: dt.date) -> Table:
    sums: dict[tuple[str, int, str], Counter[dt.date]] = defaultdict(Counter)
    for week, actor, pk, event, count in counts:
        sums[actor, pk, event][week] += count
    first = monday - WEEK * (WEEKS - 1)
    rows: list[Row] = []
    for (actor, pk, event), weeks in sorted(sums.items()):
        values = (
            actor,
            AuditEvent.name_of(event),
            weeks[monday],
            weeks[monday - WEEK],
            weeks.total(),
        )
        of_each = ((monday, 1), (monday - WEEK, 1), (first, WEEKS)) if len(rows) < SHOWN else ()
        lists_ = [_list(day, count, event=event, staff=str(pk)) for day, count in of_each]
        rows.append(Row(values, lists=("", "", *lists_)))
    return Table(
        "theo-nguoi",
        _("Theo người làm"),
        (
            *(_("Người làm"), _("Việc"), _("Tuần này"), _("Tuần trước")),
            _("%(weeks)s tuần qua") % {"weeks": WEEKS},
        ),
        rows,
        empty=_("Chưa có việc nào."),
        most=SHOWN,
    )


def _cases(extra: "QuerySet[AuditEvent]") -> Table:
    rows = [
        Row(
            (
                row.at,
                row.get_event_display(),
                row.actor.address if row.actor else "",
                row.account.address if row.account else "",
                _why(row),
            )
        )
        for row in extra.select_related("actor", "account").order_by("-at")[:CASES_SHOWN]
    ]
    return Table(
        "cap-them",
        _("Cấp thêm mã và mở lại, tuần này và tuần trước"),
        (_("Lúc"), _("Việc"), _("Người làm"), _("Hộp thư"), _("Lý do, số phiếu")),
        rows,
        note=_("Mỗi lần phải có lý do và số phiếu; mỗi hộp thư nhiều nhất một lần trong ngày."),
        empty=_("Không có lần nào."),
    )


def _every_week(counts: list[tuple[dt.date, str, int, str, int]]) -> Table:
    rows: list[Row] = []
    for monday, actor, pk, event, count in reversed(counts):
        # What the page does not show leads nowhere: of many staff there are thousands.
        list_ = _list(monday, event=event, staff=str(pk)) if len(rows) < SHOWN else ""
        values = (monday, actor, AuditEvent.name_of(event), count)
        rows.append(Row(values, lists=("", "", "", list_)))
    return Table(
        "tung-tuan",
        _("Từng tuần, từng người, từng việc"),
        (_("Tuần từ thứ Hai"), _("Người làm"), _("Việc"), _("Số lần")),
        rows,
        empty=_("Chưa có việc nào."),
        folded=True,
        most=SHOWN,
    )


def _why(row: AuditEvent) -> str:
    ticket = str(row.detail.get("ticket", "")) if isinstance(row.detail, dict) else ""
    reason = str(row.detail.get("why", "")) or in_words(row.reason)
    return ", ".join(part for part in (reason, ticket, _of_caller(row)) if part)


def _of_caller(row: AuditEvent) -> str:
    """Say whether the caller was checked, where it was asked for."""
    if row.detail.get("checked"):
        return _("đã đối chiếu người gọi")
    if unchecked := row.detail.get("unchecked"):
        return _("không đối chiếu người gọi: %(why)s") % {"why": unchecked}
    return ""


def _monday() -> dt.date:
    today = timezone.localdate()
    return today - dt.timedelta(days=today.weekday())
