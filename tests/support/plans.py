"""How PostgreSQL would read what a page asks for, were its tables large."""

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext


def plans_of(act, words, *, bitmaps=True, sorts=True):
    """Give the plans of those statements of an act in which there are these words.

    Tables of tests are small, so no plan may walk along a whole one. Where nothing in them was
    vacuumed, a bitmap often costs less than the index that holds all that is asked for; where all
    was, sorting costs less than the index that has it in order.
    """
    with CaptureQueriesContext(connection) as asked:
        act()
    statements = [each["sql"] for each in asked if words in each["sql"]]
    allowed = {"seqscan": False, "bitmapscan": bitmaps, "sort": sorts}
    off = [f"enable_{way}" for way, may in allowed.items() if not may]
    return [_plan(statement, off) for statement in statements if statement.startswith("SELECT")]


def _plan(statement, off):
    with transaction.atomic(), connection.cursor() as cursor:
        for way in off:
            cursor.execute(f"SET LOCAL {way} = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        for way in off:
            cursor.execute(f"SET LOCAL {way} TO DEFAULT")
    return plan
