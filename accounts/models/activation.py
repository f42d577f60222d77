"""Slips of paper by which newcomers get in: to whom one was given, and what became of it."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.account import Account


class SlipQuerySet(models.QuerySet["ActivationSlip"]):
    def open(self) -> "SlipQuerySet":
        """Keep those that were neither used nor replaced; they may be out of date."""
        return self.filter(used_at=None, ended_at=None)


class ActivationSlip(models.Model):
    """One printed slip. Its code is nowhere: it is derived from the pepper and the random id."""

    class State(models.TextChoices):
        WAITING = "cho", _("chưa dùng")
        USED = "da-dung", _("đã dùng")
        EXPIRED = "qua-han", _("quá hạn")
        ENDED = "da-huy", _("đã hủy hoặc thay bằng phiếu mới")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        Account, verbose_name=_("tài khoản"), on_delete=models.CASCADE, related_name="+"
    )
    pepper_id = models.CharField(max_length=8)
    given_at = models.DateTimeField(_("in lúc"), default=timezone.now)
    good_until = models.DateTimeField(_("dùng được đến"))
    # Nobody once the account of who printed it is removed.
    given_by = models.ForeignKey(
        Account, verbose_name=_("người in"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    used_at = models.DateTimeField(_("dùng lúc"), null=True)
    ended_at = models.DateTimeField(_("hủy lúc"), null=True)  # given again, or taken back

    objects = SlipQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="slip_newest", fields=["-given_at"])]
        constraints = [
            models.UniqueConstraint(
                name="slip_one_open",
                fields=["account"],
                condition=Q(used_at__isnull=True, ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="slip_used_or_ended",
                condition=Q(used_at__isnull=True) | Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def state_at(self, now: dt.datetime) -> State:
        if self.used_at:
            return self.State.USED
        if self.ended_at:
            return self.State.ENDED
        return self.State.WAITING if now < self.good_until else self.State.EXPIRED
