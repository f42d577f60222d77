"""The figures of a unit on one day."""

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
