"""What runs by itself, and when: the one list of it."""

import datetime as dt
from dataclasses import dataclass

from croniter import croniter
from django.conf import settings
from django.utils.translation import gettext_noop as _

from otp.models import OFFICE_ZONE

LATE = dt.timedelta(hours=2)  # beyond its time, before a task counts as overdue
OFTEN = 5  # minutes


@dataclass(frozen=True)
class Task:
    """A command of `manage.py`: due every day at an hour of the office, every hour, or more often.

    `often` is the number of minutes from one run to the next, instead of an hour.
    """

    name: str
    label: str
    minute: int
    hour: int | None = None
    arguments: tuple[str, ...] = ()
    often: int = 0

    @property
    def every(self) -> dt.timedelta:
        if self.often:
            return dt.timedelta(minutes=self.often)
        return dt.timedelta(hours=1) if self.hour is None else dt.timedelta(days=1)

    @property
    def cron(self) -> str:
        """Give its times as cron has them, in UTC, which is the clock of the schedule."""
        if self.often:
            return f"{self.minute}-59/{self.often} * * * *"
        if self.hour is None:
            return f"{self.minute} * * * *"
        return f"{self.minute} {_utc(self.hour)} * * *"

    def next_run(self, now: dt.datetime) -> dt.datetime:
        due: dt.datetime = croniter(self.cron, now.astimezone(dt.UTC)).get_next(dt.datetime)
        return due

    def is_overdue(self, last: dt.datetime, now: dt.datetime) -> bool:
        return now - last > self.every + LATE


def _utc(hour: int) -> int:
    # The zone of the office knows no summer time.
    ahead = dt.datetime(2026, 1, 1, tzinfo=OFFICE_ZONE).utcoffset()
    assert ahead is not None
    return (hour - ahead // dt.timedelta(hours=1)) % 24


_ALWAYS = (
    Task("run_campaigns", _("Chiến dịch mật khẩu mặc định"), 5),
    Task("run_departures", _("Đóng tài khoản của người nghỉ việc"), 2),
    Task("run_removals", _("Xóa các tài khoản đã được xác nhận"), 20),
    Task("doubt_numbers", _("Số điện thoại không còn đúng"), 15),
    Task("snapshot", _("Số liệu trong ngày"), 50, hour=23),
    Task("prune", _("Xóa dữ liệu hết hạn lưu"), 30, hour=1),
    Task("prune_audit", _("Xóa nhật ký hết hạn lưu"), 45, hour=1),
    Task("verify_audit", _("Kiểm tra nhật ký"), 0, hour=2),
)
_DIRECTORY = Task("sync_directory", _("Đồng bộ thư mục"), 30, hour=2, arguments=("--apply",))
_BACKUP = Task("backup", _("Sao lưu"), 0, hour=3)
_SHIPPING = Task("ship_audit", _("Gửi nhật ký đến trung tâm giám sát"), 1, often=OFTEN)


def tasks() -> list[Task]:
    """Give what runs by itself in this office."""
    due = list(_ALWAYS)
    if settings.DIRECTORY:
        due.append(_DIRECTORY)
    if settings.BACKUP_DIR:
        due.append(_BACKUP)
    if settings.AUDIT_FILE or settings.AUDIT_SYSLOG:
        due.append(_SHIPPING)
    return due
