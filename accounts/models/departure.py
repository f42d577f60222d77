"""Who leaves the office, from which day, and what becomes of their mail."""

import datetime as dt

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.account import Account


class DepartureQuerySet(models.QuerySet["Departure"]):
    def standing(self) -> "DepartureQuerySet":
        """Keep those that were not called off."""
        return self.filter(called_off_at=None)

    def due(self, today: dt.date) -> "DepartureQuerySet":
        """Keep those whose day has come and whose account is still to be shut."""
        return self.standing().filter(shut_at=None, last_day__lt=today)


class Departure(models.Model):
    """Somebody leaves: the account is shut after the last day, its mail forwarded or refused.

    The mail server reads it through its views, `mail_forwards` and `mail_refusals`.
    """

    account = models.ForeignKey(
        Account, verbose_name="tài khoản", on_delete=models.CASCADE, related_name="+"
    )
    last_day = models.DateField("ngày làm việc cuối")
    forward_to = models.ForeignKey(
        Account,
        verbose_name="chuyển thư đến",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    forward_days = models.SmallIntegerField("số ngày chuyển thư", default=0)
    # Read by other mail servers, which take plain ASCII only.
    sentence = models.CharField("câu trả lời người gửi", max_length=200)
    why = models.CharField("căn cứ", max_length=200)
    planned_at = models.DateTimeField("lập lúc", default=timezone.now)
    planned_by = models.ForeignKey(
        Account, verbose_name="người lập", on_delete=models.PROTECT, related_name="+"
    )
    shut_at = models.DateTimeField("đóng lúc", null=True)
    called_off_at = models.DateTimeField("hủy lúc", null=True)

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
                name="departure_not_to_oneself", condition=~Q(forward_to=models.F("account"))
            ),
            models.CheckConstraint(
                name="departure_sentence_is_ascii", condition=Q(sentence__regex=r"^[ -~]+$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.last_day}"

    @property
    def forwards_until(self) -> dt.datetime | None:
        """Until when mail is forwarded; None where it is refused, or the account not yet shut."""
        if self.shut_at is None or not self.forward_days:
            return None
        return self.shut_at + dt.timedelta(days=self.forward_days)
