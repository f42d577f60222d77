"""Writes columns of accounts that a table changes, where they stand as they were read."""

from collections.abc import Mapping

from django.db.models import QuerySet

from accounts.loading.columns import CHANGEABLE
from accounts.models.account import Account

Changes = list[tuple[Account, Mapping[str, object]]]  # with what each changed field was before


class Overtaken(Exception):
    """An account was not as it had been read any more when it was to be changed."""


def stored(account: Account, name: str) -> object:
    """Give a field as the row holds it: a unit by its key."""
    return account.unit_id if name == "unit" else getattr(account, name)


def hold(changes: Changes, *, batch: int) -> None:
    """Hold the accounts until the end of the transaction, those with the lowest keys first.

    Raises `Overtaken` where somebody else has made something else of a field. What others made of
    the other fields stays.
    """
    for start in range(0, len(changes), batch):
        some = {account.pk: (account, before) for account, before in changes[start : start + batch]}
        rows = Account.objects.filter(pk__in=some).order_by("pk").select_for_update(of=("self",))
        for now in rows.only(*CHANGEABLE):
            account, before = some[now.pk]
            for name in set(before).intersection(CHANGEABLE):
                if stored(now, name) not in (before[name], stored(account, name)):
                    raise Overtaken


def update(
    people: QuerySet[Account], accounts: list[Account], columns: list[str], *, batch: int
) -> None:
    """Write some columns of accounts that are still among `people`; raises `Overtaken`."""
    for start in range(0, len(accounts), batch):
        some = accounts[start : start + batch]
        keys = people.filter(pk__in=[account.pk for account in some]).order_by("pk")
        if len(keys.select_for_update(of=("self",)).values_list("pk")) != len(some):
            raise Overtaken
        # They are there, and locked: this inserts nothing. `bulk_update` takes four times as long.
        Account.objects.bulk_create(
            some, update_conflicts=True, unique_fields=["id"], update_fields=columns
        )
