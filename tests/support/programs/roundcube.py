"""Roundcube as docs/roundcube.md sets it up, over a Dovecot, served by PHP's own web server."""

import re
import shutil
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import requests
from django.db import connection
from requests.adapters import HTTPAdapter

from tests.support.programs.deployment import ROOT
from tests.support.programs.mailserver import ROLE, ROLE_PASSWORD, Folder, program, put_in
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for

INSTALLED = Path("/var/lib/roundcube")  # by Debian
BROWSER = "127.0.0.3"  # where people sit


class Roundcube(Folder):
    def __init__(self, dovecot, besides=lambda _roundcube: ""):
        """Start it; `besides` gives what an operator adds to the settings."""
        super().__init__()
        self.besides = besides
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self._lay_out()
        self._write_settings(dovecot)
        with (self.path / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [
                    *(program("php"), "-d", f"openssl.cafile={dovecot.certificate}"),
                    *("-S", f"127.0.0.1:{self.port}", "-t", str(self.path / "public_html")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(self._is_open, "Roundcube to listen", log=self.log)
        except BaseException:
            self.end()
            raise

    def _lay_out(self):
        """Make a directory like Debian's, with plugins, settings and a database of its own."""
        for name in ("temp", "logs", "config", "public_html", "plugins"):
            (self.path / name).mkdir()
        for name in ("SQL", "program", "index.php", "skins"):
            (self.path / name).symlink_to(INSTALLED / name)
        for plugin in (INSTALLED / "plugins").iterdir():
            (self.path / "plugins" / plugin.name).symlink_to(plugin)
        (self.path / "plugins/mailportal").symlink_to(ROOT / "deploy/roundcube/mailportal")
        shutil.copy(INSTALLED / "public_html/index.php", self.path / "public_html")
        for name in ("plugins", "skins"):
            (self.path / "public_html" / name).symlink_to(self.path / name)
        for name in ("defaults.inc.php", "mimetypes.php"):
            (self.path / "config" / name).symlink_to(INSTALLED / "config" / name)
        with closing(sqlite3.connect(self.path / "db")) as database:
            database.executescript((INSTALLED / "SQL/sqlite.initial.sql").read_text("utf-8"))

    def _write_settings(self, dovecot):
        page = (ROOT / "docs/roundcube.md").read_text(encoding="utf-8")
        blocks = re.findall(r"(?m)^ {4}(\$config.*|//.*|    WHERE.*)$", page)
        settings = put_in(
            "\n".join(line.strip() for line in blocks),
            {
                "$config['imap_host'] = 'ssl://mail.example.gov.vn:993';": (
                    f"$config['imap_host'] = 'ssl://localhost:{dovecot.imap_port}';"
                ),
                "$config['username_domain'] = 'example.gov.vn';": (
                    "$config['username_domain'] = 'hagiang.gov.vn';"
                ),
                "$config['virtuser_query_dsn'] = "
                "'pgsql://mailportal_mail:PASSWORD@127.0.0.1/mailportal';": (
                    f"$config['virtuser_query_dsn'] = 'pgsql://{ROLE}:{ROLE_PASSWORD}"
                    f"@127.0.0.1:{dovecot.door.port}/{connection.settings_dict['NAME']}';"
                ),
            },
        )
        surroundings = {
            "db_dsnw": f"sqlite:///{self.path}/db",
            "des_key": "0123456789abcdefghijklmn",
            "temp_dir": f"{self.path}/temp",
            "log_dir": f"{self.path}/logs",
        }
        lines = [f"$config['{name}'] = '{value}';" for name, value in surroundings.items()]
        self.write(
            "config/config.inc.php", "\n".join(["<?php", settings, *lines, self.besides(self), ""])
        )

    def _is_open(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        files = (self.path / "said", self.path / "logs/errors.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        super().end()

    def rows(self, query):
        with closing(sqlite3.connect(self.path / "db")) as database:
            return database.execute(query).fetchall()

    # What a person's browser does

    def browser(self):
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _FromAnother())
        return session

    def log_in(self, name, password):
        """Log in as a person does; give the browser, and the page that it is led to."""
        browser = self.browser()
        form = browser.get(self.address, timeout=PATIENCE).text
        token = re.search(r'name="_token" value="([^"]+)"', form)[1]
        data = {"_token": token, "_task": "login", "_action": "login", "_timezone": "UTC"}
        r = browser.post(
            f"{self.address}?_task=login",
            data | {"_user": name, "_pass": password},
            timeout=PATIENCE,
        )
        return browser, r


class _FromAnother(HTTPAdapter):
    """Calls from another address of this machine than Roundcube itself."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(BROWSER, 0), **kwargs)


def shows_log_in(response):
    return 'name="_pass"' in response.text
