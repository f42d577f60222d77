"""Requests of people about their data: what is asked, until when it is due, what came of it."""

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.account import Account
from otp import office

LONGEST_REQUEST = 1000  # characters, of the request and of the answer


class DataRequestQuerySet(models.QuerySet["DataRequest"]):
    def open(self) -> "DataRequestQuerySet":
        return self.filter(state=DataRequest.State.OPEN)

    def overdue(self) -> "DataRequestQuerySet":
        """Keep those whose day is over without an answer."""
        yesterday = office.today() - dt.timedelta(days=1)
        return self.due_by(yesterday)

    def due_by(self, day: dt.date) -> "DataRequestQuerySet":
        return self.open().filter(due_on__lte=day)


class DataRequest(models.Model):
    """Somebody asks for their data to be corrected or erased, and IT answers until a day."""

    class Kind(models.TextChoices):
        CORRECT = "correct", _("Sửa dữ liệu chưa đúng")
        ERASE = "erase", _("Xóa dữ liệu")
        RESTRICT = "restrict", _("Hạn chế việc dùng dữ liệu")
        OBJECT = "object", _("Phản đối việc dùng dữ liệu")

    class State(models.TextChoices):
        OPEN = "open", _("chờ trả lời")
        DONE = "done", _("đã thực hiện")
        REFUSED = "refused", _("không thực hiện")
        WITHDRAWN = "withdrawn", _("đã rút lại")

    account = models.ForeignKey(
        Account, verbose_name=_("tài khoản"), on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(_("yêu cầu"), max_length=16, choices=Kind)
    text = models.CharField(_("nội dung"), max_length=LONGEST_REQUEST)
    state = models.CharField(_("trạng thái"), max_length=16, choices=State, default=State.OPEN)
    made_at = models.DateTimeField(_("gửi lúc"), default=timezone.now)
    due_on = models.DateField(_("hạn trả lời"))
    answer = models.CharField(_("trả lời"), max_length=LONGEST_REQUEST, blank=True)
    answered_by = models.ForeignKey(
        Account,
        verbose_name=_("người trả lời"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    closed_at = models.DateTimeField(_("kết thúc lúc"), null=True)

    objects = DataRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("yêu cầu về dữ liệu cá nhân")
        verbose_name_plural = pgettext_lazy("plural", "yêu cầu về dữ liệu cá nhân")
        constraints = [
            models.UniqueConstraint(
                name="data_request_one_open_of_a_kind",
                fields=["account", "kind"],
                condition=Q(state="open"),
            ),
            models.CheckConstraint(
                name="data_request_known_kind",
                condition=Q(kind__in=["correct", "erase", "restrict", "object"]),
            ),
            models.CheckConstraint(name="data_request_says_what_is_asked", condition=~Q(text="")),
            models.CheckConstraint(
                name="data_request_closed_with_its_outcome",
                condition=Q(state="open", closed_at__isnull=True, answer="")
                | Q(state="withdrawn", closed_at__isnull=False, answer="")
                | (Q(state__in=["done", "refused"], closed_at__isnull=False) & ~Q(answer="")),
            ),
            models.CheckConstraint(
                name="data_request_answered_by_another",
                condition=Q(answered_by__isnull=True)
                | (Q(state__in=["done", "refused"]) & ~Q(answered_by=F("account"))),
            ),
        ]
        indexes = [
            models.Index(name="data_request_due", fields=["due_on"], condition=Q(state="open")),
            models.Index(
                name="data_request_closed",
                fields=["-closed_at", "-id"],
                condition=Q(closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.due_on}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.due_on < office.today()

    @property
    def asks_to_erase(self) -> bool:
        return self.kind == self.Kind.ERASE
