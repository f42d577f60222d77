"""Units form a tree, whoever moves them when, and every walk over it ends."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from accounts.models import Unit
from accounts.organisation.units import Tree, Units, with_below
from tests.support import cast
from tests.support.forms import drawn_from
from tests.support.waiting import wait_for, waiting_for_locks


def move(unit, *, below):
    Unit.objects.filter(pk=unit.pk).update(parent=below)


def move_elsewhere(unit, below):
    """Move a unit in a thread and on a connection of its own."""
    with contextlib.closing(connection):
        move(unit, below=below)


class Offices:
    """A mixin: two departments, each with a division and a desk in it."""

    def set_up_offices(self):
        self.one = Unit.objects.create(name="Sở Một", code="SM")
        self.division = Unit.objects.create(name="Phòng A", parent=self.one)
        self.desk = Unit.objects.create(name="Tổ 1", parent=self.division)
        self.two = Unit.objects.create(name="Sở Hai")
        self.other_division = Unit.objects.create(name="Phòng A", parent=self.two)
        self.other_desk = Unit.objects.create(name="Tổ 1", parent=self.other_division)


class MovingAtOnceTests(Offices, cast.Cast, TransactionTestCase):
    def test_two_who_move_units_below_each_other_close_no_ring(self):
        self.set_up_offices()
        for what, below_two, below_one in (
            ("right below", self.two, self.one),
            ("further down", self.other_desk, self.desk),
        ):
            with self.subTest(what):
                Unit.objects.filter(pk__in=[self.one.pk, self.two.pk]).update(parent=None)

                refusal = self.second_of_two_moves(below_two, below_one)

                self.assertIsInstance(refusal, IntegrityError)
                self.assertEqual(refusal.__cause__.diag.constraint_name, "unit_stands_in_a_tree")
                self.assertEqual(Tree().path(self.two.pk), "Sở Hai")

    def second_of_two_moves(self, below_two, below_one):
        """Move one below two, and before that is committed two below one: give the fault."""
        with ThreadPoolExecutor(1) as threads:
            with transaction.atomic():
                move(self.one, below=below_two)
                second = threads.submit(move_elsewhere, self.two, below_one)
                wait_for(lambda: second.done() or waiting_for_locks(), "the second to wait")
            return second.exception()

    def test_the_second_reads_on_the_page_why_it_is_refused(self):
        self.set_up_offices()
        self.come_in(cast.make_staff("huong"))
        page = f"/quan-tri/accounts/unit/{self.two.pk}/change/"
        data = {"name": "Sở Hai", "code": "", "parent": self.desk.pk}
        data |= drawn_from(self.client, page)

        def save():
            with contextlib.closing(connection):
                return self.client.post(page, data)

        with ThreadPoolExecutor(1) as threads:
            with transaction.atomic():
                move(self.one, below=self.other_desk)
                second = threads.submit(save)
                wait_for(lambda: second.done() or waiting_for_locks(), "the second to wait")
            self.assertContains(second.result(), "Đơn vị không thể nằm dưới chính nó.")


class NamedAtOnceTests(cast.Cast, TransactionTestCase):
    def test_of_two_who_name_a_unit_alike_the_second_reads_why_it_is_refused(self):
        self.come_in(cast.make_staff("huong"))
        page = "/quan-tri/accounts/unit/add/"
        data = {"name": "SỞ Y TẾ", "code": "", "parent": ""} | drawn_from(self.client, page)

        def save():
            with contextlib.closing(connection):
                return self.client.post(page, data)

        with ThreadPoolExecutor(1) as threads:
            with transaction.atomic():
                Unit.objects.create(name="Sở Y tế")
                second = threads.submit(save)
                wait_for(lambda: second.done() or waiting_for_locks(), "the second to wait")
            self.assertContains(second.result(), "Đã có đơn vị tên này ở cùng cấp.")
        self.assertEqual(list(Unit.objects.values_list("name", flat=True)), ["Sở Y tế"])


class OlderPathsTests(TransactionTestCase):
    BEFORE = "0105_former_names_of_webhooks"

    def test_units_of_one_path_are_told_apart_when_the_portal_is_upgraded(self):
        self.addCleanup(call_command, "migrate", verbosity=0)
        call_command("migrate", "accounts", self.BEFORE, verbosity=0)
        health = Unit.objects.create(name="Sở Y tế")
        office = Unit.objects.create(name="Văn phòng", parent=health)
        for name in ("SỞ Y TẾ", "sở y tế (2)", "Sở Y tế/Văn phòng", "a" * 200, "A" * 200):
            Unit.objects.create(name=name)
        with connection.cursor() as cursor:  # as releases before stored what was typed
            cursor.execute("UPDATE accounts_unit SET name = 'Sở  Y tế' WHERE name = 'SỞ Y TẾ'")

        call_command("migrate", verbosity=0)

        self.assertEqual(
            list(Unit.objects.order_by("pk").values_list("name", flat=True)),
            [
                *("Sở Y tế", "Văn phòng", "Sở Y tế (3)", "sở y tế (2)", "Sở Y tế-Văn phòng"),
                *("a" * 200, "A" * 196 + " (2)"),
            ],
        )
        self.assertEqual(Units().find("SỞ Y TẾ/Văn phòng"), office)


class WalkTests(Offices, TestCase):
    def setUp(self):
        self.set_up_offices()

    def names(self, walk):
        return [(unit.name, depth) for unit, depth in walk]

    def test_down_in_the_order_of_print(self):
        two = [("Sở Hai", 0), ("Phòng A", 1), ("Tổ 1", 2)]
        one = [("Sở Một", 0), ("Phòng A", 1), ("Tổ 1", 2)]
        tree = Tree()

        self.assertEqual(self.names(tree.in_order()), [*two, *one])
        self.assertEqual(self.names(tree.in_order(self.one.pk)), [("Phòng A", 0), ("Tổ 1", 1)])

    def test_down_in_the_database_as_in_memory(self):
        for unit in (self.one, self.division, self.desk):
            with self.subTest(unit.name):
                self.assertEqual(with_below([unit.pk]), Tree().with_below(unit.pk))
        self.assertEqual(len(with_below([self.one.pk, self.other_desk.pk])), 4)
        self.assertEqual(with_below([]), set())

    def test_up_to_the_top_of_what_may_be_seen(self):
        self.assertEqual(Tree().path(self.desk.pk), "Sở Một/Phòng A/Tổ 1")
        self.assertEqual(Tree().above(self.desk.pk), [self.one, self.division])
        part = Tree(with_below([self.division.pk]))
        self.assertEqual(part.path(self.desk.pk), "Phòng A/Tổ 1")
        self.assertEqual(part.below(None), [self.division.pk])
        self.assertEqual((part.path(self.one.pk), part.path(None)), ("", ""))

    def test_a_ring_of_restored_rows_ends_every_walk(self):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE accounts_unit SET parent_id = %s WHERE id = %s",
                [self.desk.pk, self.one.pk],
            )
        ring = {self.one.pk, self.division.pk, self.desk.pk}
        tree = Tree()

        self.assertEqual(with_below([self.desk.pk]), ring)
        self.assertEqual(tree.with_below(self.desk.pk), ring)
        self.assertEqual(tree.path(self.desk.pk), "Sở Một/Phòng A/Tổ 1")
        self.assertEqual(tree.above(self.one.pk), [self.division, self.desk])
        self.assertEqual(Units().find("SM"), self.one)
