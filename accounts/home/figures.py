"""What the first page of the staff shows: figures, each with a light and the list behind it."""

import datetime as dt
import enum
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import Error
from django.db.models import Count, F, Max, Q, QuerySet, Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.campaigns.phone_lists import WAITING
from accounts.hotline import decisions
from accounts.models import (
    Account,
    Campaign,
    CampaignMember,
    DataRequest,
    PhoneCampaign,
    PhoneMember,
    Removal,
)
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.removal import rules as removals
from accounts.reports import history, lists
from accounts.reports.coverage import People
from accounts.reports.history import Figures
from accounts.reports.tables import Share, number, percent
from accounts.upkeep import records
from otp import gateways, office
from otp.codes.fates import CARRIER, Fate, of_day, with_fate
from otp.models import OFFICE_ZONE, GatewayState, Message
from otp.outbox import life
from otp.outbox.alerts import LONGEST_QUEUE

logger = logging.getLogger(__name__)
Kept = TypeVar("Kept")

FRESH = 60.0  # seconds for which what is many is not counted anew: a million take most of one
MANY_CODES = 10_000  # in a day; with fewer, each page counts them
MANY_PEOPLE = 1_000  # in the campaigns that run; the same
CAMPAIGNS_SHOWN = 5
SCOPES_KEPT = 500  # sets of units: those of a unit that was moved are asked for no more


class Light(enum.Enum):
    """How a figure stands; the page says it by a word and a shape, not by colour alone."""

    GOOD = "good", gettext_lazy("tốt")
    LOOK = "look", gettext_lazy("cần xem")
    BROKEN = "broken", gettext_lazy("hỏng")

    def __init__(self, key: str, word: str) -> None:
        self.key = key
        self.word = word


@dataclass(frozen=True)
class Figure:
    label: str
    value: str
    light: Light
    detail: str = ""
    href: str = ""


@dataclass(frozen=True)
class Reader:
    """Who looks, and the units they may see."""

    staff: Account
    units: set[int] | None

    @property
    def scope(self) -> frozenset[int] | None:
        return None if self.units is None else frozenset(self.units)

    def within(self, people: str) -> Q:
        """Keep the rows of whom they may see, where `people` leads to an account."""
        return Q() if self.units is None else Q(**{f"{people}__unit__in": self.units})


Look = Callable[[Reader], Iterator[Figure]]


def figures_for(staff: Account) -> list[Figure]:
    """Give what this member of staff may see. A part that cannot be read is said to be broken."""
    try:
        reader = Reader(staff, roles.units_of(staff))
    except Error as error:
        return [_unread(_("Số liệu"), error)]
    found: list[Figure] = []
    for right, label, look in _LOOKS:
        # What is of the whole portal is no unit's to see: its rights are those of who sees all.
        if staff.has_perm(right):
            try:
                found += look(reader)
            except Error as error:
                found.append(_unread(str(label), error))
    return found


def _unread(label: str, error: Error) -> Figure:
    # Only the kind: what the database says repeats values.
    logger.warning("a part of the first page cannot be read: %s", type(error).__name__)
    return Figure(label, _("không đọc được"), Light.BROKEN)


def _coverage(reader: Reader) -> Iterator[Figure]:
    sums = _counted(reader)
    people = People("")

    def of_all(part: int) -> str:
        share = percent(Share(part, sums.accounts).percent)
        return _("%(percent)s số tài khoản") % {"percent": share}

    locked = _("trong đó %(count)s đang khóa") % {"count": number(sums.locked)}
    yield Figure(
        _("Tài khoản đang dùng"), number(sums.accounts), Light.GOOD, locked, href=people.all
    )
    yield Figure(
        _("Đã xác thực số điện thoại"),
        number(sums.phones),
        _look_unless(sums.phones == sums.accounts),
        of_all(sums.phones),
        people.phones,
    )
    for label, count, href in (
        (_("Còn mật khẩu mặc định"), sums.default_passwords, people.default_passwords),
        (_("Chưa đăng nhập lần nào"), sums.never_logged_in, people.never_logged_in),
    ):
        yield Figure(label, number(count), _look_unless(not count), of_all(count), href)


_kept: dict[frozenset[int] | None, tuple[float, Figures]] = {}


def _counted(reader: Reader) -> Figures:
    """Count accounts, or give what was counted in this process within a minute."""
    counted_at, sums = _kept.get(reader.scope, (-math.inf, Figures()))
    if time.monotonic() - counted_at > FRESH:
        sums = sum(history.current(reader.units).values(), Figures())
        _keep(_kept, reader, (time.monotonic(), sums))
    return sums


def _keep(kept: dict[frozenset[int] | None, Kept], reader: Reader, counted: Kept) -> None:
    if len(kept) >= SCOPES_KEPT:
        kept.clear()
    kept[reader.scope] = counted


def _queue(_reader: Reader) -> Iterator[Figure]:
    due = Message.objects.filter(state=Message.State.QUEUED, due_at__lte=Now())
    sums = due.aggregate(count=Count("pk"), waited=Max(Now() - F("due_at")))
    waited = sums["waited"] or dt.timedelta()
    silent = life.silent()
    light = Light.BROKEN if silent else _look_unless(waited <= LONGEST_QUEUE)
    seconds = number(int(waited.total_seconds()))
    detail = _("tin chờ lâu nhất %(seconds)s giây") % {"seconds": seconds}
    if "sender" in silent:
        detail = _("Tiến trình gửi tin KHÔNG CHẠY; %(detail)s") % {"detail": detail}
    elif silent:
        detail = _("Tiến trình làm việc nền KHÔNG CHẠY; %(detail)s") % {"detail": detail}
    yield Figure(
        _("Tin đang chờ gửi"),
        number(sums["count"]),
        light,
        detail,
        reverse("admin:otp_message_changelist"),
    )


def _gateways(_reader: Reader) -> Iterator[Figure]:
    used = gateways.in_use()
    paused = set(GatewayState.objects.paused().filter(name__in=used).values_list("name", flat=True))
    yield Figure(
        _("Nhà cung cấp SMS đang dùng"),
        _("%(open)s trên %(all)s") % {"open": len(used) - len(paused), "all": len(used)},
        Light.BROKEN if paused >= set(used) else _look_unless(not paused),
        _("tạm dừng vì lỗi: %(names)s") % {"names": ", ".join(sorted(paused))} if paused else "",
        reverse("admin:otp_gatewaystate_changelist"),
    )


def _codes(_reader: Reader) -> Iterator[Figure]:
    today = office.today()
    codes = _codes_of(today)
    shown = {name: number(count) for name, count in codes.counts.items()}
    detail = _("đã gửi %(SENT)s, đã dùng %(USED)s, gửi không được %(WRONG)s") % shown
    if codes.are_many:
        detail = _as_of(codes.at, detail)
    yield Figure(
        _("Lượt yêu cầu mã hôm nay"),
        shown["asked"],
        _look_unless(not codes.counts["WRONG"]),
        detail,
        lists.codes(first=today),
    )


def _as_of(at: dt.datetime, detail: str) -> str:
    shown = time_format(timezone.localtime(at, OFFICE_ZONE), "H:i:s")
    return _("%(detail)s (đếm lúc %(at)s)") % {"detail": detail, "at": shown}


@dataclass(frozen=True)
class _Codes:
    """What became of a day's codes, as it stood at a time."""

    day: dt.date
    at: dt.datetime
    until: float  # when they are counted anew, by the clock that only goes on
    counts: dict[str, int]

    @property
    def are_many(self) -> bool:
        return self.counts["asked"] > MANY_CODES


_kept_codes: list[_Codes] = []


def _codes_of(day: dt.date) -> _Codes:
    """Count the codes of a day; many, as this process did within a minute, and the page says so."""
    for kept in _kept_codes:
        if kept.day == day and kept.until > time.monotonic():
            return kept
    counts = of_day(day).aggregate(
        asked=Count("pk"),
        **{
            fate.name: Count("pk", filter=with_fate(fate, CARRIER))
            for fate in (Fate.SENT, Fate.USED, Fate.WRONG)
        },
    )
    codes = _Codes(day, timezone.now(), time.monotonic() + FRESH, counts)
    _kept_codes[:] = [codes] if codes.are_many else []
    return codes


def forget() -> None:
    """Count all anew, for tests."""
    _kept.clear()
    _kept_codes.clear()
    _kept_campaigns.clear()


def _campaigns(reader: Reader) -> Iterator[Figure]:
    """Tell of each running campaign how many of those whom the reader may see are done."""
    found = _campaigns_of(reader)
    if not found.rows:
        page = reverse("accounts:campaigns")
        yield Figure(_("Chiến dịch đang chạy"), number(0), Light.GOOD, href=page)
    for page, pk, name, people, waiting in found.rows:
        share = percent(Share(people - waiting, people).percent)
        words = {"done": number(people - waiting), "people": number(people)}
        detail = _("%(done)s trên %(people)s người đã xong") % words
        # The IT of a unit reads of a campaign over more than its units on the list of all.
        whole = reader.units is None or page == "accounts:phone-campaign"
        yield Figure(
            _("Chiến dịch: %(name)s") % {"name": name},
            share,
            _look_unless(not waiting),
            _as_of(found.at, detail) if found.at else detail,
            reverse(page, args=[pk]) if whole else reverse("accounts:campaigns"),
        )


@dataclass(frozen=True)
class _Campaigns:
    """How far running campaigns are among somebody's people, as it stood at a time."""

    running: frozenset[tuple[str, int]]
    rows: list[tuple[str, int, str, int, int]]  # page, key, name, people, and waited for
    at: dt.datetime | None  # of many only
    until: float  # when they are counted anew, by the clock that only goes on


_kept_campaigns: dict[frozenset[int] | None, _Campaigns] = {}


def _campaigns_of(reader: Reader) -> _Campaigns:
    """Count the people of what runs now; many, as this process did within a minute."""
    running = frozenset(
        (page, pk)
        for page, model in (("campaign", Campaign), ("phone-campaign", PhoneCampaign))
        for pk in model.objects.filter(state=model.State.RUNNING).values_list("pk", flat=True)
    )
    kept = _kept_campaigns.get(reader.scope)
    if kept and kept.running == running and kept.until > time.monotonic():
        return kept
    rows = [*_progress_of_all(reader)] if running else []
    at = timezone.now() if sum(row[3] for row in rows) > MANY_PEOPLE else None
    found = _Campaigns(running, rows, at, time.monotonic() + FRESH)
    if at:
        _keep(_kept_campaigns, reader, found)
    return found


def _progress_of_all(reader: Reader) -> Iterator[tuple[str, int, str, int, int]]:
    for page, model, still in (
        ("accounts:campaign", CampaignMember, Q(outcome=CampaignMember.Outcome.OPEN)),
        ("accounts:phone-campaign", PhoneMember, Q(outcome__in=WAITING)),
    ):
        members = model.objects.filter(reader.within("account"), campaign__state="running")
        rows = members.order_by("-campaign").values_list("campaign", "campaign__name")
        counted = rows.annotate(people=Count("pk"), waiting=Count("pk", filter=still))
        for row in counted[:CAMPAIGNS_SHOWN]:
            yield page, *row


def _jobs(_reader: Reader) -> Iterator[Figure]:
    readings = records.readings()
    late = [_(each.task.label) for each in readings if each.is_overdue]
    failing = [_(each.task.label) for each in readings if each.row.failures]
    yield Figure(
        _("Việc tự chạy quá hạn"),
        number(len(late)),
        Light.BROKEN if late else _look_unless(not failing),
        ", ".join(late)
        or (_("lỗi lần gần nhất: %(tasks)s") % {"tasks": ", ".join(failing)} if failing else ""),
        reverse("admin:accounts_upkeep_changelist"),
    )


def _waiting(reader: Reader) -> Iterator[Figure]:
    """Count what waits for an answer or a second person, all in one statement."""
    asked = DataRequest.objects.filter(reader.within("account"))
    listed = removals.within(reader.units)
    rows: dict[str, tuple[Right, QuerySet[Any]]] = {
        "proposals": (
            Right.APPROVE_PHONE,
            decisions.PHONE.open_to(reader.staff).filter(reader.within("account")),
        ),
        "factors": (
            Right.APPROVE_PHONE,
            decisions.FACTOR.open_to(reader.staff).filter(reader.within("account")),
        ),
        "waiting": (Right.ANSWER_REQUESTS, asked.open()),
        "overdue": (Right.ANSWER_REQUESTS, asked.overdue()),
        "removals": (Right.REMOVE_ACCOUNTS, Removal.objects.open().filter(pk__in=listed)),
    }
    counted = [
        found.order_by().values_list(Value(name)).annotate(Count("pk"))
        for name, (right, found) in rows.items()
        if reader.staff.has_perm(right)
    ]
    if not counted:
        return
    counts = Counter(dict(counted[0].union(*counted[1:], all=True)))
    if reader.staff.has_perm(Right.APPROVE_PHONE):
        label = _("Đề nghị đổi số chờ người thứ hai")
        yield _second_look(label, counts["proposals"], "accounts:waiting")
    if counts["factors"]:
        label = _("Đề nghị bỏ xác thực hai lớp chờ người thứ hai")
        yield _second_look(label, counts["factors"], "accounts:waiting")
    if reader.staff.has_perm(Right.ANSWER_REQUESTS):
        words = {name: number(counts[name]) for name in ("waiting", "overdue")}
        yield Figure(
            _("Yêu cầu về dữ liệu cá nhân"),
            words["waiting"],
            Light.BROKEN if counts["overdue"] else _look_unless(not counts["waiting"]),
            _("%(waiting)s chờ trả lời, %(overdue)s quá hạn") % words,
            reverse("accounts:data-requests"),
        )
    if reader.staff.has_perm(Right.REMOVE_ACCOUNTS):
        label = _("Đề nghị xóa chờ người thứ hai")
        yield _second_look(label, counts["removals"], "accounts:removals")


def _second_look(label: str, count: int, page: str) -> Figure:
    return Figure(label, number(count), _look_unless(not count), href=reverse(page))


def _look_unless(fine: bool) -> Light:  # noqa: FBT001  (the question itself)
    return Light.GOOD if fine else Light.LOOK


_LOOKS: tuple[tuple[Right, Any, Look], ...] = (
    (Right.VIEW_MESSAGES, gettext_lazy("Tin đang chờ gửi"), _queue),
    (Right.VIEW_GATEWAYS, gettext_lazy("Nhà cung cấp SMS đang dùng"), _gateways),
    (Right.VIEW_CODES, gettext_lazy("Lượt yêu cầu mã hôm nay"), _codes),
    (Right.VIEW_UPKEEP, gettext_lazy("Việc tự chạy quá hạn"), _jobs),
    (Right.USE_DESK, gettext_lazy("Việc đang chờ"), _waiting),
    (Right.RUN_CAMPAIGNS, gettext_lazy("Chiến dịch đang chạy"), _campaigns),
    (Right.VIEW_REPORTS, gettext_lazy("Tài khoản đang dùng"), _coverage),
)
