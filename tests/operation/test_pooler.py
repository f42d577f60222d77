"""PgBouncer before the database: pages go through it, what waits for messages goes past it."""

import os
from contextlib import closing
from unittest import mock

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.db.utils import ConnectionHandler
from django.test import SimpleTestCase, TransactionTestCase, override_settings
from environs import FileAwareEnv

from accounts.models import AuditEvent, Job
from accounts.upkeep.running import AT_ONCE
from mailportal import postgresql
from mailportal.postgresql import address
from otp import outbox
from otp.models import Message
from otp.outbox.sender import LANES
from tests.house.test_docs import number_in
from tests.support import cast, template
from tests.support.cast import ASK, CODE, FACTOR, LOGIN, NEW, NEW_PASSWORD, PASSWORD, token_of
from tests.support.loading import csv_of
from tests.support.programs import deployment, gateway
from tests.support.programs.deployment import Server, Visitor, database_url
from tests.support.programs.output import Output
from tests.support.programs.pgbouncer import PgBouncer
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for

LIMITS = postgresql.PAGE.parameters()

# Connections, as docs/operate.md counts them.
THREADS = number_in("deploy/gunicorn.conf.py", "threads =")
SENDER = LANES + 3
WORKER = 8 + AT_ONCE + 2


class BudgetTests(SimpleTestCase):
    def test_the_pages_words_are_what_the_code_takes(self):
        page = (settings.BASE_DIR / "docs" / "operate.md").read_text()
        for process, count in (
            ("a web process", THREADS),
            ("a sender", SENDER),
            ("a worker", WORKER),
        ):
            self.assertIn(f"| {process} | {count} |", page)
        host = 2 * THREADS + SENDER + WORKER
        self.assertIn(
            f"2 × {THREADS} + {SENDER} + {WORKER} = {host}, three of them {3 * host},", page
        )
        for name, value in LIMITS.items():
            self.assertIn(f"ALTER ROLE mailportal_app SET {name} = '{value}';", page)


def pages(url, pooler):
    """Give a connection as the pages of such a set-up have it."""
    with mock.patch.dict(os.environ, {"DATABASE_URL": url}):
        database = address.database(FileAwareEnv(), "DATABASE_URL", pooler=pooler)
    return ConnectionHandler({"default": database})["default"]


class AddressTests(SimpleTestCase):
    def test_commands_go_past_the_pooler_and_pages_through_it(self):
        shown = "from django.conf import settings; print(settings.DATABASES['default']['PORT'])"
        changes = {
            "DATABASE_URL": "postgresql://u:p@127.0.0.1:6432/mailportal",
            "DATABASE_DIRECT_URL": "postgresql://u:p@127.0.0.1:5432/mailportal",
            "DATABASE_POOLER": "transaction",
        }
        start = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'mailportal.settings'; "

        by_command = deployment.run("manage.py", "shell", "-v", "0", "-c", shown, **changes)
        by_page = deployment.run("-c", start + shown, **changes)

        self.assertEqual((by_command.stdout, by_page.stdout), ("5432\n", "6432\n"))

    def test_a_pooler_needs_the_address_behind_it(self):
        done = deployment.run("manage.py", "check", DATABASE_POOLER="session")

        self.assertEqual(
            done.stdout,
            "mailportal: DATABASE_POOLER needs DATABASE_DIRECT_URL, which is not set.\n",
        )


@pytest.mark.program("pgbouncer")
class WorkTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()

    def test_pages_the_sender_and_the_worker_work_with_sessions(self):
        self.work("session", size=THREADS)

    def test_pages_the_sender_and_the_worker_work_with_transactions_that_share_two(self):
        self.work("transaction", size=2)

    def work(self, mode, size):
        pooler = PgBouncer(self, mode, size=size)
        supplier = gateway.supply(self)
        self.changes = {
            "DATABASE_URL": pooler.url,
            "DATABASE_DIRECT_URL": database_url(),
            "DATABASE_POOLER": mode,
            "OTP_PEPPER": os.environ["OTP_PEPPER"],
        } | supplier.environment()
        self.start("deliver_messages", "sender: started")
        self.start("work_jobs", "worker: started")
        wait_for(outbox.sender_is_alive, "the sender's first sign of life")
        server = Server(**self.changes)
        self.addCleanup(server.end)

        self.reset_password(server, supplier)
        self.look_around(server)
        self.load(server)
        self.assertNotIn("ERROR", server.log())
        taken = self.connections()
        self.assertLessEqual(taken["deliver_messages"], SENDER)
        self.assertLessEqual(taken["work_jobs"], WORKER)

    def connections(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT application_name, count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() GROUP BY 1"
            )
            return dict(cursor.fetchall())

    def start(self, command, words):
        log = self.enterContext(closing(Output()))
        direct = f"{database_url()}?application_name={command}"
        process = Program(
            "manage.py",
            command,
            env=deployment.environment(**self.changes | {"DATABASE_DIRECT_URL": direct}),
            stderr=log,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_for(lambda: words in log.text(), words, log=log.text)

    def reset_password(self, server, supplier):
        visitor = Visitor(server)
        visitor.post(ASK, address="an")
        wait_for(
            lambda: not Message.objects.filter(channel="sms", state="queued").exists(),
            "the sender to take the code",
            log=server.log,
        )
        visitor.post(CODE, code=cast.newest_code())
        visitor.post(NEW, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        visitor.post(LOGIN, username="an", password=NEW_PASSWORD)
        self.assertEqual(visitor.last.status, 200)
        kinds = set(AuditEvent.objects.values_list("event", flat=True))
        self.assertLessEqual({"code-right", "password-reset", "logged-in"}, kinds)

    def look_around(self, server):
        staff = cast.make_staff("it")
        self.desk = Visitor(server)
        self.desk.post(LOGIN, username="it", password=PASSWORD)
        self.desk.post(FACTOR, token=token_of(staff))
        for page in (
            "/ho-tro/?q=binh",
            "/quan-tri/bao-cao/",
            "/quan-tri/accounts/auditevent/",
            "/quan-tri/accounts/auditevent/xuat/",
            "/readyz",
        ):
            self.desk.get(page)
            self.assertEqual(self.desk.last.status, 200, (page, self.desk.last.text[:300]))
        self.staff = staff

    def load(self, server):
        job = Job.ask_import(self.staff, csv_of(["nguoi.1", "Người", *[""] * 5]), add_units=False)

        def tried():
            job.refresh_from_db()
            return job.state == "asking"

        wait_for(tried, "the worker to try the file", log=server.log)
        Job.objects.all().delete()


@pytest.mark.program("pgbouncer")
class LimitTests(TransactionTestCase):
    def setUp(self):
        self.enterContext(template.patient(postgresql.PAGE))

    def limits_of(self, pages):
        with closing(pages), pages.cursor() as cursor:
            cursor.execute(
                "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [[*LIMITS]]
            )
            return dict(cursor.fetchall())

    def test_sessions_have_their_limits(self):
        pooler = PgBouncer(self, "session")

        self.assertEqual(self.limits_of(pages(pooler.url, "session")), LIMITS)

    def test_transactions_have_those_of_the_role_and_leave_nothing_behind(self):
        pooler = PgBouncer(self, "transaction", size=1)
        first, second = pages(pooler.url, "transaction"), pages(pooler.url, "transaction")
        with closing(first):
            first.ensure_connection()
            first.take_long()

            self.assertEqual(self.limits_of(second), dict.fromkeys(LIMITS, "0"))

    def found(self, url, pooler=""):
        own = pages(url, pooler).settings_dict
        with override_settings(DATABASE_URL=url, DATABASE_POOLER=pooler, DATABASE_OF_PAGES=own):
            faults = run_checks(tags=["database"], databases=["default"])
        return {fault.id: str(fault) for fault in faults}

    def test_a_check_names_the_setting_where_the_pooler_refuses_or_drops_the_limits(self):
        refusing = PgBouncer(self, "transaction")
        dropping = PgBouncer(self, "transaction", ignore_startup_parameters="options")

        for pooler in (refusing, dropping):
            self.assertIn("DATABASE_POOLER", self.found(pooler.url)["portal.W022"])
        self.assertNotIn("portal.W022", self.found(database_url()))

    def test_a_check_asks_for_the_limits_of_the_role(self):
        pooler = PgBouncer(self, "transaction")
        self.assertIn("ALTER ROLE", self.found(pooler.url, "transaction")["portal.W021"])

        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '3s'")
            self.addCleanup(self.reset, name)

        again = PgBouncer(self, "transaction")
        self.assertNotIn("portal.W021", self.found(again.url, "transaction"))

    def reset(self, name):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")
