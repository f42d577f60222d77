"""What an operator copies works as it is: nginx before and after the certificate, the units."""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import SimpleTestCase, TransactionTestCase
from psycopg import sql

from tests.support.programs import deployment
from tests.support.programs.deployment import ROOT
from tests.support.programs.ports import free_port

DEPLOY = ROOT / "deploy"


def run(*command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.mark.program("nginx")
class NginxTests(SimpleTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_before_there_is_a_certificate(self):
        self.assert_starts("nginx-first.conf")

    def test_with_its_certificates(self):
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=x", "-keyout", self.folder / "key", "-out"),
            self.folder / "chain",
        )

        self.assert_starts("nginx.conf")

    def test_without_them_it_names_the_file(self):
        done = self.check("nginx.conf")

        self.assertIn("cannot load certificate", done.stdout)

    def assert_starts(self, name):
        done = self.check(name)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("test is successful", done.stdout)

    def check(self, name):
        """Have nginx read a file of deploy/, with its ports and places of this test."""
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for port in ("80", "443"):
            free = str(free_port())
            text = re.sub(rf"listen (\[::\]:)?{port}\b", rf"listen \g<1>{free}", text)
        text = re.sub(r"/etc/letsencrypt/live/[^/]+/fullchain.pem", f"{self.folder}/chain", text)
        text = re.sub(r"/etc/letsencrypt/live/[^/]+/privkey.pem", f"{self.folder}/key", text)
        text = text.replace("/var/log/nginx", str(self.folder))
        whole = self.folder / "nginx.conf"
        whole.write_text(
            f"pid {self.folder}/pid; error_log stderr; events {{}} http {{\n{text}\n}}\n",
            encoding="utf-8",
        )
        return run("/usr/sbin/nginx", "-t", "-p", self.folder, "-c", whole)


@pytest.mark.program("systemd-analyze")
class UnitTests(SimpleTestCase):
    def test_systemd_reads_each_unit_without_a_complaint(self):
        units = sorted((DEPLOY / "systemd").glob("*.service"))
        self.assertGreater(len(units), 2)
        for unit in units:
            with self.subTest(unit.name), tempfile.TemporaryDirectory() as folder:
                # The portal is somewhere else here.
                text = unit.read_text(encoding="utf-8")
                text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text)
                (Path(folder) / unit.name).write_text(text, encoding="utf-8")

                done = run("systemd-analyze", "verify", Path(folder) / unit.name)

                ours = [line for line in done.stdout.splitlines() if unit.name in line]
                self.assertEqual(ours, [])


class CommandTests(SimpleTestCase):
    """Blocks to copy: what is named in them is there."""

    def test_every_file_of_deploy_that_is_copied_is_there(self):
        pages = (
            (ROOT / "docs" / name).read_text("utf-8") for name in ("operate.md", "van-hanh.md")
        )
        named = {path for page in pages for path in re.findall(r"deploy/[\w./-]*\w", page)}

        self.assertGreater(len(named), 5)
        for path in named - {"deploy/env", "deploy/networks"}:
            with self.subTest(path):
                self.assertTrue((ROOT / path).exists())

    def test_every_setting_that_is_told_is_read(self):
        example = (DEPLOY / "env.example").read_text(encoding="utf-8")
        compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
        known = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
        known |= set(re.findall(r"\$\{([A-Z_]+)", compose))
        for name in ("operate.md", "van-hanh.md", "upgrade.md"):
            page = (ROOT / "docs" / name).read_text(encoding="utf-8")
            told = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", page))
            with self.subTest(name):
                self.assertEqual(told - known, set())


class OwnerTests(TransactionTestCase):
    """The database as docs/operate.md has it made: its owner is no superuser."""

    def setUp(self):
        self.name = f"first_day_{os.getpid()}"
        self.do("CREATE ROLE {} LOGIN")
        self.addCleanup(self.do, "DROP ROLE {}")
        self.do("CREATE DATABASE {} OWNER {}")
        self.addCleanup(self.do, "DROP DATABASE {} WITH (FORCE)")
        at = connection.settings_dict
        host = quote(at["HOST"] or "localhost", safe="")
        self.url = f"postgresql://{self.name}@{host}:{at['PORT'] or 5432}/{self.name}"

    def do(self, statement):
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement.replace("{}", self.name)))

    def manage(self, *arguments):
        done = deployment.run("manage.py", *arguments, DATABASE_URL=self.url)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_it_makes_every_table_and_prunes_the_trail(self):
        self.manage("migrate", "--verbosity", "0")

        self.manage("prune_audit")
        self.manage("verify_audit")
