"""Lets `migrate` go on where one before it was killed."""

import sys
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connections
from django.db.migrations import Migration, RemoveIndex


def drop_half_made_indexes(*, using: str, plan: list[tuple[Migration, bool]], **_: Any) -> None:
    """Drop each index that is there, while the migration that makes it is not on record.

    An index is made beside the portal's work, outside a transaction, and PostgreSQL goes on with
    it when `migrate` is killed, or leaves it invalid. To make it again would fail.
    """
    if "--fake" in sys.argv:
        return
    operations = [each for step, backwards in plan if not backwards for each in step.operations]
    # One of an older migration may give its name away.
    removed = {each.name for each in operations if isinstance(each, RemoveIndex)}
    with connections[using].cursor() as cursor:
        for operation in operations:
            if isinstance(operation, AddIndexConcurrently) and operation.index.name not in removed:
                name = connections[using].ops.quote_name(operation.index.name)
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
