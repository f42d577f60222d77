"""What is kept of a campaign, and of one against default passwords, and what PostgreSQL refuses."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.account import Account
from accounts.models.unit import Unit
from otp.models import Message

# Days before the lock on which people are warned, the first first. The constraints below are built
# from it: a run that comes late moves what follows, so that everybody has the whole time. To warn
# on other days, change it here and run `makemigrations`. Rows of campaigns gone by keep their days:
# add the constraints with `AddConstraintNotValid`.
WARNED_BEFORE = (14, 7, 1)


def _days(days: int) -> dt.timedelta:
    return dt.timedelta(days=days)


def _warned_in_time() -> Q:
    """Say of each warning but the first how long after the first it may be given."""
    in_time = Q(warnings_sent__lte=1)
    for number, days in enumerate(WARNED_BEFORE[1:], start=2):
        since_first = _days(WARNED_BEFORE[0] - days)
        in_time |= Q(warnings_sent=number, last_warned_on__gte=F("first_warned_on") + since_first)
    return in_time


class AnyCampaign(models.Model):
    """What a campaign has, whatever it is for: a name, units, and how far it has come."""

    KIND: ClassVar[str]  # in the audit trail

    class State(models.TextChoices):
        PLANNED = "planned", _("đang soạn")
        RUNNING = "running", _("đang chạy")
        DONE = "done", _("đã xong")
        STOPPED = "stopped", _("đã dừng")

    name = models.CharField(_("tên chiến dịch"), max_length=100)
    basis = models.CharField(_("căn cứ"), max_length=200)
    units = models.ManyToManyField(Unit, verbose_name=_("đơn vị"), related_name="+")
    state = models.CharField(_("trạng thái"), max_length=16, choices=State, default=State.PLANNED)
    created_at = models.DateTimeField(_("lập lúc"), default=timezone.now)
    created_by = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(_("bắt đầu lúc"), null=True)
    started_by = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    ended_at = models.DateTimeField(_("kết thúc lúc"), null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def on_record(self) -> dict[str, Any]:
        """Give the details by which the audit trail names it."""
        return {"campaign": self.pk}

    @property
    def is_planned(self) -> bool:
        return self.state == self.State.PLANNED

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


def states_have_their_times(prefix: str) -> list[models.BaseConstraint]:
    """Refuse a campaign in no known state, or without the times that belong to it."""
    return [
        models.CheckConstraint(
            name=f"{prefix}_known_state",
            condition=Q(state__in=["planned", "running", "done", "stopped"]),
        ),
        models.CheckConstraint(
            name=f"{prefix}_runs_once_started",
            condition=~Q(state__in=["running", "done"]) | Q(started_at__isnull=False),
        ),
        models.CheckConstraint(
            name=f"{prefix}_ends_when_it_is_over",
            condition=(Q(ended_at__isnull=False) | ~Q(state__in=["done", "stopped"]))
            & (Q(ended_at__isnull=True) | ~Q(state__in=["planned", "running"])),
        ),
    ]


class Campaign(AnyCampaign):
    """One round of warning, and then locking, the accounts of some units."""

    KIND = "password"

    first_day = models.DateField(_("ngày nhắc lần đầu"))
    lock_approved_at = models.DateTimeField(_("đồng ý khóa lúc"), null=True)
    lock_approved_by = models.ForeignKey(
        Account, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("chiến dịch")
        verbose_name_plural = pgettext_lazy("plural", "chiến dịch")
        constraints = [
            *states_have_their_times("campaign"),
            models.CheckConstraint(
                name="campaign_lock_approved_while_it_runs",
                condition=Q(lock_approved_at__isnull=True) | Q(started_at__isnull=False),
            ),
        ]

    def get_absolute_url(self) -> str:
        return reverse("accounts:campaign", args=[self.pk])

    @property
    def lock_day(self) -> dt.date:
        return self.first_day + _days(WARNED_BEFORE[0])


class CampaignMemberQuerySet(models.QuerySet["CampaignMember"]):
    def to_remove(self) -> "CampaignMemberQuerySet":
        """Keep those whom the campaign locked and who still are, with the default password."""
        return self.filter(
            outcome=CampaignMember.Outcome.LOCKED,
            account__locked_at__isnull=False,
            account__has_default_password=True,
        )


class CampaignMember(models.Model):
    """A person whom a campaign warns: on which days, and what became of it."""

    class Outcome(models.TextChoices):
        OPEN = "", _("chưa đổi mật khẩu")
        CHANGED = "changed", _("đã đổi mật khẩu")
        LOCKED = "locked", _("đã khóa")
        UNWARNED = "unwarned", _("không khóa: không chắc thư nhắc đã tới")
        LEFT = "left", _("ra khỏi danh sách")
        STOPPED = "stopped", _("chiến dịch dừng")

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="members")
    # An account that is removed leaves its place in the count.
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    warnings_sent = models.SmallIntegerField(_("số lần đã nhắc"), db_default=0)
    first_warned_on = models.DateField(_("nhắc lần đầu"), null=True)
    last_warned_on = models.DateField(_("nhắc gần nhất"), null=True)
    # The newest warning: nobody is warned further or locked whom one did not reach.
    mail = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    # Beside it, where a number gets one.
    sms = models.ForeignKey(
        Message, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    outcome = models.CharField(
        _("kết quả"), max_length=16, choices=Outcome, default=Outcome.OPEN, blank=True
    )
    decided_on = models.DateField(_("ngày có kết quả"), null=True)

    objects = CampaignMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("người được nhắc")
        verbose_name_plural = pgettext_lazy("plural", "người được nhắc")
        constraints = [
            models.UniqueConstraint(name="member_once", fields=["campaign", "account"]),
            models.UniqueConstraint(
                name="member_of_one_open_campaign", fields=["account"], condition=Q(outcome="")
            ),
            models.CheckConstraint(
                name="member_warnings_have_their_days",
                condition=Q(
                    warnings_sent=0, first_warned_on__isnull=True, last_warned_on__isnull=True
                )
                | Q(
                    warnings_sent__range=(1, len(WARNED_BEFORE)),
                    first_warned_on__isnull=False,
                    last_warned_on__isnull=False,
                    last_warned_on__gte=F("first_warned_on"),
                ),
            ),
            models.CheckConstraint(
                name="member_warnings_are_days_apart", condition=_warned_in_time()
            ),
            models.CheckConstraint(
                name="member_is_locked_after_the_last_warning",
                condition=~Q(outcome="locked")
                | Q(
                    warnings_sent=len(WARNED_BEFORE),
                    decided_on__gte=F("last_warned_on") + _days(WARNED_BEFORE[-1]),
                ),
            ),
            models.CheckConstraint(
                name="member_is_locked_after_all_the_days",
                condition=~Q(outcome="locked")
                | Q(
                    first_warned_on__isnull=False,
                    decided_on__gte=F("first_warned_on") + _days(WARNED_BEFORE[0]),
                ),
            ),
            models.CheckConstraint(
                name="member_known_outcome",
                condition=Q(outcome__in=["", "changed", "locked", "unwarned", "left", "stopped"]),
            ),
            models.CheckConstraint(
                name="member_decided_with_an_outcome",
                condition=Q(outcome="", decided_on__isnull=True)
                | (~Q(outcome="") & Q(decided_on__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(name="member_open", fields=["campaign", "id"], condition=Q(outcome="")),
            # For the nightly deletion of messages.
            models.Index(name="member_sms", fields=["sms"], condition=Q(sms__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.account_id}"
