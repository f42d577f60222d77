"""Counts that are kept: of each unit and of the codes by day, of password hashes as they are."""

from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.unit import Unit

# Read at each log-in.
_TOTALS = """
SELECT scheme, sum(count) FROM accounts_hashtally
GROUP BY scheme HAVING sum(count) > 0 ORDER BY scheme
"""

# In one statement: what is added meanwhile stays.
_COMPACT = """
WITH gone AS (DELETE FROM accounts_hashtally RETURNING scheme, count)
INSERT INTO accounts_hashtally (scheme, count)
SELECT scheme, sum(count)::integer FROM gone GROUP BY scheme HAVING sum(count) <> 0
"""


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
        verbose_name = _("số liệu trong ngày")
        verbose_name_plural = pgettext_lazy("plural", "số liệu trong ngày")
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
        verbose_name = _("số liệu mã trong ngày")
        verbose_name_plural = pgettext_lazy("plural", "số liệu mã trong ngày")
        constraints = [
            models.UniqueConstraint(name="code_day_once", fields=["day", "gateway"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.gateway}"


class HashTallyManager(models.Manager["HashTally"]):
    def totals(self) -> list[tuple[str, int]]:
        """Give each scheme and how many accounts have it, in the order of their names."""
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS)
            totals: list[tuple[str, int]] = cursor.fetchall()
        return totals

    def compact(self) -> None:
        """Sum up the rows of each scheme."""
        with connection.cursor() as cursor:
            cursor.execute(_COMPACT)


class HashTally(models.Model):
    """So many accounts more, or fewer, whose hashes begin with `scheme`.

    Rows are added by triggers on the accounts and never changed, so nobody waits for another. ""
    stands for accounts that have no hash here.
    """

    scheme = models.CharField(max_length=100, blank=True)
    count = models.IntegerField()

    objects = HashTallyManager()

    def __str__(self) -> str:
        return f"{self.scheme} {self.count:+}"
