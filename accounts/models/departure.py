"""Who leaves the office and what becomes of their mail; which accounts are removed for good."""

import datetime as dt

from django.db import models
from django.db.models import ExpressionWrapper, F, Q, Value
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.account import Account
from accounts.models.unit import Unit


class DepartureQuerySet(models.QuerySet["Departure"]):
    def standing(self) -> "DepartureQuerySet":
        """Keep those that were not called off."""
        return self.filter(called_off_at=None)

    def due(self, today: dt.date) -> "DepartureQuerySet":
        """Keep those whose day has come and whose account is still to be shut."""
        return self.standing().filter(shut_at=None, last_day__lt=today)

    def forwarding(self) -> "DepartureQuerySet":
        """Keep those whose mail goes to another mailbox, or will."""
        day = Value(dt.timedelta(days=1))
        until = ExpressionWrapper(
            F("shut_at") + F("forward_days") * day, output_field=models.DateTimeField()
        )
        forwarding = self.standing().filter(forward_to__isnull=False).annotate(until=until)
        return forwarding.filter(Q(shut_at=None) | Q(until__gt=Now()))


class Departure(models.Model):
    """Somebody leaves: the account is shut after the last day, its mail forwarded or refused.

    The mail server reads it through its views, `mail_forwards` and `mail_refusals`.
    """

    account = models.ForeignKey(
        Account, verbose_name=_("tài khoản"), on_delete=models.CASCADE, related_name="+"
    )
    last_day = models.DateField(_("ngày làm việc cuối"))
    forward_to = models.ForeignKey(
        Account,
        verbose_name=_("chuyển thư đến"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    forward_days = models.SmallIntegerField(_("số ngày chuyển thư"), default=0)
    # Read by other mail servers, which take plain ASCII only.
    sentence = models.CharField(_("câu trả lời người gửi"), max_length=200)
    why = models.CharField(_("căn cứ"), max_length=200)
    planned_at = models.DateTimeField(_("lập lúc"), default=timezone.now)
    # Nobody once the account of who planned it is removed.
    planned_by = models.ForeignKey(
        Account, verbose_name=_("người lập"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    shut_at = models.DateTimeField(_("đóng lúc"), null=True)
    # Whether it was the departure that shut the account: only then its end opens it again.
    found_open = models.BooleanField(db_default=True)
    called_off_at = models.DateTimeField(_("hủy lúc"), null=True)

    objects = DepartureQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="departure_one_standing",
                fields=["account"],
                condition=Q(called_off_at__isnull=True),
            ),
            models.CheckConstraint(
                name="departure_forwards_for_days",
                condition=Q(forward_to__isnull=True, forward_days=0)
                | Q(forward_to__isnull=False, forward_days__range=(1, 365)),
            ),
            models.CheckConstraint(
                name="departure_not_to_oneself", condition=~Q(forward_to=F("account"))
            ),
            models.CheckConstraint(
                name="departure_sentence_is_ascii", condition=Q(sentence__regex=r"^[ -~]+$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.last_day}"


class RemovalQuerySet(models.QuerySet["Removal"]):
    def open(self) -> "RemovalQuerySet":
        """Keep those that wait for a second member of staff, and are not out of date."""
        return self.filter(state=Removal.State.OPEN, proposed_at__gt=Now() - Removal.LIFE)

    def overdue(self) -> "RemovalQuerySet":
        return self.filter(state=Removal.State.OPEN, proposed_at__lte=Now() - Removal.LIFE)


class Removal(models.Model):
    """A list of accounts to be removed for good: one member of staff proposes, another confirms.

    Who proposed and who confirmed stays on record when they are removed themselves: no constraint
    of the database holds them.
    """

    LIFE = dt.timedelta(days=14)
    WORKED_OFF_BY = "removals"  # the task of the worker that does what was confirmed

    class State(models.TextChoices):
        OPEN = "open", _("chờ xác nhận")
        CONFIRMED = "confirmed", _("đang xóa")
        DONE = "done", _("đã xóa xong")
        WITHDRAWN = "withdrawn", _("đã rút lại")
        EXPIRED = "expired", _("quá hạn, không xóa")

    why = models.CharField(_("căn cứ"), max_length=200)
    state = models.CharField(_("trạng thái"), max_length=16, choices=State, default=State.OPEN)
    proposed_at = models.DateTimeField(_("đề nghị lúc"), default=timezone.now)
    proposed_by = models.ForeignKey(
        Account,
        verbose_name=_("người đề nghị"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("quyết định lúc"), null=True)
    decided_by = models.ForeignKey(
        Account,
        verbose_name=_("người quyết định"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )

    objects = RemovalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="removal_confirmed_by_another",
                condition=~Q(state__in=["confirmed", "done"])
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
            ),
            models.CheckConstraint(
                name="removal_known_state",
                condition=Q(state__in=["open", "confirmed", "done", "withdrawn", "expired"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN and timezone.now() < self.good_until

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.CONFIRMED

    @property
    def good_until(self) -> dt.datetime:
        return self.proposed_at + self.LIFE


class RemovalMember(models.Model):
    """An account of the list, how it stood when that was drawn up, and what became of it."""

    class Outcome(models.TextChoices):
        LISTED = "", _("trong danh sách")
        SPARED = "spared", _("đã đưa ra khỏi danh sách")
        CHANGED = "changed", _("không xóa: tài khoản vừa được dùng hoặc thay đổi")
        HELD = "held", _("không xóa: còn việc phải làm trước")
        REMOVED = "removed", _("đã xóa")
        DROPPED = "dropped", _("không xóa")

    class Reason(models.TextChoices):
        STAFF = "staff", _("Cán bộ hỗ trợ hoặc quản trị: cho thôi vai trò trên máy chủ trước.")
        CUSTODY = (
            "custody",
            _("Đang phụ trách hộp thư của tổ chức: hãy bàn giao hộp thư đó cho người khác trước."),
        )
        TARGET = (
            "target",
            _("Thư của người nghỉ việc đang được chuyển đến đây: hãy đợi hết hạn hoặc hủy trước."),
        )
        FORWARDED = (
            "forwarded",
            _("Thư gửi đến còn đang được chuyển cho đơn vị: hãy đợi hết hạn chuyển thư."),
        )
        LOGGED_IN = "logged-in", _("Đã đăng nhập sau khi lập danh sách.")
        PASSWORD = "password", _("Đã đổi mật khẩu sau khi lập danh sách.")
        UNLOCKED = "unlocked", _("Đã được mở khóa sau khi lập danh sách.")
        OPENED = "opened", _("Đã được mở lại sau khi lập danh sách.")

    removal = models.ForeignKey(Removal, on_delete=models.PROTECT, related_name="members")
    # An account that is removed leaves its place in the count.
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    unit = models.ForeignKey(Unit, null=True, on_delete=models.SET_NULL, related_name="+")
    # How it stood: whatever of it is no longer so takes it out of the list.
    last_login = models.DateTimeField(null=True)
    password_changed_at = models.DateTimeField(null=True)
    was_locked = models.BooleanField()
    was_active = models.BooleanField()
    outcome = models.CharField(
        _("kết quả"), max_length=16, choices=Outcome, default=Outcome.LISTED, blank=True
    )
    reason = models.CharField(_("lý do"), max_length=32, choices=Reason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="removal_member_once", fields=["removal", "account"]),
            models.UniqueConstraint(
                name="removal_member_of_one_open_list", fields=["account"], condition=Q(outcome="")
            ),
            models.CheckConstraint(
                name="removal_member_known_outcome",
                condition=Q(outcome__in=["", "spared", "changed", "held", "removed", "dropped"]),
            ),
        ]
        indexes = [
            models.Index(
                name="removal_member_listed", fields=["removal", "id"], condition=Q(outcome="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.removal_id}: {self.account_id}"
