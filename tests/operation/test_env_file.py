"""The environment file means the same to commands at a terminal as to the services."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.test import SimpleTestCase

from mailportal.env_file import read
from tests.support.programs import deployment, releases
from tests.support.programs.deployment import ROOT

GENERATOR = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
AD = "(&(mail={address})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"

# What a line says, or None where systemd ignores it.
LINES = {
    "A=(mail={address})": "(mail={address})",
    f"A={AD}": AD,
    "A=a b  c": "a b  c",
    "A=  a b \t": "a b",
    "A=a # b": "a # b",
    "A=#a;b": "#a;b",
    "A=": "",
    'A=""': "",
    "A='a # b'": "a # b",
    'A=" a b "': " a b ",
    'A="a\\"b\\\\c\\nd"': 'a"b\\c\\nd',
    "A='a\\\"b'": 'a\\"b',
    'A=it\'s "quoted"': 'it\'s "quoted"',
    "A='a'b": "ab",
    "A='a' 'b'": "ab",
    "A=a\\\\b": "a\\b",
    "A=a\\b": "ab",
    "A=a\\ ": "a ",
    "A=a\\\nb": "ab",
    "A='a\nb'": "a\nb",
    "A=a=b&c|d>e`f*?~": "a=b&c|d>e`f*?~",
    "  A = a": "a",
    "A=postgresql://u:p%40ss@h/d?sslmode=require": "postgresql://u:p%40ss@h/d?sslmode=require",
    "A=Tỉnh Hà Giang": "Tỉnh Hà Giang",
    "A=a\nA=b": "b",
    "#A=a": None,
    ";A=a": None,
    "  # A=a": None,
    "A": None,
    "export A=a": None,
    "1A=a": None,
    "A-B=a": None,
}


class ReadingTests(SimpleTestCase):
    def test_each_line_says_what_it_says_to_systemd(self):
        for line, value in LINES.items():
            for end in ("\n", "\r\n", ""):
                with self.subTest(line, end=end):
                    variables, _ = read(f"B=before\n{line}{end}")

                    self.assertEqual(variables.get("A"), value)
                    self.assertEqual(variables["B"], "before")

    def test_names_that_are_none_are_told(self):
        self.assertEqual(read("export A=1\nB=2\n"), ({"B": "2"}, ["export A"]))

    @pytest.mark.program("systemd-analyze")
    def test_systemd_reads_it_so(self):
        # The generator writes line breaks of values in a way of its own.
        single = {line: value for line, value in LINES.items() if "\n" not in (value or "")}
        for line, value in single.items():
            with self.subTest(line), tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "environment.d", "a.conf")
                file.parent.mkdir()
                file.write_text(f"B=before\n{line}\n", encoding="utf-8")

                said = subprocess.run(
                    [GENERATOR],
                    env={"XDG_CONFIG_HOME": folder, "HOME": folder},
                    capture_output=True,
                    check=True,
                )

                # It quotes for a shell, and leaves out what is empty.
                shell = ["bash", "-c", 'eval "$1"; printf %s "$B/$A"', "", said.stdout]
                found = subprocess.run(shell, env={}, capture_output=True, check=True).stdout
                self.assertEqual(found.decode(), f"before/{value or ''}")


class CommandTests(SimpleTestCase):
    """deploy/systemd/mailportal, with its two places moved."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.env = Path(folder.name, "env")
        text = (ROOT / "deploy" / "systemd" / "mailportal").read_text(encoding="utf-8")
        text = text.replace("/opt/mailportal/.venv/bin/python", sys.executable)
        text = text.replace("/opt/mailportal", str(ROOT))
        self.command = Path(folder.name, "mailportal")
        self.command.write_text(text.replace("/etc/mailportal", folder.name))
        self.command.chmod(stat.S_IRWXU)

    def run_(self, *arguments, **variables):
        return subprocess.run(
            [self.command, *arguments],
            env={"PATH": os.environ["PATH"], **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def test_a_command_sees_what_the_services_see(self):
        lines = [f"{name}={value}" for name, value in deployment.ENVIRONMENT.items()]
        lines += [f"DIRECTORY_FILTER={AD}  ", "", "# a comment", "PORT='8123'"]
        self.env.write_text("\r\n".join(lines))

        done = self.run_(
            "shell",
            "--no-imports",
            "--command",
            "from django.conf import settings as s; print(s.DIRECTORY_FILTER, s.PORT)",
        )

        self.assertEqual((done.returncode, done.stdout), (0, f"{AD} 8123\n"))

    def test_the_owner_is_known_to_commands_alone(self):
        whole = {**deployment.ENVIRONMENT, "PORT": "8123"}
        self.env.write_text("".join(f"{name}={value}\n" for name, value in whole.items()))
        self.env.with_name("owner").write_text("PORT='8124' \n")

        done = self.run_(
            "shell",
            "--no-imports",
            "--command",
            "from django.conf import settings as s; print(s.PORT)",
        )

        self.assertEqual((done.returncode, done.stdout), (0, "8124\n"))

    def test_the_code_of_the_next_release_may_be_named(self):
        self.env.write_text("".join(f"{n}={v}\n" for n, v in deployment.ENVIRONMENT.items()))
        releases.lay_present(self.env.with_name("next"))

        done = self.run_(
            "shell",
            "--no-imports",
            "--command",
            "from django.conf import settings as s; print(s.BASE_DIR)",
            MAILPORTAL=str(self.env.with_name("next")),
        )

        self.assertEqual(done.stdout, f"{self.env.with_name('next')}\n")

    def test_what_is_wrong_is_one_line(self):
        done = self.run_("check")
        self.assertEqual(done.stdout, f"mailportal: {self.env}: No such file or directory\n")
        self.assertEqual(done.returncode, 1)

        self.env.write_text("export SECRET_KEY=x\n")
        done = self.run_("check")

        self.assertIn("'export SECRET_KEY' is no name", done.stdout)
        self.assertIn("mailportal: SECRET_KEY is not set.", done.stdout)
