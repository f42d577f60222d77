"""The trail is verified from where it was whole last, and now and then all of it (AD-11)."""

import io

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase, override_settings

from accounts.audit import chain
from accounts.models import AuditEvent, AuditHead
from otp.models import Message
from tests.support.clock import Clock

FORGE = "SELECT accounts_audit_append(entry) FROM accounts_auditevent AS entry ORDER BY id"


def record(count):
    for _ in range(count):
        AuditEvent.record(AuditEvent.Event.LOCKED, address="an@hagiang.gov.vn")


def execute(statement, *parameters):
    """Do what only somebody with the whole database in their hands can do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)


def verify(*arguments):
    out = io.StringIO()
    call_command("verify_audit", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def change(place):
    pk = AuditEvent.objects.order_by("pk").values_list("pk", flat=True)[place]
    execute("UPDATE accounts_auditevent SET ok = NOT ok WHERE id = %s", pk)


class VerifiedHeadTests(TransactionTestCase):
    def setUp(self):
        record(5)
        verify()
        record(3)

    def refuse(self, *arguments):
        with self.assertRaisesMessage(CommandError, "not whole"):
            verify(*arguments)

    def test_only_what_was_added_is_walked_along(self):
        self.assertIn("3 rows since link 5 are whole", verify())
        self.assertIn("0 rows since link 8 are whole", verify())
        self.assertEqual(AuditHead.objects.get().seq, 8)

    def test_what_was_changed_behind_the_head_is_found_at_once(self):
        change(6)

        self.refuse()
        self.assertEqual(AuditHead.objects.get().seq, 5)

    def test_what_was_taken_out_or_put_in_is_found_at_once(self):
        for statement in (
            "DELETE FROM accounts_auditevent WHERE id = (SELECT max(id) FROM accounts_auditevent)",
            "DELETE FROM accounts_auditlink WHERE seq = 7",
            "DELETE FROM accounts_auditlink WHERE seq = 5",
            "UPDATE accounts_auditlink SET digest = repeat('0', 64) WHERE seq = 5",
            "INSERT INTO accounts_auditevent (id, at, event, ok, reason, address_key, request_id,"
            " detail) VALUES (-1, now(), 'locked', true, '', '', '', '{}')",
        ):
            with self.subTest(statement), transaction.atomic():
                execute(statement)
                self.refuse()
                transaction.set_rollback(True)

    def test_what_was_changed_before_the_head_is_found_by_the_walk_along_all(self):
        change(1)

        verify()
        self.refuse("--all")

    def test_all_of_it_is_walked_along_every_week(self):
        clock = Clock(self)
        clock.forward(days=chain.WHOLE_EVERY.days - 1)
        self.assertIn("since link 5", verify())
        clock.forward(days=1)
        self.assertIn("8 rows are whole", verify())

        change(1)
        clock.forward(days=chain.WHOLE_EVERY.days)
        self.refuse()

    def test_a_fault_is_told_every_day_until_it_is_mended(self):
        change(1)
        self.refuse("--all")

        self.refuse()
        change(1)
        self.assertIn("8 rows are whole", verify())
        self.assertIn("since link 8", verify())

    def test_a_chain_forged_as_a_whole_does_not_pass_through_the_head(self):
        execute("DELETE FROM accounts_auditlink")
        change(1)
        execute(FORGE)
        self.assertEqual(chain.verify().faults, [])

        self.refuse()
        self.refuse("--all")

    def test_a_head_noted_elsewhere_is_looked_for_in_the_whole_chain(self):
        head = verify().splitlines()[-1]
        record(1)

        self.assertIn("9 rows are whole", verify("--through", f" {head} "))

    @override_settings(ALERT_EMAILS=["it@hagiang.gov.vn"])
    def test_half_a_head_is_a_slip_and_no_forged_trail(self):
        head = verify().splitlines()[-1]
        for slip in (head[:-1], head.partition(":")[2], head.replace(":", " "), "8", "8:"):
            with (
                self.subTest(slip),
                self.assertRaisesMessage(CommandError, "not the whole of a line"),
            ):
                verify("--through", slip)

        self.assertFalse(Message.objects.exists())  # nobody is alarmed
        self.assertIn("0 rows since", verify())

    def test_the_head_of_an_empty_trail_is_one(self):
        self.assertIn("8 rows are whole", verify("--through", chain.START))

    def test_the_head_goes_to_no_link_that_is_not_there_and_never_back(self):
        verify()
        for seq, digest in ((8, "x"), (99, AuditHead.objects.get().digest)):
            with (
                self.assertRaisesMessage(DatabaseError, "no such link"),
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT accounts_audit_verified(%s, %s, true)", [seq, digest])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT accounts_audit_verified(seq, digest, true) FROM accounts_auditlink"
                " WHERE seq = 2"
            )

        self.assertEqual(AuditHead.objects.get().seq, 8)
