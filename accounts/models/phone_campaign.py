"""What is kept of a campaign for phone numbers, and what PostgreSQL refuses of it."""

import datetime as dt
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.account import Account
from accounts.models.campaign import AnyCampaign, states_have_their_times
from accounts.models.phone_state import missing, months_before
from otp.models import Message

MOST_REMINDERS = 10  # days on which a campaign reminds by mail
MOST_POSTPONEMENTS = 20
MOST_MONTHS = 60


class PhoneCampaign(AnyCampaign):
    """One round of asking the people of some units for a number that is theirs, and confirmed."""

    KIND = "phone"

    kinds = ArrayField(models.CharField(max_length=16), verbose_name=_("loại hộp thư"))
    older_than = models.SmallIntegerField(_("xác thực đã quá số tháng"), null=True)
    reminder_days = ArrayField(models.DateField(), verbose_name=_("các ngày nhắc bằng thư"))
    asked_first_from = models.DateField(_("bắt buộc khi đăng nhập từ ngày"))
    postponements = models.SmallIntegerField(_("số lần được để sau"))

    class Meta:
        verbose_name = _("chiến dịch số điện thoại")
        verbose_name_plural = pgettext_lazy("plural", "chiến dịch số điện thoại")
        constraints = [
            *states_have_their_times("phone_campaign"),
            models.CheckConstraint(
                name="phone_campaign_known_kinds",
                condition=Q(kinds__contained_by=["person", "organisation"], kinds__len__gt=0),
            ),
            models.CheckConstraint(
                name="phone_campaign_reminds_before_it_insists",
                condition=Q(
                    reminder_days__len__range=(1, MOST_REMINDERS),
                    reminder_days__0__lte=F("asked_first_from"),
                ),
            ),
            models.CheckConstraint(
                name="phone_campaign_numbers_in_bounds",
                condition=Q(postponements__range=(0, MOST_POSTPONEMENTS))
                & (Q(older_than__isnull=True) | Q(older_than__range=(1, MOST_MONTHS))),
            ),
        ]

    def get_absolute_url(self) -> str:
        return reverse("accounts:phone-campaign", args=[self.pk])

    @property
    def on_record(self) -> dict[str, Any]:
        return {"campaign": self.pk, "kind": self.KIND}

    @property
    def first_day(self) -> dt.date:
        return min(self.reminder_days)

    @property
    def confirmed_since(self) -> dt.datetime | None:
        """Give the time before which a confirmation is too old; None where none is."""
        return months_before(self.first_day, self.older_than) if self.older_than else None

    @property
    def is_stopped(self) -> bool:
        return self.state == self.State.STOPPED

    @property
    def may_resume(self) -> bool:
        return self.is_stopped and self.started_at is not None

    @property
    def insists(self) -> bool:
        """Whether the number is asked for first by now."""
        return self.asked_first_from <= timezone.localdate()

    def missing(self, *, of: str = "") -> Q:
        """Keep accounts whose number this campaign is not content with."""
        return missing(self.confirmed_since, of=of)


class PhoneMemberQuerySet(models.QuerySet["PhoneMember"]):
    def asking(self, account: Account) -> "PhoneMember | None":
        """Find the place by which a running campaign asks `account` for a number today."""
        member = (
            self.filter(
                account=account,
                outcome=PhoneMember.Outcome.OPEN,
                campaign__state=PhoneCampaign.State.RUNNING,
            )
            .select_related("campaign")
            .first()
        )
        if member is None or member.campaign.first_day > timezone.localdate():
            return None
        still = Account.objects.filter(member.campaign.missing(), pk=account.pk)
        return member if still.exists() else None

    def still_missing(self, campaign: PhoneCampaign) -> Self:
        """Keep those who have not done it, whether or not a run has looked since."""
        return self.filter(
            campaign.missing(of="account__"), outcome=PhoneMember.Outcome.OPEN, campaign=campaign
        )


class PhoneMember(models.Model):
    """Somebody whom a campaign asks for a number: how often, and what became of it."""

    class Outcome(models.TextChoices):
        OPEN = "", _("chưa cập nhật")
        CONFIRMED = "confirmed", _("đã cập nhật")
        EXCUSED = "excused", _("được miễn")
        LEFT = "left", _("ra khỏi danh sách")
        STOPPED = "stopped", _("chiến dịch dừng")

    campaign = models.ForeignKey(PhoneCampaign, on_delete=models.PROTECT, related_name="members")
    # An account that is removed leaves its place in the count.
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    reminders_sent = models.SmallIntegerField(_("số lần đã nhắc"), db_default=0)
    last_reminded_on = models.DateField(_("nhắc gần nhất"), null=True)
    mail = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    postponements_left = models.SmallIntegerField(_("số lần còn được để sau"))
    outcome = models.CharField(
        _("kết quả"), max_length=16, choices=Outcome, default=Outcome.OPEN, blank=True
    )
    decided_on = models.DateField(_("ngày có kết quả"), null=True)

    objects = PhoneMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("người được yêu cầu cập nhật số điện thoại")
        verbose_name_plural = pgettext_lazy("plural", "người được yêu cầu cập nhật số điện thoại")
        constraints = [
            models.UniqueConstraint(name="phone_member_once", fields=["campaign", "account"]),
            models.UniqueConstraint(
                name="phone_member_of_one_open_campaign",
                fields=["account"],
                condition=Q(outcome=""),
            ),
            models.CheckConstraint(
                name="phone_member_reminders_have_their_day",
                condition=Q(reminders_sent=0, last_reminded_on__isnull=True)
                | Q(reminders_sent__gt=0, last_reminded_on__isnull=False),
            ),
            models.CheckConstraint(
                name="phone_member_postpones_no_more_than_allowed",
                condition=Q(postponements_left__gte=0),
            ),
            models.CheckConstraint(
                name="phone_member_known_outcome",
                condition=Q(outcome__in=["", "confirmed", "excused", "left", "stopped"]),
            ),
            models.CheckConstraint(
                name="phone_member_decided_with_an_outcome",
                condition=Q(outcome="", decided_on__isnull=True)
                | (~Q(outcome="") & Q(decided_on__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                name="phone_member_open", fields=["campaign", "id"], condition=Q(outcome="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.account_id}"

    @property
    def may_postpone(self) -> bool:
        return self.postponements_left > 0 and not self.campaign.insists


class PhoneExcuse(models.Model):
    """Why somebody is not asked for a number: no campaign chases the person while this stands."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="phone_excuse")
    reason = models.CharField(_("lý do"), max_length=200)
    excused_by = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    excused_at = models.DateTimeField(_("miễn lúc"), default=timezone.now)

    class Meta:
        verbose_name = _("miễn số điện thoại")
        verbose_name_plural = pgettext_lazy("plural", "miễn số điện thoại")
        constraints = [
            models.CheckConstraint(name="phone_excuse_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}"
