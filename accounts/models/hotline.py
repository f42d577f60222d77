"""What the hotline gave or proposed: extra codes, reopened recoveries, what takes two people."""

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.account import STORED_PHONE, Account


class DailyHelp(models.Model):
    """Help round the office's limits: of each kind at most one a day for an account (AD-10)."""

    class Kind(models.TextChoices):
        CODE = "code", _("thêm một mã")
        REOPENING = "reopening", _("mở lại việc lấy lại mật khẩu")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    local_day = models.DateField()
    given_at = models.DateTimeField(default=timezone.now)
    # The keyed name of the word that opens an extra code, and when it was used.
    word_key = models.CharField(max_length=64, blank=True, db_default="", default="")
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="help_once_a_day", fields=["account", "kind", "local_day"]
            ),
            models.CheckConstraint(
                name="help_used_by_its_word", condition=Q(used_at__isnull=True) | ~Q(word_key="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.local_day}"

    @property
    def is_open(self) -> bool:
        """Whether an extra code can still be asked for with its word."""
        return bool(self.word_key) and self.used_at is None


class Proposal(models.Model):
    """What one member of staff proposes for an account, and another approves."""

    LIFE = dt.timedelta(days=3)

    class State(models.TextChoices):
        OPEN = "open", _("chờ duyệt")
        APPROVED = "approved", _("đã duyệt")
        DECLINED = "declined", _("không duyệt")
        EXPIRED = "expired", _("quá hạn")

    account = models.ForeignKey(
        Account, verbose_name=_("tài khoản"), on_delete=models.CASCADE, related_name="+"
    )
    evidence = models.CharField(_("căn cứ"), max_length=300)
    ticket = models.CharField(_("số phiếu"), max_length=32)
    state = models.CharField(_("trạng thái"), max_length=16, choices=State, default=State.OPEN)
    proposed_at = models.DateTimeField(_("đề nghị lúc"), default=timezone.now)
    proposed_by = models.ForeignKey(
        Account, verbose_name=_("người đề nghị"), on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("quyết định lúc"), null=True)
    decided_by = models.ForeignKey(
        Account,
        verbose_name=_("người duyệt"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        abstract = True

    @classmethod
    def waits(cls) -> Q:
        """Say which wait for a second member of staff, and are not out of date."""
        return Q(state=cls.State.OPEN, proposed_at__gt=Now() - cls.LIFE)


class ProposalQuerySet(models.QuerySet["PhoneProposal"]):
    def open(self) -> "ProposalQuerySet":
        return self.filter(PhoneProposal.waits())


class PhoneProposal(Proposal):
    """A new number for somebody who lost both SIM and password (AD-09, PH-03).

    The number stands here in full only while it waits.
    """

    phone = models.CharField(max_length=16, blank=True, editable=False)
    phone_masked = models.CharField(_("số mới"), max_length=16)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="proposal_one_open", fields=["account"], condition=Q(state="open")
            ),
            models.CheckConstraint(
                name="proposal_approved_by_another",
                condition=~Q(state="approved")
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
            ),
            models.CheckConstraint(
                name="proposal_not_for_oneself",
                condition=~Q(account=F("proposed_by"))
                & (Q(decided_by__isnull=True) | ~Q(account=F("decided_by"))),
            ),
            models.CheckConstraint(
                name="proposal_forgets_the_number",
                condition=Q(phone__regex=STORED_PHONE) & (Q(state="open") | Q(phone="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.phone_masked}"


class FactorProposalQuerySet(models.QuerySet["FactorProposal"]):
    def open(self) -> "FactorProposalQuerySet":
        return self.filter(FactorProposal.waits())


class FactorProposal(Proposal):
    """To take the second factor from somebody who lost app and recovery codes."""

    objects = FactorProposalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="factor_proposal_one_open", fields=["account"], condition=Q(state="open")
            ),
            models.CheckConstraint(
                name="factor_proposal_approved_by_another",
                condition=~Q(state="approved")
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
            ),
            models.CheckConstraint(
                name="factor_proposal_not_for_oneself",
                condition=~Q(account=F("proposed_by"))
                & (Q(decided_by__isnull=True) | ~Q(account=F("decided_by"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.state}"
