"""How many accounts have their password hashed by which scheme, at which cost."""

from django.db import connection, models
from django.db.models import Sum

# In one statement: what is added meanwhile stays.
_COMPACT = """
WITH gone AS (DELETE FROM accounts_hashtally RETURNING scheme, count)
INSERT INTO accounts_hashtally (scheme, count)
SELECT scheme, sum(count)::integer FROM gone GROUP BY scheme HAVING sum(count) <> 0
"""


class HashTallyManager(models.Manager["HashTally"]):
    def totals(self) -> list[tuple[str, int]]:
        """Give each scheme and how many accounts have it, in the order of their names."""
        sums = self.values_list("scheme").annotate(total=Sum("count")).filter(total__gt=0)
        return list(sums.order_by("scheme"))

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
