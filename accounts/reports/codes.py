"""What IT reads of codes and of what carries them: by day, by gateway, by error, by ceiling.

All of it is of the whole portal; nothing here belongs to one unit.
"""

import datetime as dt
from collections import defaultdict

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models.audit_event import AuditEvent
from accounts.reports import code_history, lists
from accounts.reports.charts import Chart, Columns, Lines, Series
from accounts.reports.code_history import Counts, Day
from accounts.reports.report import Report, Tile
from accounts.reports.tables import Row, Share, Table, number, percent
from otp import office, outbox
from otp.codes.fates import WENT_WRONG, Fate
from otp.codes.reasons import in_words, state_in_words
from otp.counting import ceilings
from otp.models import (
    LATELY,
    OFFICE_ZONE,
    GatewayState,
    Message,
)
from otp.sentences import duration

DAYS = 30
ERRORS_SHOWN = 10
UNUSED_SHOWN = 50
ERRORS_OF = dt.timedelta(days=7)

State = Message.State
Event = AuditEvent.Event

_COUNTED = (Event.CODE_WRONG, Event.PASSWORD_RESET, Event.LOGIN_FAILED)


def codes() -> Report:
    """Report on the last days' codes, gateways, errors and ceilings."""
    today = timezone.localdate()
    days = [today - dt.timedelta(days=back) for back in range(DAYS)]
    since = office.midnight(days[-1])
    counted = code_history.of_days(days)
    tries = {(day, event): count for day, event, count in _tries(since)}
    sums = {day: counted[day].total for day in days}
    by_day, by_try = _by_day(counted), _tries_by_day(days, tries)
    return Report(
        _tiles(today, sums[today]),
        [(_codes_chart(sums), by_day.key), (_tries_chart(days, tries), by_try.key)],
        [
            by_day,
            _by_gateway(counted),
            _gateways(),
            _ceilings(),
            _errors(),
            _unused(counted),
            by_try,
        ],
    )


def keep() -> None:
    """Keep the figures of the days that change no more; the report then counts the last few."""
    today = timezone.localdate()
    days = [today - dt.timedelta(days=back) for back in range(DAYS)]
    code_history.keep(days, today=today)


def _tries(since: dt.datetime) -> list[tuple[dt.date, str, int]]:
    events = AuditEvent.objects.filter(at__gte=since, event__in=_COUNTED)
    days = events.values_list(TruncDate("at", tzinfo=OFFICE_ZONE), "event").order_by()
    # Of rows, not of their keys: the index has all that is asked for.
    return list(days.annotate(count=Count("*")))


def _tiles(today: dt.date, counts: Counts) -> list[Tile]:
    waiting = outbox.oldest_waiting()
    seconds = int(waiting.total_seconds()) if waiting else 0
    return [
        Tile(
            _("Lượt yêu cầu mã hôm nay"),
            number(counts.asked),
            _("đã gửi %(count)s") % {"count": counts.sent},
            lists.codes(first=today),
        ),
        Tile(
            _("Mã đã dùng hôm nay"),
            number(counts.used),
            _("%(percent)s số mã đã gửi")
            % {"percent": percent(Share(counts.used, counts.sent).percent)},
            lists.codes(first=today, fate=Fate.USED),
        ),
        Tile(
            _("Mã không gửi được hôm nay"),
            number(counts.wrong),
            href=lists.codes(first=today, fate=Fate.WRONG),
        ),
        Tile(
            _("Tiến trình gửi tin"),
            _("đang chạy") if outbox.sender_is_alive() else _("KHÔNG CHẠY"),
            _("tin chờ lâu nhất %(seconds)s giây") % {"seconds": number(seconds)},
        ),
    ]


def _codes_chart(sums: dict[dt.date, Counts]) -> Chart:
    days = [*reversed(sums.items())]
    return Columns(
        key="ma",
        title=_("Số lượt yêu cầu mã theo ngày, %(days)s ngày gần đây") % {"days": DAYS},
        description=_("Trong %(days)s ngày có %(asked)s lượt yêu cầu mã, %(used)s mã đã dùng.")
        % {
            "days": DAYS,
            "asked": number(sum(counts.asked for counts in sums.values())),
            "used": number(sum(counts.used for counts in sums.values())),
        },
        labels=[date_format(day, "MONTH_DAY_FORMAT") for day, _counts in days],
        series=[
            Series(_("Đã dùng"), [counts.used for _day, counts in days]),
            Series(_("Đã gửi, không dùng"), [counts.idle for _day, counts in days]),
            Series(_("Gửi không được"), [counts.wrong for _day, counts in days]),
            Series(
                _("Không gửi (không có ai nhận, hoặc bị chặn)"),
                [each.asked - each.used - each.idle - each.wrong for _day, each in days],
            ),
        ],
    )


def _by_day(counted: dict[dt.date, Day]) -> Table:
    rows = []
    for day, found in counted.items():
        all_ = found.total
        rows.append(
            Row(
                (
                    day,
                    all_.asked,
                    all_.sent,
                    all_.used,
                    Share(all_.used, all_.sent),
                    all_.wrong,
                    all_.asked - all_.used - all_.idle - all_.wrong,
                    found.unused,
                ),
                lists=("", lists.codes(first=day), *(_of(day, fate) for fate in _SHOWN)),
            )
        )
    columns = (
        _("Ngày"),
        _("Được yêu cầu"),
        _("Đã gửi"),
        _("Đã dùng"),
        _("Tỷ lệ dùng"),
        _("Gửi không được"),
        _("Không gửi"),
        _("Hộp thư đã yêu cầu hết mã, không dùng"),
    )
    return Table("ma-tung-ngay", _("Mã từng ngày"), columns, rows, folded=True)


_SHOWN = (Fate.SENT, Fate.USED, Fate.USED, Fate.WRONG, Fate.NOT_SENT)


def _of(day: dt.date, fate: Fate) -> str:
    return lists.codes(first=day, fate=fate)


def _by_gateway(counted: dict[dt.date, Day]) -> Table:
    sums: dict[str, Counts] = defaultdict(Counts)
    for day in counted.values():
        for name, counts in day.by_gateway.items():
            sums[name] += counts
    sums.pop("", None)
    return Table(
        "ma-theo-nha-cung-cap",
        _("Mã theo nhà cung cấp SMS, %(days)s ngày gần đây") % {"days": DAYS},
        (_("Nhà cung cấp"), _("Giao gửi"), _("Đã gửi"), _("Đã dùng"), _("Tỷ lệ dùng"), _("Lỗi")),
        [
            Row(
                (
                    name,
                    counts.asked,
                    counts.sent,
                    counts.used,
                    Share(counts.used, counts.sent),
                    counts.wrong,
                ),
                lists=("", _by(name), *(_by(name, fate) for fate in _SHOWN[:4])),
            )
            for name, counts in sorted(sums.items())
        ],
        empty=_("Chưa gửi mã nào."),
    )


def _by(gateway: str, fate: Fate | None = None) -> str:
    first = timezone.localdate() - dt.timedelta(days=DAYS - 1)
    return lists.codes(first=first, days=DAYS, fate=fate, gateway=gateway)


def _gateways() -> Table:
    now = timezone.now()
    rows = []
    for state in GatewayState.objects.order_by("name"):
        paused = state.paused_until is not None and state.paused_until > now
        errors = state.errors_lately()
        rows.append(
            Row(
                (
                    state.name,
                    _("tạm dừng vì lỗi") if paused else _("đang dùng"),
                    errors.of,
                    errors.count,
                    state.last_success_at,
                    state.last_failure_at,
                    in_words(state.last_reason),
                )
            )
        )
    columns = (
        _("Nhà cung cấp"),
        _("Tình trạng"),
        _("Tin trong %(lately)s qua") % {"lately": duration(LATELY)},
        _("Lỗi trong %(lately)s qua") % {"lately": duration(LATELY)},
        _("Gửi được lần cuối"),
        _("Lỗi lần cuối"),
        _("Lý do lỗi cuối"),
    )
    return Table(
        "nha-cung-cap",
        _("Tình trạng nhà cung cấp SMS"),
        columns,
        rows,
        empty=_("Chưa có nhà cung cấp nào gửi tin."),
    )


def _ceilings() -> Table:
    rows = [
        Row(
            (
                reading.label.capitalize(),
                reading.count,
                reading.most,
                Share(reading.count, reading.most),
                _("gần chạm giới hạn") if reading.is_near else _("bình thường"),
            )
        )
        for reading in ceilings.readings()
    ]
    return Table(
        "tran",
        _("Giới hạn của toàn hệ thống"),
        (_("Giới hạn"), _("Hiện tại"), _("Nhiều nhất"), _("Tỷ lệ"), _("Tình trạng")),
        rows,
    )


def _errors() -> Table:
    since = timezone.now() - ERRORS_OF
    found = (
        Message.objects.filter(created_at__gte=since, state__in=WENT_WRONG)
        .values_list("channel", "gateway", "state", "reason")
        .annotate(count=Count("*"))
        .order_by("-count", "channel", "gateway", "state", "reason")[:ERRORS_SHOWN]
    )
    rows = [
        Row(
            (
                str(Message.Channel(channel).label),
                gateway,
                state_in_words(state, channel),
                in_words(reason),
                count,
            ),
            lists=(
                *("",) * 4,
                lists.messages(
                    since=since, channel=channel, gateway=gateway, state=state, reason=reason
                ),
            ),
        )
        for channel, gateway, state, reason, count in found
    ]
    return Table(
        "loi",
        _("Lỗi gửi nhiều nhất trong %(span)s") % {"span": duration(ERRORS_OF)},
        (_("Kênh"), _("Nhà cung cấp"), _("Kết quả"), _("Lý do"), _("Số tin")),
        rows,
        empty=_("Không có lỗi nào."),
    )


def _unused(counted: dict[dt.date, Day]) -> Table:
    """Name those addresses, the newest first, where the trail knows whose a keyed name is."""
    found: list[tuple[dt.date, str, int]] = []
    for day, its in counted.items():
        if its.unused and len(found) < UNUSED_SHOWN:
            whose = code_history.never_typed(day) if its.whose is None else its.whose
            found += [(day, *row) for row in whose]
    found = found[:UNUSED_SHOWN]
    trail = AuditEvent.objects.filter(
        address_key__in={key for _day, key, _count in found}, account__isnull=False
    )
    names = dict(trail.values_list("address_key", "account__address").distinct())
    return Table(
        "khong-dung",
        _("Hộp thư đã yêu cầu hết số mã trong ngày nhưng không dùng mã nào"),
        (_("Ngày"), _("Hộp thư"), _("Số mã đã gửi")),
        [Row((day, names.get(key) or _("chưa rõ"), count)) for day, key, count in found],
        note=_(
            "Có thể người khác đang yêu cầu mã thay chủ hộp thư. Hỗ trợ có thể cấp thêm một mã."
        ),
        empty=_("Không có hộp thư nào."),
    )


def _tries_chart(days: list[dt.date], tries: dict[tuple[dt.date, str], int]) -> Chart:
    shown = [*reversed(days)]
    return Lines(
        key="nhap-sai",
        title=_("Nhập sai và lấy lại mật khẩu trong từng ngày"),
        description=_("Trong %(days)s ngày có %(wrong)s lần nhập sai mã, %(reset)s lần lấy lại.")
        % {
            "days": DAYS,
            "wrong": number(sum(tries.get((day, Event.CODE_WRONG), 0) for day in days)),
            "reset": number(sum(tries.get((day, Event.PASSWORD_RESET), 0) for day in days)),
        },
        labels=[date_format(day, "MONTH_DAY_FORMAT") for day in shown],
        series=[
            Series(label, [tries.get((day, event), 0) for day in shown])
            for event, label in (
                (Event.CODE_WRONG, _("Nhập sai mã")),
                (Event.PASSWORD_RESET, _("Lấy lại được mật khẩu")),
            )
        ],
    )


def _tries_by_day(days: list[dt.date], tries: dict[tuple[dt.date, str], int]) -> Table:
    rows = [
        Row(
            (day, *(tries.get((day, event), 0) for event in _COUNTED)),
            lists=("", *(lists.audit(first=day, event=event) for event in _COUNTED)),
        )
        for day in days
    ]
    return Table(
        "nhap-sai-tung-ngay",
        _("Nhập sai, lấy lại mật khẩu từng ngày"),
        (_("Ngày"), _("Nhập sai mã"), _("Lấy lại được mật khẩu"), _("Đăng nhập không thành công")),
        rows,
        folded=True,
    )
