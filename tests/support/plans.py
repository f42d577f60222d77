"""How PostgreSQL would read what a page asks for, were its tables large."""

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext


def plans_of(act, words):
    """Give the plans of those statements of an act in which there are these words.

    Tables of tests are small, so no plan may walk along a whole one.
    """
    with CaptureQueriesContext(connection) as asked:
        act()
    statements = [each["sql"] for each in asked if words in each["sql"]]
    return [_plan(statement) for statement in statements if statement.startswith("SELECT")]


def _plan(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT")
    return plan
