"""Restores as the operator makes them: what was counted still counts, and nothing is half done."""

import json
import os
import signal
import threading
from contextlib import closing
from urllib.parse import quote

import psycopg
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from accounts.models import Account, AuditEvent
from otp import codes
from otp.models import Code
from tests.support.cast import ASK, CODE, LOGIN
from tests.support.programs.deployment import SECRETS, Server, Visitor, start_each
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for
from tests.upkeep.backups import Backups, made

PEOPLE = 1000


class _Caller:
    """The server as somebody at another address reaches it."""

    def __init__(self, server, address):
        self.server, self.address = server, address

    def request(self, method, path, body=None, **headers):
        return self.server.request(method, path, body, X_Forwarded_For=self.address, **headers)


class _Traffic(threading.Thread):
    """People who ask for codes, one after the other, until told to end."""

    def __init__(self, server):
        super().__init__()
        self.server, self.faults = server, []
        self._over = threading.Event()

    def run(self):
        for n in range(PEOPLE):
            if self._over.is_set():
                return
            visitor = Visitor(_Caller(self.server, f"203.0.113.{n % 250}"))
            page = visitor.post(ASK, address=f"nguoi.{n}@hagiang.gov.vn")
            if "mã" not in page:
                self.faults.append(page)

    def end(self):
        self._over.set()
        self.join()


class RestoreTests(Backups):
    def test_a_restore_is_refused_in_one_line(self):
        file = self.back_up()
        with psycopg.connect(self.scratch) as scratch:
            scratch.execute("CREATE TABLE kept AS SELECT 1")
        other = self.place / "other"
        made(["age-keygen", "-o", str(other)])
        cut = self.directory / "cut.dump.age"
        cut.write_bytes(file.read_bytes()[:-200])
        into = {"DATABASE_URL": self.scratch}
        self.assert_each_refused(
            ("there is no such file", ("restore", "/none.dump.age"), into),
            ("--identity", ("restore", file), into),
            ("name ends in", ("restore", self.key), into),
            ("is not empty", ("restore", file, "--identity", self.key), into),
            ("age: ", ("restore", file, "--identity", other, "--replace"), into),
            ("Nothing was changed", ("restore", cut, "--identity", self.key, "--replace"), into),
        )
        with psycopg.connect(self.scratch) as scratch:
            self.assertEqual(scratch.execute("SELECT * FROM kept").fetchall(), [(1,)])

    def test_it_is_refused_while_others_use_the_database(self):
        file = self.back_up()
        with closing(psycopg.connect(self.scratch)):
            r = self.restore(file, self.scratch, "--replace")

        self.assert_refused(r, "1 other sessions use the database")

    def test_so_it_is_while_they_have_another_role(self):
        file = self.back_up()
        role = f"restorer_{os.getpid()}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {role} LOGIN")
            self.addCleanup(self.drop_role, role)
        at = connection.settings_dict
        host = f"{quote(at['HOST'], safe='')}:{at['PORT'] or 5432}"
        into = f"postgresql://{role}@{host}/{self.scratch.rpartition('/')[2]}"
        with closing(psycopg.connect(self.scratch)):
            r = self.restore(file, into, "--replace")

        self.assert_refused(r, "1 other sessions use the database")

    def test_the_rehearsal(self):
        now = timezone.now()
        Account.objects.bulk_create(
            Account(
                address=f"nguoi.{n}@hagiang.gov.vn",
                full_name=f"Người {n}",
                phone=f"+8491{n:07}",
                phone_confirmed_at=now,
            )
            for n in range(PEOPLE)
        )
        server = Server()
        visitor = Visitor(server)
        visitor.post(ASK, address="an@hagiang.gov.vn")
        asked = Code.objects.get()
        traffic = _Traffic(server)
        traffic.start()
        self.addCleanup(traffic.end)
        wait_for(lambda: Code.objects.count() > 3, "traffic", log=server.log)
        before = set(Code.objects.values_list("pk", flat=True))

        file = self.back_up()
        traffic.end()
        server.end()
        self.assertEqual(traffic.faults, [])
        into = self.database("restored")
        r = self.restore(file, into)

        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("rows are whole", r.stdout)
        with psycopg.connect(into) as restored:
            count = restored.execute("SELECT count(*) FROM accounts_account").fetchone()
            self.assertEqual(count, (Account.objects.count(),))
            there = {pk for (pk,) in restored.execute("SELECT id FROM otp_code")}
            self.assertLessEqual(before, there)
            chained = restored.execute("SELECT count(*) FROM accounts_auditlink").fetchone()[0]
        self.assertLessEqual(chained, AuditEvent.objects.count())
        again = Server(DATABASE_URL=into)
        self.addCleanup(again.end)
        visitor.server = again
        with override_settings(OTP_PEPPERS=[SECRETS["OTP_PEPPER"]]):
            digits = codes.digits(asked.pk, asked.pepper_id)
        self.assertIn("Nhập mật khẩu mới", visitor.post(CODE, code=digits))
        # The day is counted on: this was the first of two, and the gap is not over.
        with psycopg.connect(into) as restored:
            visitor.post(ASK, address="an@hagiang.gov.vn")
            asked = restored.execute(
                "SELECT count(*) FROM otp_code WHERE address_key = %s", [asked.address_key]
            )
            self.assertEqual(asked.fetchone(), (1,))


# Sleeps where a session asks for it by `hold.step`: in the midst of each step after the commit.
HELD = """
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('hold.step', true) = TG_TABLE_NAME THEN PERFORM pg_sleep(600); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER held BEFORE INSERT ON django_migrations FOR EACH ROW EXECUTE FUNCTION held();
CREATE TRIGGER held BEFORE INSERT OR UPDATE ON accounts_audithead
    FOR EACH ROW EXECUTE FUNCTION held();
"""
FREE = "DROP FUNCTION held CASCADE"
UNDO_LAST = """
DELETE FROM django_migrations WHERE app = 'otp' AND name = '0031_meters_by_key_alone'
"""
REDO_LAST = """
INSERT INTO django_migrations (app, name, applied)
VALUES ('otp', '0031_meters_by_key_alone', now())
"""
IS_LAST = "SELECT 1 FROM django_migrations WHERE name = '0031_meters_by_key_alone'"
# Asked from the database of the tests: in the restored one nobody else may be.
SESSIONS = "SELECT pid, wait_event FROM pg_stat_activity WHERE datname = %s"
END = "SELECT pg_terminate_backend(%s, 5000)"
# Programs that do what they are for, whole or in part, and take the restore with them.
AGE_KILLS = """#!/bin/sh
{age} "$@" | head -c 20000
kill -9 $PPID
"""
PSQL_KILLS = """#!/bin/sh
{psql} "$@"
kill -9 $PPID
"""
PSQL_DIES = """#!/bin/sh
{psql} "$@"
exit 2
"""


class KilledTests(Backups):
    def setUp(self):
        super().setUp()
        AuditEvent.record(AuditEvent.Event.LOGGED_OUT, self.an)
        with connection.cursor() as cursor:
            cursor.execute(HELD + UNDO_LAST)
            try:
                self.file = self.back_up(BACKUP_SCRATCH_URL="")
            finally:
                cursor.execute(FREE + ";" + REDO_LAST)
        self.into = self.database("restored")

    def killed_by(self, name, text):
        command = ("restore", str(self.file), "--identity", str(self.key), "--replace")
        path = self.program(name, text)
        r = self.manage(*command, DATABASE_URL=self.into, PATH=path)
        self.assertEqual(r.returncode, -signal.SIGKILL, r.stderr)

    def killed_in(self, table):
        """Kill it while it writes to a table."""
        environment = self.environment(DATABASE_URL=f"{self.into}?options=-c%20hold.step%3D{table}")
        command = ("restore", str(self.file), "--identity", str(self.key), "--replace")
        said = Output()
        self.addCleanup(said.close)
        restoring = Program("manage.py", *command, env=environment, stdout=said, stderr=said)
        wait_for(
            lambda: "PgSleep" in self.sessions().values(),
            f"a restore that writes to {table}",
            log=said.text,
        )
        restoring.kill()
        self.assertEqual(restoring.wait(), -signal.SIGKILL)
        with connection.cursor() as cursor:
            cursor.executemany(END, [[pid] for pid in self.sessions()])

    def sessions(self):
        """Give who is in the restored database, and what each waits for."""
        with connection.cursor() as cursor:
            cursor.execute(SESSIONS, [self.into.rpartition("/")[2]])
            return dict(cursor.fetchall())

    def ask_there(self, query):
        with closing(psycopg.connect(self.into, autocommit=True)) as into:
            return into.execute(query).fetchall()

    def assert_nothing_begins(self):
        """Pages, sender, worker and `migrate` say what to do, and do nothing else."""
        server = Server(DATABASE_URL=self.into)
        self.addCleanup(server.end)
        ready, page = server.request("GET", "/readyz"), server.request("GET", LOGIN)
        logged = server.log()
        server.end()
        self.assertEqual(ready.status, 503)
        self.assertEqual(json.loads(ready.text), {"database": True, "restored": False})
        self.assertEqual(page.status, 503)
        self.assertIn("run `manage.py restore`", logged)
        into = {"DATABASE_URL": self.into}
        ends = start_each(
            [
                (["manage.py", *command], self.environment(**into))
                for command in (["deliver_messages", "--once"], ["work_jobs"], ["migrate"])
            ]
        )
        for end in ends:
            self.assertEqual(end.returncode, 1, end.stdout)
            self.assertIn(f"{self.file.name} was put back into the database", end.stdout)
            self.assertIn("manage.py restore, without a file, does the rest", end.stdout)

    def assert_the_rest_is_done(self, *command):
        r = self.manage("restore", *command, DATABASE_URL=self.into)

        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn(f"{self.file.name} was put back before", r.stdout)
        self.assertIn("rows are whole", r.stdout)
        self.assertIn(f"{self.file.name} is restored.", r.stdout)
        self.assertEqual(self.ask_there(IS_LAST), [(1,)])
        server = Server(DATABASE_URL=self.into)
        self.addCleanup(server.end)
        self.assertEqual(server.request("GET", LOGIN).status, 200)
        self.assertIs(json.loads(server.request("GET", "/readyz").text)["restored"], True)
        server.end()

    def test_before_the_commit_nothing_is_changed(self):
        with closing(psycopg.connect(self.into, autocommit=True)) as into:
            into.execute("CREATE TABLE kept AS SELECT 1")

        self.killed_by("age", AGE_KILLS)

        wait_for(lambda: not self.sessions(), "the end of psql")
        self.assertEqual(self.ask_there("SELECT * FROM kept"), [(1,)])
        r = self.manage("restore", DATABASE_URL=self.into)
        self.assert_refused(r, "None was broken off")

    def test_after_the_commit_the_rest_waits(self):
        self.killed_by("psql", PSQL_KILLS)

        self.assert_nothing_begins()
        self.assert_the_rest_is_done()

    def test_so_it_does_from_each_later_step(self):
        for table in ("django_migrations", "accounts_audithead"):
            with self.subTest(table):
                self.killed_in(table)

                self.assert_nothing_begins()
                self.assert_the_rest_is_done(str(self.file))

    def test_another_backup_is_not_taken_for_it(self):
        self.killed_by("psql", PSQL_KILLS)
        other = self.file.with_name("other.dump.age")
        other.symlink_to(self.file)

        r = self.restore(other, self.into)

        self.assert_refused(r, f"{self.file.name} was put back, and the rest is not done")
        r = self.restore(other, self.into, "--replace")
        self.assertIn(f"{other.name} is restored.", r.stdout, r.stderr)

    def test_a_commit_that_is_not_answered_is_told_and_said_again(self):
        path = self.program("psql", PSQL_DIES)
        command = ("restore", str(self.file), "--identity", str(self.key))

        r = self.manage(*command, DATABASE_URL=self.into, PATH=path)

        self.assertEqual(r.returncode, 1)
        self.assertIn(f"Whether {self.file.name} was put back is not known", r.stderr)
        self.assert_the_rest_is_done(str(self.file))

    def test_a_trail_that_is_not_whole_is_told_and_left_to_the_office(self):
        self.killed_by("psql", PSQL_KILLS)
        with closing(psycopg.connect(self.into, autocommit=True)) as into:
            into.execute("SET session_replication_role = replica")
            into.execute("UPDATE accounts_auditevent SET reason = 'forged'")

        r = self.manage("restore", DATABASE_URL=self.into)

        self.assertEqual(r.returncode, 1)
        self.assertIn("docs/breach.md. The audit trail is not whole: 1 faults", r.stderr)
        self.assertNotIn("is restored.", r.stdout)
        again = self.manage("restore", DATABASE_URL=self.into)
        self.assert_refused(again, "None was broken off")
