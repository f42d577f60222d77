"""`make run` as a developer sees it: it starts everything, shows the way, and leaves nothing.

It runs in a copy of the code, so that it keeps its data there and not in the developer's own var/.
"""

import contextlib
import functools
import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from unittest import TestCase

import psutil

from tests.support.programs import deployment
from tests.support.programs.deployment import ROOT
from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for, wait_for_end

NEEDED = ("accounts", "mailportal", "otp", "static", "templates", "deploy", "manage.py")
# As the Makefile does, where env can.
HOLD_INT = ("env", "--block-signal=INT") if Path("/etc/debian_version").exists() else ()
WELCOME = "Ctrl-C ends everything"


class Run:
    """One run of the command in a copy of the code, in a session of its own as in a terminal."""

    def __init__(self, tree, **variables):
        self.tree = tree
        self.port = variables.get("PORT") or free_port()
        self._said = Output()
        surroundings = {"PATH": os.environ["PATH"], "PORTAL_DEMO": "1", "PORT": str(self.port)}
        surroundings["WEB_CONCURRENCY"] = "1"
        self.command = subprocess.Popen(
            [*HOLD_INT, sys.executable, "manage.py", "demo"],
            cwd=tree,
            env=surroundings | {name: str(value) for name, value in variables.items()},
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._browser = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))

    def words(self):
        return self._said.text()

    def has_ended(self):
        return self.command.poll() is not None

    def wait_for_welcome(self):
        wait_for(lambda: WELCOME in self.words() or self.has_ended(), "the welcome", log=self.words)
        assert not self.has_ended(), self.words()

    def wait_for_end(self):
        wait_for(self.all_has_ended, "the end of all that was started", log=self.words)

    def all_has_ended(self):
        return self.has_ended() and not self.processes()

    def processes(self, word=""):
        """Give every process that works in the copy, whoever started it."""
        return [process for process in psutil.process_iter() if self._is_ours(process, word)]

    def _is_ours(self, process, word):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            command = " ".join(process.cmdline())
            return word in command and str(self.tree) in f"{process.cwd()} {command}"
        except psutil.Error:
            return False

    def open(self, path, **fields):
        """Open a page in one browser; with fields, fill in its form and send it."""
        page = self._ask(path)
        if not fields:
            return page
        fields["csrfmiddlewaretoken"] = re.search(r'token" value="([^"]+)"', page)[1]
        return self._ask(path, urllib.parse.urlencode(fields).encode())

    def is_ready(self):
        """Say whether all that a code needs is there; on a busy machine a sign may be late."""
        try:
            return '"sender": true' in self.open("/readyz")
        except urllib.error.HTTPError:
            return False

    def _ask(self, path, data=None):
        with self._browser.open(f"http://127.0.0.1:{self.port}{path}", data) as answer:
            return answer.read().decode()

    def end(self):
        """End what is left, in order if it still can be."""
        if not self.has_ended():
            self.command.terminate()
            with contextlib.suppress(AssertionError):
                self.wait_for_end()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        wait_for_end(self.command, "the command", log=self.words)
        self._said.close()


class MakeRunTests(TestCase):
    @classmethod
    def setUpClass(cls):
        # Resolved, because the processes are looked for by it.
        cls.tree = Path(tempfile.mkdtemp(prefix="run-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.tree)
        for name in NEEDED:
            if (ROOT / name).is_dir():
                # With what is compiled already: four processes at once would do it again.
                shutil.copytree(ROOT / name, cls.tree / name)
            else:
                shutil.copy(ROOT / name, cls.tree)

    def begin(self, **variables):
        run = Run(self.tree, **variables)
        self.addCleanup(run.end)
        return run

    def start(self):
        run = self.begin()
        run.wait_for_welcome()
        return run


class RunTests(MakeRunTests):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_ = Run(cls.tree)
        cls.addClassCleanup(cls.run_.end)
        cls.run_.wait_for_welcome()

    def test_it_shows_the_way(self):
        said = self.run_.words()

        for text in (
            f"http://127.0.0.1:{self.run_.port}/ ",
            f"http://127.0.0.1:{self.run_.port}/demo/ ",
            "Password of everybody: Ruong-bac-thang-7",
            "abc.xx@hagiang.gov.vn",
            "hotline@hagiang.gov.vn",
        ):
            self.assertIn(text, said)
        self.assertIn("Tên đăng nhập", self.run_.open("/"))
        self.assertIn("abc.xx@hagiang.gov.vn", self.run_.open("/demo/"))
        self.assertEqual(self.run_.open("/healthz"), "ok\n")

    def test_a_code_arrives_on_the_simulated_phone_and_works(self):
        page = self.run_.open("/quen-mat-khau/", address="trungtamcntt.stttt")

        self.assertIn("***345678", page)
        found = wait_for(
            lambda: re.search(r"dien tu: (\d{6})\.", self.run_.open("/demo/")),
            "the code on the simulated phone",
            log=self.run_.words,
        )
        page = self.run_.open("/quen-mat-khau/xac-thuc/", code=found[1])
        self.assertIn("Nhập mật khẩu mới", page)
        wait_for(self.run_.is_ready, "signs of life of all processes", log=self.run_.words)

    def test_a_web_process_that_is_killed_is_replaced(self):
        processes = self.run_.processes("gunicorn")
        (master,) = [one for one in processes if one.ppid() == self.run_.command.pid]
        killed = master.children()[0]

        killed.kill()

        wait_for(
            lambda: [one for one in master.children() if one.pid != killed.pid],
            "another web process",
            log=self.run_.words,
        )
        self.assertIn("Mật khẩu", self.run_.open("/dang-nhap/"))
        self.assertFalse(self.run_.has_ended())

    def test_a_run_that_is_there_already_is_named(self):
        second = Run(self.tree, PORT=self.run_.port)  # its end() would end the first one too
        self.addCleanup(second._said.close)

        wait_for_end(second.command, "the second run", log=second.words)
        told = rf"\ACommandError: The demonstration runs .*`kill {self.run_.command.pid} .*\n\Z"
        self.assertRegex(second.words(), told)
        self.assertFalse(self.run_.has_ended())


class StartAndEndTests(MakeRunTests):
    """Runs one after the other, on the data that the first of them made.

    Each way to end a run is tried where one has to end.
    """

    def end_by(self, kill, number, run):
        """End a run in a way that ends all that it started."""
        self.assertTrue(run.processes("postgres"))
        self.assertTrue(run.processes("deliver_messages"))

        kill(run.command.pid, number)

        run.wait_for_end()
        self.assertEqual(run.command.returncode, 0)
        self.assertNotIn("Traceback", run.words())

    def test_a_second_run_finds_what_the_first_left(self):
        first = self.start()
        first.open("/dang-nhap/", username="chua.capnhat", password="Ruong-bac-thang-7")
        both = {"new_password1": "Cay-khe-truoc-san-9", "new_password2": "Cay-khe-truoc-san-9"}
        first.open("/cau-hinh/mat-khau/", password="Ruong-bac-thang-7", **both)
        ctrl_c_in_a_terminal = (os.killpg, signal.SIGINT)
        self.end_by(*ctrl_c_in_a_terminal, first)

        second = self.start()

        second._browser = first._browser
        # Still logged in: the data and the secrets are the same.
        self.assertIn("chua.capnhat@hagiang.gov.vn", second.open("/cau-hinh/"))
        ctrl_c_for_the_command = (os.kill, signal.SIGINT)
        self.end_by(*ctrl_c_for_the_command, second)

    def test_the_locks_of_a_power_cut_are_no_hindrance(self):
        first = self.start()
        a_request_to_end = (os.kill, signal.SIGTERM)
        self.end_by(*a_request_to_end, first)
        # After the next boot, its number is that of another program of the same user.
        folder = self.tree / "var" / "postgres"
        owner = folder.stat().st_uid if os.geteuid() == 0 else None
        other = subprocess.Popen(["sleep", "600"], user=owner)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            (folder / name).write_text(f"{other.pid}\n")

        second = self.start()

        self.assertEqual(second.open("/healthz"), "ok\n")

    def test_ctrl_c_while_it_starts(self):
        run = self.begin()
        wait_for(lambda: run.processes("postgres"), "PostgreSQL's process", log=run.words)

        os.killpg(run.command.pid, signal.SIGINT)

        run.wait_for_end()

    def test_ctrl_c_at_any_moment_of_the_start_says_nothing(self):
        for moment in ("manage.py", "mailportal.embedded", "gunicorn"):
            with self.subTest(moment):
                run = self.begin()
                seen = functools.partial(run.processes, moment)
                wait_for(seen, moment, log=run.words)

                os.killpg(run.command.pid, signal.SIGINT)

                run.wait_for_end()
                self.assertNotIn("Traceback", run.words())
                self.assertNotIn("KeyboardInterrupt", run.words())

    def test_after_kill_9_the_next_run_takes_over(self):
        first = self.start()

        first.command.kill()
        second = self.begin(PORT=first.port)

        second.wait_for_welcome()
        self.assertEqual(second.open("/healthz"), "ok\n")
        the_terminal_closed = (os.killpg, signal.SIGHUP)
        self.end_by(*the_terminal_closed, second)

    def test_a_sender_that_is_killed_ends_the_run_and_says_so(self):
        run = self.start()

        run.processes("deliver_messages")[0].kill()

        run.wait_for_end()
        self.assertEqual(run.command.returncode, 1)
        self.assertIn("CommandError: A process of the portal ended by itself", run.words())

    def test_a_web_server_that_does_not_start_ends_the_run_without_a_welcome(self):
        run = self.begin(WEB_CONCURRENCY="many")

        run.wait_for_end()

        self.assertEqual(run.command.returncode, 1)
        self.assertIn("A process of the portal ended by itself", run.words())
        self.assertNotIn(WELCOME, run.words())


class TroubleTests(MakeRunTests):
    def assert_one_line(self, run, pattern):
        run.wait_for_end()
        self.assertNotEqual(run.command.returncode, 0)
        self.assertRegex(run.words(), rf"\A{pattern}\n\Z")

    def test_a_busy_port(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]

            run = self.begin(PORT=port)

            told = rf"CommandError: Port {port} cannot be used .*PORT=8001 make run"
            self.assert_one_line(run, told)

    def test_a_port_that_is_none(self):
        for port in ("http", "65536", "0", "8000.5"):
            with self.subTest(port):
                run = self.begin(PORT=port)

                self.assert_one_line(run, "mailportal: .*PORT.*")

    def test_a_folder_that_takes_no_file(self):
        kept = self.tree / "var"
        self.addCleanup(shutil.rmtree, kept, ignore_errors=True)
        # Root may write anywhere: what is of another kind takes no file from anybody.
        for name in ("secret_key/x", "static", "postgres", ""):
            with self.subTest(name or "var"):
                shutil.rmtree(kept, ignore_errors=True)
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                (kept / name).touch()

                run = self.begin()

                self.assert_one_line(run, rf"(mailportal|CommandError): .*{kept}.*")
                if not name:
                    kept.unlink()

    def test_a_database_that_is_away(self):
        port = free_port()

        run = self.begin(DATABASE_URL=f"postgresql://u:geheim@127.0.0.1:{port}/x")

        self.assert_one_line(run, "CommandError: The database of DATABASE_URL does not answer: .*")
        self.assertNotIn("geheim", run.words())

    def test_a_command_of_a_deployment_is_not_taken_for_a_demonstration(self):
        run = self.begin(
            PORTAL_DEMO="0",
            PUBLIC_BASE_URL="http://127.0.0.1",
            SMS_GATEWAY="console",
            DATABASE_URL="postgresql://127.0.0.1:1/x",
            **deployment.SECRETS,
        )

        self.assert_one_line(run, "CommandError: PORTAL_DEMO is not set: .*`make run`.")
