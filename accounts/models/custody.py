"""Custody: who is responsible for an organisation's mailbox, and who is the deputy."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.account import Account


class CustodyQuerySet(models.QuerySet["Custody"]):
    def of_nobody(self) -> "CustodyQuerySet":
        """Keep those whose responsible person has left, is locked, or is not named any more."""
        return self.filter(
            Q(responsible=None)
            | Q(responsible__is_active=False)
            | Q(responsible__locked_at__isnull=False)
        )


class Custody(models.Model):
    """By which decision a mailbox is whose to look after; its codes go to their number."""

    mailbox = models.OneToOneField(
        Account, verbose_name=_("hộp thư"), on_delete=models.CASCADE, related_name="custody"
    )
    responsible = models.ForeignKey(
        Account,
        verbose_name=_("người phụ trách"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="mailboxes",
    )
    deputy = models.ForeignKey(
        Account,
        verbose_name=_("người thay"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="mailboxes_as_deputy",
    )
    decision = models.CharField(_("số quyết định"), max_length=64)
    since = models.DateTimeField(_("từ lúc"), default=timezone.now)

    objects = CustodyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="custody_by_two_others",
                condition=(Q(responsible=None) | ~Q(responsible=F("mailbox")))
                & (Q(deputy=None) | ~Q(deputy=F("mailbox")))
                & (Q(responsible=None) | Q(deputy=None) | ~Q(responsible=F("deputy"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox_id}: {self.responsible_id}"
