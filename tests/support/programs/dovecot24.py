"""Dovecot 2.4 by deploy/dovecot/2.4/, in a root of a newer system (tests/rehearsals/trixie.sh)."""

import os
import shutil
from pathlib import Path

from django.db import connection

from tests.support.programs.mailserver import (
    API_KEY,
    DEPLOY,
    ROLE,
    ROLE_PASSWORD,
    Dovecot,
    put_in,
)

ROOT = os.environ.get("DOVECOT_24_ROOT", "")


class Dovecot24(Dovecot):
    root = ROOT

    def command(self, name, *arguments):
        return ["chroot", ROOT, name, "-c", f"{self.inner}/dovecot.conf", *arguments]

    @property
    def inner(self):
        """Its directory, as it is called inside of the root."""
        return Path("/") / self.path.relative_to(ROOT)

    def _write_files(self):
        shutil.chown(self.path / "vmail", "nobody", "nogroup")
        there = self.inner
        settings = put_in(
            (DEPLOY / "dovecot/2.4/dovecot.conf").read_text(encoding="utf-8"),
            {
                "ssl_server_cert_file = /etc/letsencrypt/live/mail.example.gov.vn/fullchain.pem": (
                    f"ssl_server_cert_file = {there}/cert.pem"
                ),
                "ssl_server_key_file = /etc/letsencrypt/live/mail.example.gov.vn/privkey.pem": (
                    f"ssl_server_key_file = {there}/key.pem"
                ),
                "auth_default_domain = example.gov.vn": "auth_default_domain = hagiang.gov.vn",
                "port = 5432": f"port = {self.door.port}",
                "dbname = mailportal": f"dbname = {connection.settings_dict['NAME']}",
                "user = mailportal_mail": f"user = {ROLE}",
                "password = PASSWORD": f"password = {ROLE_PASSWORD}",
                "query = SELECT '/var/vmail/' || mailbox AS home FROM mail_userdb \\": (
                    f"query = SELECT '{there}/vmail/' || mailbox AS home FROM mail_userdb \\"
                ),
                "mail_uid = vmail": "mail_uid = nobody",
                "mail_gid = vmail": "mail_gid = nogroup",
                "unix_listener /var/spool/postfix/private/auth {": f"unix_listener {there}/auth {{",
                "unix_listener /var/spool/postfix/private/dovecot-lmtp {": (
                    f"unix_listener {there}/dovecot-lmtp {{"
                ),
                "user = postfix": "user = nobody",
                "group = postfix": "group = nogroup",
                "port = 8080": f"port = {self.api_port}",
                "doveadm_api_key = KEY": f"doveadm_api_key = {API_KEY}",
            },
        )
        self.write("dovecot.conf", settings + self._surroundings() + self.besides)

    def _surroundings(self):
        lines = [
            f"base_dir = {self.inner}/run",
            f"state_dir = {self.inner}/state",
            f"log_path = {self.inner}/log",
            "listen = 127.0.0.1",
            "service imap-login {",
            "  inet_listener imap {",
            "    port = 0",
            "  }",
            "  inet_listener imaps {",
            f"    port = {self.imap_port}",
            "  }",
            "}",
            "auth_failure_delay = 0",
        ]
        return "\n" + "\n".join(lines) + "\n"
