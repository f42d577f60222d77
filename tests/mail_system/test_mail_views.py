"""What the mail server reads of the portal's database, and that it reads nothing else."""

import datetime as dt
import io
import os

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials import app_passwords
from accounts.management.commands.mail_role import VIEWS
from accounts.models import Account, Address
from accounts.organisation.domains import copy_domains
from mailportal.profile import load
from otp.models import Message
from tests.support import cast

ROLE = f"mailportal_mail_views_{os.getpid()}"  # roles belong to the whole server
REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ObjectNotInPrerequisiteState,  # a view that nobody can write to
)


def read(query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


class ViewTests(cast.Cast, TestCase):
    def setUp(self):
        profile = load("tuyenquang")
        self.new, self.old = profile.domains
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        self.enterContext(override_settings(**domains))
        self.set_up_people()
        copy_domains()

    def names(self, query):
        return sorted(name.partition("@")[0] for (name,) in read(query))

    def opens(self):
        return self.names("SELECT username FROM mail_passdb")

    def password(self, stored):
        Account.objects.filter(pk=self.an.pk).update(password=stored)
        rows = read("SELECT password FROM mail_passdb WHERE username = %s", self.an.address)
        return rows[0][0] if rows else None

    def test_a_hash_is_given_as_dovecot_writes_it(self):
        tail = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"

        self.assertEqual(self.password(f"argon2{tail}"), "{ARGON2ID}" + tail)

    def test_an_imported_hash_is_given_as_it_came(self):
        for hashed in (
            "{SSHA}xNmh2Tn7VqHuXGBMDWqkBz6Gyb1zYWx0",
            "{SHA512-CRYPT}$6$rounds=5000$salt$" + "x" * 86,
            "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuu",
            "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA",
        ):
            with self.subTest(hashed):
                self.assertEqual(self.password(f"imported${hashed}"), hashed)

    def test_what_is_no_password_gives_no_row(self):
        for stored in (
            "",
            "!",
            "!abc",
            "imported$",
            "imported$x",
            "plain",
            "argon2$argon2i$v=19$x",
        ):
            with self.subTest(stored):
                self.assertIsNone(self.password(stored))

    def test_locked_and_disabled_accounts_open_nothing(self):
        self.assertEqual(self.opens(), ["an", "binh", "em"])

    def test_a_default_password_opens_until_its_moment(self):
        now = timezone.now()
        for until, opens in (
            (None, True),
            (now + dt.timedelta(hours=1), True),
            (now - dt.timedelta(seconds=1), False),
        ):
            Account.objects.update(default_password_until=until)
            with self.subTest(until):
                self.assertEqual("em" in self.opens(), opens)
                # Nobody else had one.
                self.assertIn("an", self.opens())

    def test_a_locked_mailbox_receives_and_a_disabled_one_does_not(self):
        for query in (
            "SELECT username FROM mail_userdb",
            f"SELECT destination FROM mail_aliases WHERE domain = '{self.old}'",
        ):
            self.assertEqual(self.names(query), ["an", "binh", "chi", "em"])

    def test_a_mailbox_keeps_its_number_under_a_new_address(self):
        (before,) = read("SELECT mailbox FROM mail_userdb WHERE local = 'an'")
        Account.objects.filter(pk=self.an.pk).update(address=f"an.moi@{self.new}")

        (after,) = read("SELECT mailbox FROM mail_userdb WHERE local = 'an.moi'")

        self.assertEqual(before, after)

    def test_every_address_leads_to_its_account_and_may_be_sent_from(self):
        Address.objects.create(address=f"vanthu@{self.new}", account=self.an)
        an = self.an.address
        expected = {f"an@{self.old}", f"vanthu@{self.new}", f"vanthu@{self.old}"}

        aliases = read("SELECT address FROM mail_aliases WHERE destination = %s", an)
        senders = read("SELECT sender FROM mail_senders WHERE username = %s", an)

        self.assertEqual({address for (address,) in aliases}, expected)
        self.assertEqual({sender for (sender,) in senders}, expected | {an})
        self.assertEqual(len(senders), 4)

    def test_an_alias_in_another_name_of_a_domain_does_not_overrule_the_domain(self):
        """As in the portal, where the domain is read first: an@old is an@new, whoever has it."""
        Address.objects.create(address=f"an@{self.old}", account=self.binh)

        rows = read("SELECT destination FROM mail_aliases WHERE address = %s", f"an@{self.old}")

        self.assertEqual(rows, [(self.an.address,)])

    def test_the_domains(self):
        rows = dict(read("SELECT domain, alias_of FROM mail_domains"))

        self.assertEqual(rows, {self.new: None, self.old: self.new})

    def test_a_look_up_uses_an_index_where_there_are_many(self):
        for view in ("mail_aliases", "mail_senders"):
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute(
                    f"EXPLAIN SELECT * FROM {view} WHERE local = 'an' AND domain = '{self.old}'"
                )
                plan = "\n".join(line for (line,) in cursor.fetchall())
            with self.subTest(view):
                self.assertEqual(plan.count("address_local_part"), 2, plan)

    def login(self, account):
        rows = read("SELECT login FROM mail_logins WHERE username = %s", account.address)
        return rows[0][0] if rows else None

    def test_a_session_is_known_by_the_password_that_opened_it(self):
        self.assertEqual(self.login(self.an), f"0/{self.an.address}")
        moment = timezone.now()
        logins = set()
        for passed in (0, 1):
            later = moment + dt.timedelta(microseconds=passed)
            Account.objects.filter(pk=self.an.pk).update(password_changed_at=later)
            logins.add(self.login(self.an))

        self.assertEqual(len(logins), 2)
        self.assertIsNone(self.login(self.chi))

    def test_a_session_is_looked_up_by_an_index_where_there_are_many(self):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(
                f"EXPLAIN SELECT login FROM mail_logins WHERE username = '{self.an.address}'"
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())

        self.assertNotIn("Seq Scan", plan)


class AppPasswordTests(cast.Cast, TestCase):
    """What the mail server reads of app passwords, as the views give it."""

    def setUp(self):
        self.set_up_people()
        copy_domains()
        self.made = app_passwords.make(self.an, "Điện thoại của An")

    def rows(self, account):
        query = "SELECT digest, password, app, login FROM mail_app_passwords WHERE username = %s"
        return read(query, account.address)

    def own(self):
        return {name for (name,) in read("SELECT username FROM mail_passdb")}

    def sessions(self, account):
        query = "SELECT login FROM mail_sessions WHERE username = %s"
        return {login for (login,) in read(query, account.address)}

    def test_it_is_the_hash_and_how_it_is_found(self):
        row = self.made.row
        login = f"app-{row.pk}/{self.an.address}"

        self.assertEqual(self.rows(self.an), [(row.digest, row.encoded, str(row.pk), login)])
        self.assertEqual(self.rows(self.binh), [])

    def test_nothing_else_of_it_is_in_the_views(self):
        columns = {
            column.name
            for view in ("mail_app_passwords", "mail_sessions")
            for column in connection.introspection.get_table_description(connection.cursor(), view)
        }

        self.assertEqual(columns, {"username", "digest", "password", "app", "login"})
        self.assertNotIn("Điện thoại", str(read("SELECT * FROM mail_app_passwords")))

    def test_whose_account_opens_nothing_has_none(self):
        now = timezone.now()
        over = now - dt.timedelta(seconds=1)
        default = {"has_default_password": True, "default_password_until": over}
        for columns in (
            {"locked_at": now},
            {"is_active": False},
            {"password": "!x"},
            default,
        ):
            with self.subTest(columns), transaction.atomic():
                Account.objects.filter(pk=self.an.pk).update(**columns)

                self.assertEqual(self.rows(self.an), [])
                self.assertEqual(self.sessions(self.an), set())
                transaction.set_rollback(True)
        self.assertEqual(len(self.rows(self.an)), 1)

    def test_where_they_alone_open_mail_no_own_hash_is_read(self):
        app = f"app-{self.made.row.pk}/{self.an.address}"
        self.assertIn(self.an.address, self.own())
        self.assertEqual(self.sessions(self.an), {f"0/{self.an.address}", app})
        with override_settings(APP_PASSWORDS="only"):
            copy_domains()

        self.assertEqual(self.own(), set())
        self.assertEqual(self.sessions(self.an), {app})
        self.assertEqual(self.sessions(self.binh), set())
        self.assertEqual(len(self.rows(self.an)), 1)

        copy_domains()

        self.assertIn(self.an.address, self.own())

    def test_to_say_so_ends_what_is_open_once(self):
        kicks = Message.objects.filter(channel=Message.Channel.KICK)
        door = {"DOVEADM_URL": "https://mail.example.vn:8080", "APP_PASSWORDS": "only"}
        with override_settings(**door):
            for _ in range(2):
                copy_domains()

        self.assertEqual({kick.to for kick in kicks}, {f"*@{d}" for d in settings.MAIL_DOMAINS})
        self.assertEqual(kicks.count(), len(settings.MAIL_DOMAINS))

    def test_the_row_is_looked_up_by_indexes_where_there_are_many(self):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(
                "EXPLAIN SELECT app.password FROM mail_senders AS known"
                " JOIN mail_app_passwords AS app ON app.username = known.username"
                " WHERE known.local = regexp_replace('0/an', '^.*/', '')"
                " AND known.domain = 'hagiang.gov.vn' AND app.digest = 'a1'"
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())

        self.assertIn("an_app_password_is_found_alone", plan)
        self.assertNotIn("Seq Scan on accounts_a", plan)


class RoleTests(TransactionTestCase):
    def setUp(self):
        cast.make("an")
        self.apply()
        self.addCleanup(self.drop)

    def apply(self):
        call_command("mail_role", "--apply", "--role", ROLE, stdout=io.StringIO())

    def drop(self):
        with connection.cursor() as cursor:
            cursor.execute(f"RESET ROLE; DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")

    def may(self, statement):
        """Try a statement as the mail server."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {ROLE}")
            try:
                cursor.connection.execute(statement)
            except REFUSALS:
                return False
            finally:
                cursor.execute("RESET ROLE")
        return True

    def test_it_reads_its_views(self):
        for view in VIEWS:
            with self.subTest(view):
                self.assertTrue(self.may(f"SELECT * FROM {view}"))

    def test_it_reads_no_table_and_no_other_view(self):
        tables = [
            name
            for (name,) in read(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'v', 'm', 'p', 'S')"
            )
        ]
        self.assertIn("accounts_account", tables)
        self.assertIn("mail_reach", tables)
        for name in set(tables) - set(VIEWS):
            with self.subTest(name):
                self.assertFalse(self.may(f"SELECT 1 FROM {name}"))

    def test_it_writes_nothing(self):
        for view in VIEWS:
            for statement in (f"DELETE FROM {view}", f"INSERT INTO {view} DEFAULT VALUES"):
                with self.subTest(statement):
                    self.assertFalse(self.may(statement))
        self.assertFalse(self.may("CREATE TABLE public.x ()"))

    def test_it_charges_no_meter(self):
        functions = read(
            "SELECT proname, has_function_privilege(%s, oid, 'EXECUTE') FROM pg_proc"
            " WHERE proname ~ '^otp_(charge|give_back)'",
            ROLE,
        )

        self.assertEqual({may for _name, may in functions}, {False}, functions)

    def test_to_apply_it_again_takes_back_what_somebody_gave_it(self):
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT SELECT ON accounts_account TO {ROLE}")

        self.apply()

        self.assertFalse(self.may("SELECT 1 FROM accounts_account"))
        self.assertTrue(self.may("SELECT 1 FROM mail_passdb"))

    def look(self):
        rights = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
        ((*rights, settings),) = read(
            f"SELECT {rights}, rolconfig FROM pg_roles WHERE rolname = %s", ROLE
        )
        return rights, set(settings or ())

    def test_it_can_do_nothing_but_log_in(self):
        limits = {
            "default_transaction_read_only=on",
            "statement_timeout=10s",
            "idle_in_transaction_session_timeout=10s",
        }

        self.assertEqual(self.look(), ([True, False, False, False, False, False], limits))

    def test_one_that_was_there_before_can_do_nothing_but_log_in_either(self):
        made = self.look()
        for was in (
            "SUPERUSER",
            "NOLOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS",
            "SET statement_timeout = '1d'",
            "RESET ALL",
        ):
            with self.subTest(was):
                with connection.cursor() as cursor:
                    cursor.execute(f"ALTER ROLE {ROLE} {was}")
                self.assertNotEqual(self.look(), made)

                self.apply()

                self.assertEqual(self.look(), made)

    def test_one_that_is_as_it_should_be_needs_no_right_over_roles(self):
        """After an upgrade the portal's own role gives it the new views."""
        said = io.StringIO()

        call_command("mail_role", "--role", ROLE, stdout=said)

        self.assertNotIn("ROLE", said.getvalue().replace(ROLE, ""))

    def test_what_is_printed_does_the_same(self):
        self.drop()
        said = io.StringIO()
        call_command("mail_role", "--role", ROLE, stdout=said)
        self.assertEqual(read("SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE), [])

        with connection.cursor() as cursor:
            cursor.execute(said.getvalue())

        self.assertTrue(self.may("SELECT 1 FROM mail_passdb"))
        self.assertFalse(self.may("SELECT 1 FROM accounts_account"))

    def test_a_database_owner_who_may_not_make_roles_is_told_what_to_do(self):
        owner = f"mailportal_small_owner_{os.getpid()}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {owner}; SET ROLE {owner}")
        try:
            with self.assertRaisesMessage(CommandError, "to a superuser"):
                call_command("mail_role", "--apply", "--role", "mailportal_never")
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"RESET ROLE; DROP ROLE {owner}")

    def test_a_name_is_quoted(self):
        said = io.StringIO()

        call_command("mail_role", "--role", 'x"; DROP TABLE y; --', stdout=said)

        self.assertIn('CREATE ROLE "x""; DROP TABLE y; --" LOGIN', said.getvalue())
