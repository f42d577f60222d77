"""The role of web, sender and worker does the portal's work, and nothing to the audit trail."""

import os
import re
from contextlib import closing
from unittest import mock

import psycopg
from django.core.checks import run_checks
from django.db import connection, transaction
from django.test import TransactionTestCase, override_settings

from accounts.audit import chain, portal_role
from accounts.models import Account, AuditEvent, AuditLink
from accounts.removal import rules as removals
from otp.models import Message
from tests.support import cast
from tests.support.cast import ASK, CODE, FACTOR, LOGIN, NEW, NEW_PASSWORD, PASSWORD, token_of
from tests.support.programs import deployment, mailserver
from tests.support.programs.deployment import Server, Visitor

ROLE = f"mailportal_app_{os.getpid()}"  # roles belong to the whole server
ROLE_PASSWORD = "geheim-o-5b20"
REFUSED = psycopg.errors.InsufficientPrivilege

FORBIDDEN = (
    "UPDATE accounts_auditevent SET ok = false",
    "DELETE FROM accounts_auditevent",
    "TRUNCATE accounts_auditevent",
    "SELECT 1 FROM accounts_auditevent FOR UPDATE",
    "UPDATE accounts_auditlink SET digest = ''",
    "INSERT INTO accounts_auditlink VALUES (99, 99, now(), '', '')",
    "DELETE FROM accounts_auditlink",
    "INSERT INTO accounts_audithead VALUES (1, 99, '', now())",
    "UPDATE accounts_audithead SET seq = 99",
    "DELETE FROM accounts_audithead",
    "DELETE FROM accounts_auditqueue",
    "INSERT INTO accounts_auditqueue VALUES (1)",
    "SELECT 1 FROM accounts_auditturn FOR UPDATE",
    "DELETE FROM accounts_auditturn",
    "UPDATE accounts_quarantinesecret SET secret = ''",
    "UPDATE accounts_auditevent SET seal = 'x', salt = '', address_key = '', client = NULL,"
    " detail = '{}'",
    "SELECT accounts_audit_append(entry) FROM accounts_auditevent AS entry",
    "ALTER TABLE accounts_auditevent DISABLE TRIGGER ALL",
    "ALTER TABLE accounts_account DROP COLUMN phone",
    "DROP TRIGGER accounts_audit_append_only ON accounts_auditevent",
    "CREATE TRIGGER mine BEFORE INSERT ON accounts_auditevent FOR EACH ROW"
    " EXECUTE FUNCTION accounts_audit_refuses_change()",
    "CREATE OR REPLACE FUNCTION accounts_audit_refuses_change() RETURNS trigger LANGUAGE plpgsql"
    " AS $$BEGIN RETURN OLD; END$$",
    "CREATE TABLE mine (x integer)",
    "CREATE TEMPORARY TABLE mine (x integer)",
    "CREATE SCHEMA mine",
    "SET session_replication_role = replica",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    "DELETE FROM auth_group_permissions",
    "CREATE ROLE mine",
)


def connect(role, password):
    at = connection.settings_dict
    return psycopg.connect(
        dbname=at["NAME"],
        user=role,
        password=password,
        host=at["HOST"] or "localhost",
        port=at["PORT"] or None,
        autocommit=True,
    )


def drop_role():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


class RoleTestCase(cast.Cast, TransactionTestCase):
    """An office with two roles: `migrate`, run by the owner, has made the other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = deployment.database_url()
        cls.address = re.sub(r"//[^@]+@", f"//{ROLE}:{ROLE_PASSWORD}@", cls.owner)
        cls.migrate()
        cls.addClassCleanup(drop_role)

    @classmethod
    def migrate(cls):
        with override_settings(DATABASE_SERVING_ROLE=ROLE, DATABASE_SERVING_PASSWORD=ROLE_PASSWORD):
            portal_role.grant_after_migrating()

    @classmethod
    def run_command(cls, *arguments, **changes):
        done = deployment.run("manage.py", *arguments, DATABASE_URL=cls.address, **changes)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def setUp(self):
        self.set_up_people()


class WorkTests(RoleTestCase):
    @classmethod
    def migrate(cls):
        cls.run_command("migrate", DATABASE_OWNER_URL=cls.owner)

    def setUp(self):
        super().setUp()
        with mock.patch.object(deployment, "database_url", return_value=self.address):
            self.server = Server(OTP_PEPPER=os.environ["OTP_PEPPER"])
        self.addCleanup(self.server.end)
        self.visitor = Visitor(self.server)

    def done(self, *events):
        kinds = AuditEvent.objects.values_list("event", flat=True)
        self.assertLessEqual(set(events), set(kinds), self.server.log()[-3000:])

    def test_every_function_of_the_limits(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'otp\\_%%'"
                " AND prorettype <> 'trigger'::regtype"
                " AND NOT has_function_privilege(%s, oid, 'EXECUTE')",
                [ROLE],
            )
            self.assertEqual(cursor.fetchall(), [])

    def test_everybodys_journeys(self):
        self.visitor.post(ASK, address="an")
        self.visitor.post(CODE, code=cast.newest_code())
        self.visitor.post(NEW, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        self.visitor.post(LOGIN, username="an", password=NEW_PASSWORD)
        self.done("code-right", "password-reset", "logged-in")

        staff = cast.make_staff("it")
        desk = Visitor(self.server)
        desk.post(LOGIN, username="it", password=PASSWORD)
        desk.post(FACTOR, token=token_of(staff))
        for page in ("/ho-tro/?q=binh", "/quan-tri/accounts/auditevent/", "/quan-tri/bao-cao/"):
            desk.get(page)
            self.assertEqual(desk.last.status, 200, page)
        self.done("factor-right", "audit-viewed")

        binh = Account.objects.filter(pk=self.binh.pk)
        removals.confirm(removals.propose(binh, why="x", by=staff), by=cast.make_staff("ho.tro"))
        for command in (
            ("run_removals",),
            ("deliver_messages", "--once"),
            ("work_jobs", "--once"),
            ("prune",),
            ("prune_audit",),
            ("snapshot",),
            ("run_campaigns",),
            ("doubt_numbers",),
            ("verify_audit",),
        ):
            self.run_command(*command, EMAIL_URL="dummy://")
        self.assertFalse(Message.objects.filter(state="queued", channel="mail").exists())
        self.assertFalse(binh.exists())
        self.done("account-removed", "audit-forgotten")
        self.assertEqual(chain.verify().faults, [])

    def test_what_is_old_is_pruned(self):
        AuditEvent.record(AuditEvent.Event.LOGGED_OUT, self.an)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE accounts_auditevent SET at = at - interval '9 years'")
            cursor.execute("DELETE FROM accounts_auditlink")
            cursor.execute(
                "SELECT accounts_audit_append(entry) FROM accounts_auditevent AS entry ORDER BY id"
            )

        self.assertIn("audit: 1", self.run_command("prune_audit"))

        self.assertEqual(chain.verify().faults, [])
        self.assertEqual(AuditEvent.objects.get().event, "audit-pruned")


class RefusalTests(RoleTestCase):
    def test_nothing_of_the_trail_and_of_the_tables_can_be_changed(self):
        AuditEvent.record(AuditEvent.Event.LOGGED_OUT, self.an)
        with closing(connect(ROLE, ROLE_PASSWORD)) as hands:
            for statement in FORBIDDEN:
                with (
                    self.subTest(statement),
                    self.assertRaises(REFUSED),
                ):
                    hands.execute(statement)
            hands.execute("SET mailportal.pruning = 'on'")
            with self.assertRaises(REFUSED):
                hands.execute("DELETE FROM accounts_auditevent")
            hands.execute("SET mailportal.forgetting = 'on'")
            with self.assertRaisesMessage(psycopg.errors.RaiseException, "removed accounts"):
                hands.execute(
                    "SELECT * FROM accounts_audit_forget(ARRAY[%s]::bigint[], '{}', '{}')",
                    [self.an.pk],
                )
            hands.execute("SELECT accounts_audit_prune(now() - interval '2 years')")
            with self.assertRaisesMessage(psycopg.errors.RaiseException, "append-only"):
                hands.execute("SELECT accounts_audit_prune(now() + interval '1 day')")

        self.assertEqual((AuditEvent.objects.count(), AuditLink.objects.count()), (1, 1))

    def test_what_it_was_given_before_is_taken_back(self):
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
            cursor.execute(f"GRANT CREATE ON SCHEMA public TO {ROLE}")

        portal_role.grant(ROLE)

        with closing(connect(ROLE, ROLE_PASSWORD)) as hands:
            for statement in ("DELETE FROM accounts_auditlink", "CREATE TABLE mine (x integer)"):
                with self.assertRaises(REFUSED):
                    hands.execute(statement)

    @override_settings(DATABASE_URL="postgresql://somebody@somewhere/mailportal")
    def test_a_check_warns_of_a_role_that_could(self):
        def found():
            return {fault.id for fault in run_checks(tags=["database"], databases=["default"])}

        self.assertIn("portal.W020", found())
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {ROLE}")
        self.addCleanup(connection.close)

        self.assertNotIn("portal.W020", found())


class MailRoleTests(cast.Cast, TransactionTestCase):
    """GO-02: the mail server's role can hold nothing that the portal waits for."""

    def setUp(self):
        self.set_up_people()
        mailserver.make_role()
        self.addCleanup(mailserver.drop_role)

    def test_it_stops_nobody(self):
        with closing(connect(mailserver.ROLE, mailserver.ROLE_PASSWORD)) as hands:
            hands.execute("SET default_transaction_read_only = off")
            for number in (4703111, 0, 1, 42):
                hands.execute("SELECT pg_advisory_lock(%s)", [number])
            hands.execute("BEGIN")
            hands.execute("SELECT count(*) FROM mail_passdb, mail_senders")
            for statement in (
                "SELECT 1 FROM accounts_auditturn FOR UPDATE",
                "LOCK TABLE accounts_auditqueue IN EXCLUSIVE MODE",
                "LOCK TABLE mail_passdb IN EXCLUSIVE MODE",
                "SELECT 1 FROM mail_passdb FOR UPDATE",
                "CREATE TEMPORARY TABLE mine (event_id bigint)",
            ):
                hands.execute("SAVEPOINT before")
                with self.subTest(statement), self.assertRaises(psycopg.Error):
                    hands.execute(statement)
                hands.execute("ROLLBACK TO before")

            r = self.log_in()
            self.ask("binh")
            Account.objects.filter(pk=self.binh.pk).update(full_name="B")

        self.assertEqual(r.status_code, 302)
        self.assertEqual(chain.verify().faults, [])

    def test_it_may_call_nothing_that_locks(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " AND prosecdef AND has_function_privilege(%s, oid, 'EXECUTE')",
                [mailserver.ROLE],
            )
            self.assertEqual(cursor.fetchall(), [])
