"""The audit trail forgets who was removed, and is as whole as before."""

import json

from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase

from accounts.audit import chain
from accounts.audit.forgetting import forget, forget_stragglers
from accounts.models import Account, AuditEvent
from tests.audit.test_audit_chain import FORGE, execute
from tests.support import cast

Event = AuditEvent.Event
AN = "an@hagiang.gov.vn"


def all_text():
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(entry)::text FROM accounts_auditevent AS entry")
        return json.dumps(cursor.fetchall(), ensure_ascii=False)


class ForgettingTests(cast.Cast, TransactionTestCase):
    """An and Binh have a history; some of it is older than the salts of rows."""

    def setUp(self):
        self.set_up_people()
        self.helper = cast.make("ho.tro")
        for account in (self.an, self.binh):
            AuditEvent.record(Event.LOCKED, account, actor=self.helper, why=f"Cho {account}")
        AuditEvent.record(Event.LOGIN_FAILED, address=AN, ok=False)
        AuditEvent.record(Event.LOCKED, self.binh, why=f"Thư do {AN.upper()}. gửi")
        AuditEvent.record(Event.LOCKED, self.chi, why=f"Thư do minh.{AN} gửi")

    def make_old(self):
        """Put the rows and the chain into the state of the release before."""
        execute("DELETE FROM accounts_auditlink")
        execute("UPDATE accounts_auditevent SET salt = ''")
        for pk in AuditEvent.objects.order_by("pk").values_list("pk", flat=True):
            execute(FORGE, pk)

    def remove(self):
        pk = self.an.pk
        Account.objects.filter(pk=pk).delete()
        AuditEvent.record(Event.ACCOUNT_REMOVED, Account(pk=pk), actor=self.helper)
        return forget([pk], [AN], actor=self.helper)

    def test_rows_old_and_new_are_forgotten_and_the_chain_is_whole(self):
        for old in (False, True):
            with self.subTest(old=old):
                if old:
                    self.begin_again()
                    self.make_old()
                noted = chain.verify()
                self.assertEqual(noted.faults, [])
                kept = self.kept()

                self.assertEqual(self.remove(), 3)

                self.assertEqual(self.kept(), kept)
                self.assertNotIn(f" {AN}", all_text().lower())
                self.assertIn(f"minh.{AN}", all_text())
                self.assertIn(f"Cho {self.binh}", all_text())
                self.assertEqual(chain.verify(noted.head).faults, [])
                self.assertEqual(chain.verify_due().faults, [])

    def begin_again(self):
        execute("DELETE FROM accounts_auditlink")
        execute("DELETE FROM accounts_audithead")
        execute("DELETE FROM accounts_auditevent")
        Account.objects.all().delete()
        self.setUp()

    def kept(self):
        columns = ("pk", "at", "event", "ok", "reason", "account_id", "actor_id", "request_id")
        rows = AuditEvent.objects.filter(event__in=[Event.LOCKED, Event.LOGIN_FAILED])
        return list(rows.order_by("pk").values_list(*columns))

    def test_a_forgotten_row_that_was_changed_is_found(self):
        for old in (False, True):
            for change in ("ok = false", "event = 'left'", "account_id = 1", "seal = 'x'"):
                with self.subTest(old=old, change=change):
                    self.begin_again()
                    if old:
                        self.make_old()
                    self.remove()
                    row = AuditEvent.objects.filter(account=self.an.pk).earliest("pk")
                    execute(f"UPDATE accounts_auditevent SET {change} WHERE id = %s", row.pk)

                    [fault] = chain.verify().faults
                    self.assertIn(f"row {row.pk} ", fault)

    def test_a_row_that_was_made_blank_without_a_record_is_found(self):
        row = AuditEvent.objects.filter(account=self.binh).earliest("pk")
        with transaction.atomic():
            execute(
                "UPDATE accounts_auditevent AS entry SET seal = accounts_audit_seal(entry),"
                " salt = '', address_key = '', client = NULL, detail = '{}' WHERE id = %s",
                row.pk,
            )
        self.remove()

        [fault] = chain.verify().faults
        self.assertIn(f"row {row.pk} ", fault)

    def test_the_salt_is_the_databases_own(self):
        AuditEvent(event=Event.LOCKED, salt="x", seal="y").save()

        row = AuditEvent.objects.latest("pk")
        self.assertEqual((len(row.salt), row.seal), (32, ""))

    def test_what_was_written_during_a_removal_is_forgotten_later(self):
        pk = self.an.pk
        self.remove()
        AuditEvent.record(Event.LOGIN_FAILED, Account(pk=pk), address=AN, ok=False, why=AN)

        self.assertEqual((forget_stragglers(), forget_stragglers()), (1, 0))
        self.assertEqual(AuditEvent.objects.filter(event="audit-forgotten").count(), 2)
        self.assertNotIn(f'"{AN}"', all_text())
        self.assertEqual(chain.verify().faults, [])

    def test_nothing_is_forgotten_of_an_account_that_is_there(self):
        for people, addresses in (([self.an.pk], []), ([], [AN])):
            with self.assertRaisesMessage(DatabaseError, "only what concerns removed accounts"):
                forget(people, addresses, actor=None)

    def test_no_other_change_is_taken(self):
        for change in ("detail = '{}'", "seal = 'x'", "ok = false"):
            with (
                self.subTest(change),
                self.assertRaisesMessage(DatabaseError, "append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute("SET LOCAL mailportal.forgetting = 'on'")
                cursor.execute(f"UPDATE accounts_auditevent SET {change}")
