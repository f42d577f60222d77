"""The chain of the audit trail: what was changed, taken out or put in is found (AD-11)."""

import datetime as dt
import io
import threading
from contextlib import closing
from importlib import import_module

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from accounts.audit import chain
from accounts.models import Account, AuditEvent, AuditLink, Session
from tests.support import cast
from tests.support.crowd import at_once
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

Event = AuditEvent.Event


def record(count=1):
    for _ in range(count):
        AuditEvent.record(Event.LOCKED, address="an@hagiang.gov.vn", why="vì “lạ”\n", ticket="P-1")


def execute(statement, *parameters):
    """Do what only somebody with the whole database in their hands can do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)


def verify(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("verify_audit", *arguments, stdout=out, stderr=err)
    return out.getvalue()


class ChainTests(TransactionTestCase):
    def setUp(self):
        record(5)
        self.pks = list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))

    def faults(self, through=""):
        return chain.verify(through).faults

    def test_a_whole_trail_is_whole(self):
        self.assertIn("5 rows are whole", verify())
        self.assertEqual(AuditLink.objects.count(), 5)

    def test_a_changed_row_is_found(self):
        for change in (
            "ok = false",
            "detail = '{}'",
            "reason = 'x'",
            "at = now()",
            "client = '::1'",
        ):
            with self.subTest(change):
                with transaction.atomic():
                    execute(f"UPDATE accounts_auditevent SET {change} WHERE id = %s", self.pks[2])
                    [fault] = self.faults()
                    transaction.set_rollback(True)

                self.assertEqual(fault, f"row {self.pks[2]} (link 3) was changed")

    def test_a_missing_row_is_found(self):
        execute("DELETE FROM accounts_auditevent WHERE id = %s", self.pks[1])

        self.assertEqual(self.faults(), ["the row of link 2 is missing"])
        with self.assertRaisesMessage(CommandError, "not whole"):
            verify()

    def test_a_row_taken_out_with_its_link_is_found(self):
        execute("DELETE FROM accounts_auditevent WHERE id = %s", self.pks[1])
        execute("DELETE FROM accounts_auditlink WHERE event_id = %s", self.pks[1])

        self.assertEqual(
            self.faults(), ["links 2 to 2 are missing", "link 3 was changed, or one before it"]
        )

    def test_a_changed_link_is_found(self):
        for change in ("digest = repeat('0', 64)", "row = repeat('0', 64)", "at = now()"):
            with self.subTest(change), transaction.atomic():
                execute(f"UPDATE accounts_auditlink SET {change} WHERE seq = 3")

                self.assertIn("link 3 was changed, or one before it", self.faults())
                transaction.set_rollback(True)

    def test_a_row_that_was_taken_out_is_not_excused_by_a_forged_pruning(self):
        execute("DELETE FROM accounts_auditevent WHERE id = %s", self.pks[0])
        for through in (5, "x", -1, None):
            AuditEvent.record(Event.AUDIT_PRUNED, through=through, count=1)

        self.assertEqual(self.faults(), ["the row of link 1 is missing"])

    def test_a_row_put_in_is_found(self):
        execute(
            "INSERT INTO accounts_auditevent (at, event, ok, reason, address_key, request_id,"
            " detail) VALUES (now(), 'locked', true, '', '', '', '{}')"
        )

        [fault] = self.faults()
        self.assertIn("outside the chain", fault)

    def test_a_forged_chain_is_found_by_a_head_that_was_noted(self):
        head = verify().splitlines()[-1]
        record()
        self.assertEqual(self.faults(head), [])
        execute("DELETE FROM accounts_auditlink")
        execute("DELETE FROM accounts_auditevent WHERE id = %s", self.pks[4])
        for pk in AuditEvent.objects.order_by("pk").values_list("pk", flat=True):
            execute(FORGE, pk)

        self.assertEqual(self.faults(), [])
        self.assertEqual(self.faults(head), [f"the chain does not pass through {head}"])

    def test_a_rolled_back_change_leaves_no_gap(self):
        with transaction.atomic():
            record()
            transaction.set_rollback(True)
        record()

        self.assertIn("6 rows are whole", verify())

    def test_rows_written_at_once_stand_in_one_chain(self):
        at_once(lambda _: record(10), 8)

        self.assertIn("85 rows are whole", verify())

    def test_two_transactions_that_wait_for_each_others_rows_do_not_deadlock(self):
        """The chain's lock is taken last: a row written early does not hold it."""
        met = threading.Barrier(2, timeout=PATIENCE)

        def write(_):
            with transaction.atomic():
                record()
                met.wait()
                record()

        at_once(write, 2)

        self.assertIn("9 rows are whole", verify())


FORGE = "SELECT accounts_audit_append(entry) FROM accounts_auditevent AS entry WHERE id = %s"


class KeepingTests(TransactionTestCase):
    """LG-08: what need not be kept goes, and the chain tells so."""

    def age(self, count, days):
        pks = AuditEvent.objects.order_by("pk").values_list("pk", flat=True)[:count]
        execute(
            "ALTER TABLE accounts_auditlink DISABLE TRIGGER USER;"
            "DELETE FROM accounts_auditlink;"
            "ALTER TABLE accounts_auditlink ENABLE TRIGGER USER"
        )
        for pk in pks:
            execute(
                "UPDATE accounts_auditevent SET at = at - %s WHERE id = %s",
                dt.timedelta(days=days),
                pk,
            )
        for pk in AuditEvent.objects.order_by("pk").values_list("pk", flat=True):
            execute(FORGE, pk)

    def test_rows_older_than_the_office_keeps_them_go_and_the_rest_is_whole(self):
        record(5)
        self.age(2, days=2000)
        out = io.StringIO()

        call_command("prune_audit", stdout=out)

        self.assertEqual(out.getvalue(), "audit: 2\n")
        report = chain.verify()
        self.assertEqual((report.rows, report.pruned, report.faults), (4, 2, []))
        self.assertEqual(AuditEvent.objects.get(event="audit-pruned").detail["count"], 2)

    def test_what_is_taken_from_the_middle_is_found_after_a_pruning_too(self):
        record(5)
        self.age(4, days=2000)
        pks = list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))
        chain.prune(before=timezone.now() - dt.timedelta(days=1900))
        record(2)
        execute("DELETE FROM accounts_auditevent WHERE id = %s", pks[4])

        self.assertEqual(chain.verify().faults, ["the row of link 5 is missing"])

    def test_an_old_row_behind_a_younger_one_stays_with_it(self):
        record(3)
        self.age(1, days=2000)
        pk = AuditEvent.objects.order_by("pk").last().pk
        execute("UPDATE accounts_auditevent SET at = at - interval '9 years' WHERE id = %s", pk)
        execute("DELETE FROM accounts_auditlink")
        for each in AuditEvent.objects.order_by("pk").values_list("pk", flat=True):
            execute(FORGE, each)

        self.assertEqual(chain.prune(before=timezone.now() - dt.timedelta(days=1000)), 1)
        self.assertEqual(chain.verify().faults, [])

    def test_the_database_refuses_what_is_younger_than_a_year(self):
        record(2)
        self.age(1, days=360)

        with self.assertRaisesMessage(DatabaseError, "append-only"):
            chain.prune(before=timezone.now())

        self.assertEqual(AuditEvent.objects.count(), 2)


class RefusalTests(TestCase):
    def test_nothing_empties_the_trail_or_its_chain(self):
        record()
        keep = import_module("accounts.migrations.0007_chain_of_audit").KEEP
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(keep)  # which the tests have taken away, to empty tables themselves
        for statement in (
            "TRUNCATE accounts_auditevent",
            "TRUNCATE accounts_auditlink",
            "UPDATE accounts_auditlink SET digest = ''",
            "DELETE FROM accounts_auditlink",
        ):
            with (
                self.subTest(statement),
                self.assertRaisesMessage(DatabaseError, "append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


class OrderOfLocksTests(cast.Cast, TransactionTestCase):
    def test_what_waits_for_a_row_that_another_holds_waits_before_the_chain(self):
        """An alias is added, audit row first, while its owner changes something."""
        an = cast.make("an")
        ready, done = threading.Event(), []

        def owner():
            with closing(connection), transaction.atomic():
                Account.objects.select_for_update().get(pk=an.pk)
                ready.set()
                wait_for(waiting_for_locks, "the staff to wait for the account")
                record()
            done.append("owner")

        def staff():
            with closing(connection), transaction.atomic():
                record()
                Session.objects.create(
                    pk="k",
                    account=an,
                    session_data="",
                    created_at=timezone.now(),
                    seen_at=timezone.now(),
                    expire_date=timezone.now(),
                )
                assert ready.wait(PATIENCE), "the owner did not begin"
            done.append("staff")

        def heard(act):
            try:
                act()
            except DatabaseError as error:
                done.append(str(error))

        both = [threading.Thread(target=heard, args=[each]) for each in (owner, staff)]
        for each in both:
            each.start()
        for each in both:
            each.join()

        self.assertEqual(sorted(done), ["owner", "staff"])
        self.assertEqual(chain.verify().faults, [])
