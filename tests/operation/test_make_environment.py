"""`make environment`, which every other command of the Makefile asks for first."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

import pytest

from tests.support.programs.deployment import ROOT

NEEDED = ("Makefile", "requirements.txt", "requirements-run.txt")


@pytest.mark.program("make")
class LinkedEnvironmentTests(TestCase):
    """A clone whose environment is a link to that of another."""

    def setUp(self):
        scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.clone, self.other = scratch / "clone", scratch / "other"
        self.clone.mkdir()
        for name in NEEDED:
            shutil.copy(ROOT / name, self.clone)
        (self.other / "bin").mkdir(parents=True)
        (self.other / "bin" / "python").symlink_to(sys.executable)
        (self.other / "installed.txt").write_text("of before")
        (self.clone / ".venv").symlink_to(self.other)

    def make(self, *words):
        return subprocess.run(
            ["make", "--no-print-directory", f"PYTHON={sys.executable}", *words],
            cwd=self.clone,
            # No index: where all would be set up anew, that ends at once.
            env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "UV_NO_INDEX": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def held(self):
        return sorted(str(path.relative_to(self.other)) for path in self.other.rglob("*"))

    def test_one_that_holds_something_else_is_left_as_it_is_in_one_line(self):
        before = self.held()
        for words in (["environment"], ["environment", "VENV=.venv/"], ["test"], ["lint"]):
            with self.subTest(words):
                done = self.make(*words)

                said = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual((len(said), done.stdout), (1, ""), done)
                self.assertIn("is a link", said[0])
                self.assertEqual(self.held(), before)
                self.assertTrue((self.clone / ".venv").is_symlink())

    def test_so_is_one_that_leads_nowhere(self):
        shutil.rmtree(self.other)

        self.assertIn("is a link", self.make("environment").stderr)

        self.assertFalse(self.other.exists())

    def test_one_that_holds_what_is_needed_is_used(self):
        shutil.copy(ROOT / "requirements.txt", self.other / "installed.txt")

        done = self.make("environment")

        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
