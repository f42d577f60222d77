"""`make lint` refuses migrations under which the release before could not go on serving."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from django.test import TransactionTestCase

from tests.support.programs import deployment, releases
from tests.support.programs.deployment import ROOT

REFUSED = {
    "drops_a_column": 'migrations.RemoveField("message", "reason")',
    "renames_a_column": 'migrations.RenameField("message", "gateway_id", "supplier_id")',
    "renames_a_table": 'migrations.RenameModel("Brakes", "Ceilings")',
    "drops_a_table": 'migrations.RunSQL("DROP TABLE otp_brakes", migrations.RunSQL.noop)',
    "must_be_filled": 'migrations.AddField("code", "x", models.IntegerField(default=0))',
    "stops_writing": 'migrations.AddIndex("code", models.Index(fields=["used_at"], name="x"))',
    "changes_a_type": 'migrations.AlterField("code", "ordinal", models.BigIntegerField())',
}
TAKEN = {
    "may_be_empty": 'migrations.AddField("code", "y", models.IntegerField(null=True))',
    "has_a_default": 'migrations.AddField("code", "z", models.IntegerField(db_default=0))',
    "adds_a_table": 'migrations.CreateModel("New", [("x", models.TextField(primary_key=True))])',
}
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("otp", "{before}")]
    operations = [{operation}]
"""


class LintTests(TransactionTestCase):
    def setUp(self):
        self.place = Path(tempfile.mkdtemp(prefix="mailportal-lint-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        releases.lay_present(self.place)

    def lint(self):
        """Run the line of `make lint` on the code at the place; give the ended process."""
        lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        (line,) = (line for line in lines if "lintmigrations" in line)
        return subprocess.run(
            ["sh", "-c", line.strip().replace("$(BIN)/python", sys.executable)],
            cwd=self.place,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": deployment.database_url(),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def write(self, migrations):
        folder = self.place / "otp" / "migrations"
        before = max(folder.glob("[0-9]*.py")).stem
        for number, (name, operation) in enumerate(migrations.items(), 9001):
            text = MIGRATION.format(before=before, operation=operation)
            before = f"{number}_{name}"
            (folder / f"{before}.py").write_text(text, encoding="utf-8")

    def test_those_the_release_before_would_stumble_over_are_refused_and_no_others(self):
        self.write(TAKEN | REFUSED)

        done = self.lint()

        refused = re.findall(r"(\S+)\)\.\.\. ERR", done.stdout)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual({name.partition("_")[2] for name in refused}, {*REFUSED}, done.stdout)
