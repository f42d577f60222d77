"""What IT sees of a campaign for phone numbers: who is missing, by unit and by day."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.campaigns.counts import at_the_end
from accounts.campaigns.phone_lists import WAITING, Which, members, missing_people
from accounts.campaigns.unit_tables import table_of_units
from accounts.models.phone_campaign import PhoneCampaign, PhoneMember
from accounts.organisation.units import Tree, Visible
from accounts.reports.charts import Chart, Lines, Series
from accounts.reports.report import Tile
from accounts.reports.sums import Sums
from accounts.reports.tables import Row, Share, Table, number, percent

DAYS = 60

Outcome = PhoneMember.Outcome


@dataclass(frozen=True)
class Progress(Sums):
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


def by_units(campaign: PhoneCampaign, visible: Visible) -> dict[int | None, Progress]:
    """Count by unit, without those below it."""
    if campaign.is_planned:
        people = missing_people(campaign, visible).order_by().values_list("unit")
        return {unit: Progress(n, n) for unit, n in people.annotate(n=Count("pk"))}
    waiting = Q(outcome__in=WAITING)
    still = waiting & campaign.missing(of="account__")
    # Of who was removed nothing is missing any more, but they have not done it either.
    gone = Q(outcome=Outcome.LEFT) | waiting & Q(account=None)
    rows = members(campaign, visible).order_by().values_list("account__unit")
    return {
        unit: Progress(*counts)
        for unit, *counts in rows.annotate(
            people=Count("pk"),
            still=Count("pk", filter=still),
            excused=Count("pk", filter=Q(outcome=Outcome.EXCUSED)),
            gone=Count("pk", filter=gone),
        )
    }


def progress_of(campaign: PhoneCampaign, visible: Visible) -> Progress:
    """Count all of them: only those who are waited for are looked up among the accounts.

    Of a campaign that is done all are counted once in each process. One that was stopped goes on
    changing, by those who give a number all the same.
    """
    if campaign.is_planned:
        count = missing_people(campaign, visible).count()
        return Progress(count, count)
    if campaign.ended_at and not campaign.is_stopped and visible is None:
        found = at_the_end(PhoneMember, campaign.pk, campaign.ended_at)
        excused, left = found.get(Outcome.EXCUSED, 0), found.get(Outcome.LEFT, 0)
        return Progress(sum(found.values()), excused=excused, left=left)
    people = members(campaign, visible).order_by()
    outcomes = dict(people.values_list("outcome").annotate(Count("pk")))
    waiting = people.filter(outcome__in=WAITING)
    there = waiting.filter(account__isnull=False)
    return Progress(
        people=sum(outcomes.values()),
        missing=there.filter(campaign.missing(of="account__")).count(),
        excused=outcomes.get(Outcome.EXCUSED, 0),
        left=outcomes.get(Outcome.LEFT, 0) + waiting.filter(account=None).count(),
    )


def tiles(campaign: PhoneCampaign, progress: Progress) -> list[Tile]:
    people = reverse("accounts:phone-people", args=[campaign.pk])

    def those(which: Which) -> str:
        return f"{people}?ai={which}"

    if campaign.is_planned:
        detail = _("chốt danh sách khi bấm Bắt đầu chiến dịch")
        return [Tile(_("Sẽ được yêu cầu cập nhật"), number(progress.people), detail, people)]
    return [
        Tile(_("Trong danh sách"), number(progress.people), href=those(Which.ALL)),
        Tile(
            _("Đã cập nhật"),
            number(progress.done),
            percent(progress.share.percent),
            those(Which.DONE),
        ),
        Tile(_("Chưa cập nhật"), number(progress.missing), href=people),
        Tile(_("Được miễn"), number(progress.excused), href=those(Which.EXCUSED)),
        Tile(_("Ra khỏi danh sách"), number(progress.left), href=those(Which.LEFT)),
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
            "Từ ngày nhắc đầu tiên, người chưa cập nhật được yêu cầu khi đăng nhập và được “Để sau”"
            " %(times)s lần. Mỗi ngày nhắc mỗi người nhận một thư; ai cập nhật rồi thì không được"
            " nhắc nữa."
        )
        % {"times": campaign.postponements},
    )


_SHOWN = (Which.ALL, Which.MISSING, Which.DONE, Which.DONE, Which.EXCUSED)


def by_unit(campaign: PhoneCampaign, counts: dict[int | None, Progress], tree: Tree) -> Table:
    """Show how far each unit is, the slowest first."""
    people = reverse("accounts:phone-people", args=[campaign.pk])

    def lists(unit: int | None) -> list[str]:
        of_unit = f"&don-vi={unit}" if unit else ""
        return [f"{people}?ai={each}{of_unit}" for each in _SHOWN]

    return table_of_units(
        counts,
        sum(counts.values(), Progress()),
        tree,
        order=lambda each: (_percent(each), -each.missing),
        title=_("Theo đơn vị, chậm nhất đứng đầu"),
        columns={
            _("Trong danh sách"): lambda each: each.people,
            _("Chưa cập nhật"): lambda each: each.missing,
            _("Đã cập nhật"): lambda each: each.done,
            _("Tỷ lệ"): lambda each: each.share,
            _("Được miễn"): lambda each: each.excused,
        },
        lists=lists,
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
    rows = members(campaign, visible).filter(outcome=Outcome.CONFIRMED).order_by()
    done = dict(rows.values_list("decided_on").annotate(n=Count("pk")))
    # What no run has seen yet happened today.
    if unseen := total.done - sum(done.values()):
        today = timezone.localdate()
        done[today] = done.get(today, 0) + unseen
    return done


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
            href=campaign.get_absolute_url(),
        )
        for campaign, progress in campaigns
    ]
    return Table(
        "chien-dich-so",
        _("Chiến dịch số điện thoại"),
        (
            *(_("Chiến dịch"), _("Tình trạng"), _("Nhắc lần đầu"), _("Bắt buộc từ")),
            *(_("Số người"), _("Chưa cập nhật"), _("Tỷ lệ đã cập nhật")),
        ),
        rows,
        empty=_("Chưa có chiến dịch nào."),
    )


def _percent(progress: Progress) -> float:
    share = progress.share.percent
    return 101 if share is None else share


def _state(campaign: PhoneCampaign, day: dt.date, today: dt.date) -> str:
    if campaign.is_over:
        return _("đã dừng") if campaign.is_stopped else _("đã kết thúc")
    if campaign.is_planned or today < day:
        return _("chưa đến ngày")
    return _("đang thực hiện") if today == day else _("đã qua ngày")
