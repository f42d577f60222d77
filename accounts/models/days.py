"""The figures of days gone by, as the reports keep them: of each unit, and of the codes."""

from django.db import models

from accounts.models.unit import Unit


class UnitDay(models.Model):
    """How the accounts of one unit, without those below it, stood on one day."""

    # No unit: accounts that belong to none.
    unit = models.ForeignKey(Unit, null=True, on_delete=models.CASCADE, related_name="+")
    day = models.DateField(db_index=True)
    accounts = models.IntegerField()
    phones = models.IntegerField()
    default_passwords = models.IntegerField()
    never_logged_in = models.IntegerField()
    locked = models.IntegerField()

    class Meta:
        verbose_name = "số liệu trong ngày"
        verbose_name_plural = "số liệu trong ngày"
        constraints = [
            models.UniqueConstraint(
                name="unit_day_once", fields=["unit", "day"], nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.unit_id}"


class CodeDay(models.Model):
    """What became of one day's codes; of a day that is kept, one row has no gateway."""

    day = models.DateField()
    gateway = models.CharField(max_length=32, blank=True)  # "": carried by none
    asked = models.IntegerField()
    sent = models.IntegerField()
    used = models.IntegerField()
    idle = models.IntegerField()
    wrong = models.IntegerField()
    # Addresses that spent all their codes and typed none; in the row without a gateway.
    unused = models.IntegerField(default=0)

    class Meta:
        verbose_name = "số liệu mã trong ngày"
        verbose_name_plural = "số liệu mã trong ngày"
        constraints = [
            models.UniqueConstraint(name="code_day_once", fields=["day", "gateway"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.gateway}"
