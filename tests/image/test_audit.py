"""What .ci/audit.py makes of the answers of pip-audit: a fault fails, silence is no clean bill."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from django.test import SimpleTestCase

from tests.support.programs.deployment import ROOT

CLEAN = {"name": "a", "version": "1", "vulns": []}
FAULTY = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


class AuditTests(SimpleTestCase):
    def audit(self, answer):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = folder / "pip-audit"
        program.write_text(
            f"#!{sys.executable}\nimport sys\n"
            "(place,) = [each[9:] for each in sys.argv if each.startswith('--output=')]\n"
            f"answer = {answer!r}\n"
            "if answer: open(place, 'w').write(answer)\n"
            "sys.exit(0 if answer else 1)\n"
        )
        program.chmod(0o755)
        done = subprocess.run(
            [sys.executable, ".ci/audit.py", program, "deploy/requirements.txt"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def of(self, *dependencies):
        return self.audit(json.dumps({"dependencies": dependencies}))

    def test_a_fault_fails_and_is_named(self):
        code, said = self.of(CLEAN, FAULTY, SKIPPED)

        self.assertEqual(code, 1)
        self.assertIn("b 2: CVE-1, mended by 3", said)
        self.assertIn("2 of 3 packages audited, 1 faults", said)

    def test_what_was_looked_up_is_counted(self):
        code, said = self.of(CLEAN, SKIPPED)

        self.assertEqual(code, 0)
        self.assertIn("1 of 2 packages audited, 0 faults", said)

    def test_where_nothing_was_looked_up_it_says_so(self):
        for answer in ("", "no JSON", "{}", json.dumps({"dependencies": [SKIPPED]})):
            with self.subTest(answer):
                code, said = self.audit(answer)

                self.assertEqual(code, 0)
                self.assertIn("NOTHING WAS AUDITED", said)
