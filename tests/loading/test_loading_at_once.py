"""Two files in the same moment, and what somebody else changes while one is read."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

from accounts.loading import account_table
from accounts.models import Account, Unit
from tests.support import cast
from tests.support.loading import csv_of
from tests.support.waiting import wait_for, waiting_for_locks

HEADER = ["address", "full_name", "unit"]


def load(*rows):
    table = account_table.read(csv_of(*rows, header=HEADER))
    return account_table.run(table, apply=True, add_units=True)


class AtOnceTests(TransactionTestCase):
    """Each holds what the other waits for, if they write in the orders of their files."""

    def load_backwards_and_forwards(self, rows, *, hold):
        """Load rows in both orders at once: both wait for what `hold` does, which is undone."""

        def run(some):
            with contextlib.closing(connection):
                return load(*some)

        with ThreadPoolExecutor(2) as threads, mock.patch.object(account_table, "BATCH", 1):
            with transaction.atomic():
                hold()
                loads = [threads.submit(run, rows), threads.submit(run, rows[::-1])]
                wait_for(lambda: waiting_for_locks() == 2, "both to wait")
                transaction.set_rollback(True)
            return [each.result() for each in loads]

    def assert_one_came_first(self, outcomes):
        first, second = sorted(outcomes, key=lambda outcome: len(outcome.faults))
        self.assertEqual((first.created, first.faults), (2, []))
        self.assertIn("vừa thay đổi", second.faults[0].reason)

    def test_they_make_the_same_accounts(self):
        outcomes = self.load_backwards_and_forwards(
            [["an", "", ""], ["binh", "", ""]],
            hold=lambda: [Account.objects.create_user(name) for name in ("an", "binh")],
        )

        self.assert_one_came_first(outcomes)
        self.assertEqual(Account.objects.count(), 2)

    def test_they_make_the_same_units(self):
        outcomes = self.load_backwards_and_forwards(
            [["an", "", "Sở A"], ["binh", "", "Sở B"]],
            hold=lambda: [Unit.objects.create(name=name) for name in ("Sở A", "Sở B")],
        )

        self.assert_one_came_first(outcomes)
        self.assertEqual(Unit.objects.count(), 2)

    def test_they_change_the_same_accounts(self):
        people = [Account.objects.create_user(name) for name in ("an", "binh")]

        outcomes = self.load_backwards_and_forwards(
            [["an", "Lý Văn An", ""], ["binh", "Vàng Thị Bình", ""]],
            hold=lambda: Account.objects.filter(pk__in=[each.pk for each in people]).update(
                kind="organisation"
            ),
        )

        self.assertEqual([(each.updated, each.faults) for each in outcomes], [(2, [])] * 2)
        names = Account.objects.order_by("address").values_list("full_name", flat=True)
        self.assertEqual(list(names), ["Lý Văn An", "Vàng Thị Bình"])


class MeanwhileTests(cast.Cast, TestCase):
    def test_somebody_is_moved_into_a_unit_that_was_just_made(self):
        self.set_up_people()
        made = []

        def meanwhile(execute, sql, *rest):
            # The units have been read, the accounts have not.
            if not made and 'FROM "accounts_account"' in sql:
                made.append(None)
                Account.objects.filter(pk=self.an.pk).update(unit=Unit.objects.create(name="Sở A"))
            return execute(sql, *rest)

        with connection.execute_wrapper(meanwhile):
            outcome = load(["an", "Lý Ân", ""])

        self.assertEqual((outcome.updated, outcome.faults), (1, []))
        self.assertEqual(load(["an", "Lý Ân", "Sở A"]).unchanged, 1)
