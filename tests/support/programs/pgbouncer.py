"""A PgBouncer of the tests' own before their database, as in Debian, on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for, wait_for_end

SETTINGS = """
[databases]
{name} = host={host} port={port} dbname={name}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
{more}
"""


class PgBouncer:
    """Gives `size` sessions of PostgreSQL to whoever comes, in one of its modes."""

    def __init__(self, test, mode, *, size=2, **more):
        at = connection.settings_dict
        place = Path(tempfile.mkdtemp(prefix="mailportal-pgbouncer-"))
        test.addCleanup(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        self.port = free_port()
        self.url = f"postgresql://{at['USER']}@127.0.0.1:{self.port}/{at['NAME']}"
        users = place / "users"
        users.write_text(f'"{at["USER"]}" "{at["PASSWORD"]}"\n')
        file = place / "pgbouncer.ini"
        file.write_text(
            SETTINGS.format(
                name=at["NAME"],
                host=at["HOST"] or "localhost",
                port=at["PORT"] or 5432,
                own_port=self.port,
                users=users,
                mode=mode,
                size=size,
                more="\n".join(f"{name} = {value}" for name, value in more.items()),
            )
        )
        self._output = Output()
        # It does not run as root. The database's socket may belong to root alone.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._process = subprocess.Popen(
            [shutil.which("pgbouncer", path="/usr/sbin:" + os.environ["PATH"]), file],
            cwd="/",
            user=account.pw_uid if account else None,
            group=0 if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        test.addCleanup(self._end)
        wait_for(self._is_open, "pgbouncer to listen", log=self._output.text)

    def _is_open(self):
        assert self._process.poll() is None, self._output.text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return self._output.text()

    def _end(self):
        self._process.terminate()
        wait_for_end(self._process, "pgbouncer", log=self._output.text)
        self._output.close()
