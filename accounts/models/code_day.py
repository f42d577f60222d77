"""The figures of a day's codes, by the gateway that carried them."""

from django.db import models


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
