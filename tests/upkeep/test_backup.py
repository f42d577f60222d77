"""Backups as the operator makes them: encrypted, tried out by a restore, kept for some days."""

import datetime as dt
import os
import subprocess
import time
from urllib.parse import quote

import psycopg
from django.db import connection

from accounts.audit import portal_role
from accounts.models import Account, Upkeep
from tests.support.programs.deployment import database_url
from tests.upkeep.backups import Backups


class BackupTests(Backups):
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

    def test_servers_before_postgresql_17_are_told_nothing_that_they_refuse(self):
        said = self.place / "said"
        path = self.program("psql", f'#!/bin/sh\ntee -a {said} | {{psql}} "$@"\n')

        file = self.back_up(PATH=path)
        command = ("restore", str(file), "--identity", str(self.key))
        r = self.manage(*command, DATABASE_URL=self.database("older"), PATH=path)

        self.assertEqual(r.returncode, 0, r.stderr)
        told = said.read_text()
        self.assertEqual(told.count("SET idle_in_transaction_session_timeout = 0;"), 2)
        self.assertNotIn("SET transaction_timeout", told)

    def test_a_backup_that_cannot_be_restored_is_none(self):
        r = self.manage(
            "backup", str(self.directory), PATH=self.program("psql", "#!/bin/sh\nexit 3\n")
        )

        self.assert_refused(r, "psql: ended with 3")
        self.assertEqual(list(self.directory.iterdir()), [])

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
