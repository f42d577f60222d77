"""Postfix over the portal's database, with the files of deploy/postfix/."""

import re
import shutil
import smtplib
import ssl
import subprocess
from pathlib import Path

from django.db import connection

from tests.support.programs.mailserver import DEPLOY, ROLE, ROLE_PASSWORD, Folder, program, put_in
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for

SERVICES = Path("/usr/share/postfix/master.cf.dist")  # to which the shipped lines are added


class Postfix(Folder):
    """Postfix's maps by deploy/postfix/, asked by its own program."""

    def __init__(self):
        super().__init__()
        for file in (DEPLOY / "postfix").glob("pgsql-*.cf"):
            text = put_in(
                file.read_text(encoding="utf-8"),
                {
                    "hosts = 127.0.0.1:5432": f"hosts = 127.0.0.1:{self.door.port}",
                    "dbname = mailportal": f"dbname = {connection.settings_dict['NAME']}",
                    "user = mailportal_mail": f"user = {ROLE}",
                    "password = PASSWORD": f"password = {ROLE_PASSWORD}",
                },
            )
            self.write(file.name, text)
        main = (DEPLOY / "postfix/main.cf").read_text(encoding="utf-8")
        self.write("main.cf", main.replace("/etc/postfix/", f"{self.path}/"))
        self.write("master.cf", (DEPLOY / "postfix/master.cf").read_text(encoding="utf-8"))

    def finds(self, name, key):
        """Look a key up in the map of this name; None where there is nothing."""
        asked = subprocess.run(
            [program("postmap"), "-c", self.path, "-q", key, f"pgsql:{self.path}/pgsql-{name}.cf"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not asked.stderr, asked.stderr
        return asked.stdout.strip() or None

    def settings(self):
        """Give what Postfix itself reads in main.cf; it must know all of it."""
        read = subprocess.run(
            [program("postconf"), "-c", self.path, "-n"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert not read.stderr, read.stderr
        return dict(line.split(" =", 1) for line in read.stdout.splitlines())


class Server(Postfix):
    """Postfix itself, which asks a Dovecot for passwords and throws away what it takes.

    It looks like a machine of the office that nobody sends from: everybody is a stranger.
    """

    def __init__(self, dovecot):
        super().__init__()
        self.dovecot = dovecot
        self.smtp_port, self.submission_port = free_port(), free_port()
        for name in ("queue", "data"):
            (self.path / name).mkdir()
        shutil.chown(self.path / "data", "postfix")
        self._adapt_settings()
        self._adapt_services()
        self._run("start")
        try:
            wait_for(self._is_open, "Postfix to take connections", log=self.log)
        except BaseException:
            self.end()
            raise

    def _adapt_settings(self):
        chain = [
            "/etc/letsencrypt/live/mail.example.gov.vn/privkey.pem",
            "/etc/letsencrypt/live/mail.example.gov.vn/fullchain.pem",
        ]
        settings = put_in(
            (self.path / "main.cf").read_text(encoding="utf-8"),
            {
                "mynetworks = 127.0.0.0/8 [::1]/128": "mynetworks = 192.0.2.1/32",
                "virtual_transport = lmtp:unix:private/dovecot-lmtp": (
                    "virtual_transport = discard:"
                ),
                "smtpd_sasl_path = private/auth": f"smtpd_sasl_path = {self.dovecot.path}/auth",
                f"smtpd_tls_chain_files = {', '.join(chain)}": (
                    f"smtpd_tls_chain_files = {self.dovecot.path}/key.pem,"
                    f" {self.dovecot.certificate}"
                ),
            },
        )
        surroundings = {
            "queue_directory": self.path / "queue",
            "data_directory": self.path / "data",
            "inet_interfaces": "127.0.0.1",
            "maillog_file": self.path / "maillog",
            "maillog_file_prefixes": self.path,
        }
        lines = [f"{name} = {value}" for name, value in surroundings.items()]
        self.write("main.cf", settings + "\n".join([*lines, ""]))

    def _adapt_services(self):
        """Add the shipped lines to Postfix's own; no chroot, which would need files of its own."""
        own = re.sub(r"^#.*\n", "", SERVICES.read_text(encoding="utf-8"), flags=re.MULTILINE)
        own = re.sub(r"^smtp +inet", f"127.0.0.1:{self.smtp_port} inet", own, flags=re.MULTILINE)
        shipped = (self.path / "master.cf").read_text(encoding="utf-8")
        shipped = shipped.replace("submission inet", f"127.0.0.1:{self.submission_port} inet")
        shipped = shipped.replace("submissions inet", f"127.0.0.1:{free_port()} inet")
        services = re.sub(r"^(\S+ +\S+ +\S+ +\S+ +)y ", r"\1n ", own + shipped, flags=re.MULTILINE)
        self.write("master.cf", services)

    def _is_open(self):
        try:
            smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def _run(self, what):
        subprocess.run([program("postfix"), "-c", self.path, what], check=True, capture_output=True)

    def log(self):
        return (self.path / "maillog").read_text(errors="replace")

    def end(self):
        self._run("stop")
        super().end()

    # What others do

    def deliver(self, sender, recipient):
        """Offer a mail as a stranger's mail server does; give the answer's code."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=PATIENCE) as smtp:
            smtp.ehlo("mail.example.org")
            smtp.mail(sender)
            return smtp.rcpt(recipient)[0]

    def submit(self, name, password, sender):
        """Offer a mail as a person's mail program does; give the answer's code."""
        with self.open(name, password) as smtp:
            return offer(smtp, sender)

    def open(self, name, password):
        """Open a session as a person's mail program does."""
        trusting = ssl.create_default_context(cafile=str(self.dovecot.certificate))
        smtp = smtplib.SMTP("localhost", self.submission_port, timeout=PATIENCE)
        smtp.starttls(context=trusting)
        smtp.ehlo()
        try:
            if name:
                smtp.login(name, password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def offer(smtp, sender):
    """Offer a mail in an open session; give the answer's code."""
    smtp.rset()
    smtp.mail(sender)
    return smtp.rcpt("somebody@example.org")[0]
