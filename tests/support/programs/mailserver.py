"""A mail server that reads the portal's database: real programs, with the files of deploy/.

Only host names, ports, paths, accounts of the system and passwords are put in, as an operator puts
them in; a line that is to be changed and is not there fails the test.
"""

import grp
import imaplib
import io
import os
import pwd
import re
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from psycopg import sql

from tests.support.programs.deployment import ROOT
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for

DEPLOY = ROOT / "deploy"
ROLE = f"mailportal_mail_{os.getpid()}"  # roles belong to the whole server
ROLE_PASSWORD = "geheim-r-91c2"
API_KEY = "geheim-a-3f6a0d"


class DatabaseDoor(socketserver.ThreadingTCPServer):
    """A port of this machine behind which is the database of the tests, wherever that is."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Relay)
        self.port = self.server_address[1]
        self._through = threading.Event()
        self._through.set()
        self.held = 0  # what was not let through
        self._counting = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        """Let nothing through, and say nothing, as a network that swallows everything."""
        self._through.clear()

    def let_through(self):
        self._through.set()

    def wait(self):
        if not self._through.is_set():
            with self._counting:
                self.held += 1
            self._through.wait()

    def end(self):
        self.let_through()
        self.shutdown()
        self.server_close()


class _Relay(socketserver.BaseRequestHandler):
    def handle(self):
        at = connection.settings_dict
        host, port = at["HOST"] or "localhost", at["PORT"] or 5432
        if host.startswith("/"):
            inner = socket.socket(socket.AF_UNIX)
            inner.connect(f"{host}/.s.PGSQL.{port}")
        else:
            inner = socket.create_connection((host, port))
        with inner, suppress(OSError):
            self.pass_on(inner)

    def pass_on(self, inner):
        ends = {self.request: inner, inner: self.request}
        while True:
            for end in select.select(list(ends), [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                self.server.wait()
                ends[end].sendall(data)


def make_role():
    """Make the mail server's role as the operator does, with a password."""
    call_command("mail_role", "--apply", "--role", ROLE, stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}")
            .format(sql.Identifier(ROLE), sql.Literal(ROLE_PASSWORD))
            .as_string(connection.connection)
        )


def drop_role():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


def put_in(text, changes):
    """Replace whole lines, each of which must be there."""
    lines = text.split("\n")
    for old, new in changes.items():
        assert old in [line.strip() for line in lines], f"not in the file: {old}"
        lines = [line.replace(old, new) if line.strip() == old else line for line in lines]
    return "\n".join(lines)


def asking(version, url, token):
    """Give the shipped lines by which a Dovecot of this version asks the portal about log-ins."""
    text = (DEPLOY / f"dovecot/{version}/auth-policy.conf").read_text(encoding="utf-8")
    return put_in(
        text,
        {
            "auth_policy_server_url = https://matkhau.example.gov.vn/mail/auth-policy": (
                f"auth_policy_server_url = {url}/mail/auth-policy"
            ),
            "auth_policy_server_api_header = Authorization: Bearer TOKEN": (
                f"auth_policy_server_api_header = Authorization: Bearer {token}"
            ),
        },
    )


def taking_tokens(version, url, secret):
    """Give the shipped lines by which a Dovecot of this version takes the portal's tokens."""
    lines = (DEPLOY / f"dovecot/{version}/webmail-sso.conf").read_text(encoding="utf-8")
    if version == "2.3":
        return lines
    at = "introspection_url = https://mail-server:MAIL_SECRET@matkhau.example.gov.vn/sso/introspect"
    portal = url.replace("//", f"//mail-server:{secret}@")
    return put_in(lines, {at: f"introspection_url = {portal}/sso/introspect"})


class Folder:
    """A directory for one program, and the door to the database."""

    def __init__(self, within="/"):
        # Not TMPDIR: names of sockets must be short.
        self.path = Path(tempfile.mkdtemp(prefix="mp-", dir=Path(within) / "tmp"))
        self.path.chmod(0o755)
        self.door = DatabaseDoor()

    def write(self, name, text):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def end(self):
        self.door.end()
        wait_for(self._is_gone, "the last who write there")

    def _is_gone(self):
        # The children of what has ended may not have ended yet.
        shutil.rmtree(self.path, ignore_errors=True)
        return not self.path.exists()


class Dovecot(Folder):
    """Dovecot 2.3 by deploy/dovecot/2.3/: IMAP over TLS, and the door for the portal."""

    root = "/"  # of the system in which it is installed

    def __init__(self, besides=""):
        """Start it; `besides` is what an operator adds to the shipped settings."""
        super().__init__(self.root)
        self.besides = besides
        self.imap_port, self.api_port = free_port(), free_port()
        self.url = f"https://localhost:{self.api_port}"
        self.certificate = self.path / "cert.pem"
        _make_certificate(self.certificate, self.path / "key.pem")
        self.trusting = ssl.create_default_context(cafile=str(self.certificate))
        (self.path / "vmail").mkdir()
        self._write_files()
        with (self.path / "stderr").open("wb") as complaints:
            self.process = subprocess.Popen(
                self.command("dovecot", "-F"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
        try:
            wait_for(self._is_open, "Dovecot to listen", log=self.log)
        except BaseException:
            self.end()
            raise

    def command(self, name, *arguments):
        """Give what runs a program of Dovecot's with these settings."""
        return [program(name), "-c", str(self.path / "dovecot.conf"), *arguments]

    def _write_files(self):
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        shutil.chown(self.path / "vmail", owner.pw_uid, owner.pw_gid)
        queries = self.path / "dovecot-sql.conf.ext"
        app_passwords = self.path / "dovecot-app-passwords.conf.ext"
        settings = put_in(
            (DEPLOY / "dovecot/2.3/dovecot.conf").read_text(encoding="utf-8"),
            {
                "ssl_cert = </etc/letsencrypt/live/mail.example.gov.vn/fullchain.pem": (
                    f"ssl_cert = <{self.certificate}"
                ),
                "ssl_key = </etc/letsencrypt/live/mail.example.gov.vn/privkey.pem": (
                    f"ssl_key = <{self.path / 'key.pem'}"
                ),
                "auth_default_realm = example.gov.vn": "auth_default_realm = hagiang.gov.vn",
                "args = /etc/dovecot/dovecot-sql.conf.ext": f"args = {queries}",
                "args = /etc/dovecot/dovecot-app-passwords.conf.ext": f"args = {app_passwords}",
                "mail_uid = vmail": f"mail_uid = {owner.pw_uid}",
                "mail_gid = vmail": f"mail_gid = {owner.pw_gid}",
                "unix_listener /var/spool/postfix/private/auth {": (
                    f"unix_listener {self.path}/auth {{"
                ),
                "unix_listener /var/spool/postfix/private/dovecot-lmtp {": (
                    f"unix_listener {self.path}/dovecot-lmtp {{"
                ),
                "user = postfix": f"user = {_postfix()}",
                "group = postfix": f"group = {_group_of(_postfix())}",
                "port = 8080": f"port = {self.api_port}",
                "doveadm_api_key = KEY": f"doveadm_api_key = {API_KEY}",
            },
        )
        webmail = self.path / "dovecot-webmail.conf.ext"
        tokens = "args = /etc/dovecot/dovecot-webmail.conf.ext"
        besides = self.besides.replace(tokens, f"args = {webmail}")
        self.write("dovecot.conf", settings + self._surroundings() + besides)
        home = {
            "SELECT '/var/vmail/' || mailbox AS home FROM mail_userdb \\": (
                f"SELECT '{self.path}/vmail/' || mailbox AS home FROM mail_userdb \\"
            )
        }
        self._write_queries(queries, home)
        self._write_queries(app_passwords, {})
        self._write_queries(webmail, {})

    def _write_queries(self, file, changes):
        line = "connect = host=127.0.0.1 port=5432 dbname=mailportal"
        door = {
            f"{line} user=mailportal_mail password=PASSWORD": (
                f"connect = host=127.0.0.1 port={self.door.port}"
                f" dbname={connection.settings_dict['NAME']}"
                f" user={ROLE} password={ROLE_PASSWORD}"
            )
        }
        text = (DEPLOY / "dovecot/2.3" / file.name).read_text(encoding="utf-8")
        file.write_text(put_in(text, door | changes), encoding="utf-8")

    def _surroundings(self):
        """Where it runs: in one directory, on ports of its own, and without root's rights too."""
        me = _me()
        lines = [
            f"base_dir = {self.path}/run",
            f"state_dir = {self.path}/state",
            f"log_path = {self.path}/log",
            "listen = 127.0.0.1",
            # Others that this machine may have (POP3, submission) would listen on their own ports.
            "protocols = imap",
            "service imap-login {",
            "  inet_listener imap {",
            "    port = 0",
            "  }",
            "  inet_listener imaps {",
            f"    port = {self.imap_port}",
            "  }",
            "  chroot =",
            "}",
            # What is refused is refused at once: else the tests would wait for most of their time.
            "auth_failure_delay = 0",
        ]
        if me != "root":
            lines += [f"default_internal_user = {me}", f"default_login_user = {me}"]
            lines += [f"default_internal_group = {_group_of(me)}"]
            lines += ["first_valid_uid = 1"]
            lines += [f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "dict", "stats")]
        return "\n" + "\n".join(lines) + "\n"

    def _is_open(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.imap_port)) == 0

    def log(self):
        files = (self.path / "stderr", self.path / "log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def wait_for_words(self, pattern):
        """Wait for what its log says of something that was answered already."""
        wait_for(lambda: re.search(pattern, self.log()), f"{pattern} in the log", log=self.log)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        super().end()

    # What a person's mail program does

    def connect(self, caller="127.0.0.1"):
        """Begin to talk to it, from an address of this machine."""
        return _Program(self, caller)

    def log_in(self, name, password, *, caller="127.0.0.1", behind=""):
        """Open a mailbox, or raise imaplib's error; a webmail says `behind` it is whose browser."""
        box = self.connect(caller)
        try:
            if behind:
                box.xatom("ID", f'("x-originating-ip" "{behind}")')
            box.login(box._quote(name), password)
        except BaseException:
            box.shutdown()
            raise
        return box

    def opens(self, name, password):
        try:
            box = self.log_in(name, password)
        except imaplib.IMAP4.error as error:
            if "AUTHENTICATIONFAILED" not in str(error):
                raise AssertionError(self.log()) from error
            return False
        box.logout()
        return True


class _Program(imaplib.IMAP4_SSL):
    """A mail program."""

    def __init__(self, dovecot, caller):
        self._caller = caller
        super().__init__(
            "localhost", dovecot.imap_port, ssl_context=dovecot.trusting, timeout=PATIENCE
        )

    def _create_socket(self, timeout):
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout, source_address=(self._caller, 0)
        )
        return self.ssl_context.wrap_socket(plain, server_hostname=self.host)


def is_closed(box):
    """Say whether the server has ended an open session."""
    try:
        return box.noop()[0] != "OK"
    except (imaplib.IMAP4.abort, OSError):
        return True


def wait_until_closed(box):
    """Wait for the server to end a session: its process has been told so by a signal."""
    wait_for(lambda: is_closed(box), "the end of an open session")


def _postfix():
    """Name who may ask for passwords: Postfix, where it can run, which is with root's rights."""
    with suppress(KeyError):
        if os.geteuid() == 0:
            return pwd.getpwnam("postfix").pw_name
    return _me()


def _me():
    return pwd.getpwuid(os.geteuid()).pw_name


def _group_of(name):
    return grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name


def _make_certificate(certificate, key):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )


def program(name):
    """Find a program that may be out of the way of those who are not root."""
    return shutil.which(name, path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
