"""A portal as an operator starts it: the environment of a deployment, gunicorn, real requests."""

import http.client
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from html import unescape
from typing import NamedTuple
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.programs.starting import Program
from tests.support.waiting import PATIENCE, wait_for, wait_for_end

ROOT = settings.BASE_DIR
HOST = "matkhau.example.gov.vn"
SECRETS = {
    "SECRET_KEY": "geheim-k-0f2b8c6d4e1a97350f2b8c6d4e1a9735-geheim-0f2b8c6d4e1a",
    "OTP_PEPPER": "geheim-p-5d3e9a71c04f82b65d3e9a71c04f82b6-geheim-5d3e9a71c04f",
    "TWILIO_AUTH_TOKEN": "geheim-t-77d1",
}
ENVIRONMENT = SECRETS | {
    "PORTAL_PROFILE": "hagiang",
    "DATABASE_URL": "postgresql://mailportal:geheim-d@127.0.0.1:1/mailportal",
    "PUBLIC_BASE_URL": f"https://{HOST}",
    "TRUSTED_PROXY_COUNT": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # as in deploy/systemd and the image
    "SMS_GATEWAY": "twilio",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32,
    "EMAIL_URL": "submission://mailportal:geheim-m@mail.example.gov.vn:587",
}


def environment(**changes):
    """Give the environment of a deployment and nothing of the tests'; None takes one out."""
    whole = ENVIRONMENT | changes | {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    return {name: value for name, value in whole.items() if value is not None}


class Start(NamedTuple):
    """How a start of the portal ended, and all that it said."""

    returncode: int
    stdout: str


def run(*arguments, at=ROOT, **changes):
    """Run Python to its end in such an environment, with the code at `at`; give how it ended."""
    return _end(arguments, environment(**changes), at)


def run_anew(*arguments, **changes):
    """Do what `run` does in a new interpreter, as an operator does."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    return Start(done.returncode, done.stdout)


def start_each(starts):
    """Start by each door, arguments to Python, with its environment; give a `Start` for each."""
    return [_end(door, environment, ROOT) for door, environment in starts]


def _end(arguments, environment, at):
    with closing(Output()) as said:
        program = Program(*arguments, at=at, env=environment, stdout=said, stderr=said)
        return Start(program.wait(), said.text())


def database_url():
    """Give the address of the test database, for a process of its own."""
    at = connection.settings_dict
    person = quote(at["USER"], safe="")
    if at["PASSWORD"]:
        person += ":" + quote(at["PASSWORD"], safe="")
    host = quote(at["HOST"] or "localhost", safe="")
    return f"postgresql://{person}@{host}:{at['PORT'] or 5432}/{at['NAME']}"


class Server:
    """gunicorn with deploy/gunicorn.conf.py, as behind a proxy that ends TLS."""

    def __init__(self, *arguments, at=ROOT, anew=False, **changes):
        self.port = free_port()
        self._output = Output()
        self.process = Program(
            *("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"),
            *("--bind", f"127.0.0.1:{self.port}", "--workers", "1"),
            *arguments,
            "mailportal.wsgi",
            at=at,
            env=environment(**({"DATABASE_URL": database_url()} | changes)),
            stdout=self._output,
            stderr=self._output,
            anew=anew,
        )
        try:
            wait_for(self._is_open, "gunicorn to listen", log=self.log)
        except BaseException:
            self.end()
            raise

    def _is_open(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return self._output.text()

    def end(self):
        self.process.terminate()
        wait_for_end(self.process, "gunicorn", log=self.log)
        self._output.close()

    def request(self, method, path, body=None, *, over_https=True, **headers):
        """Send a request as the proxy would pass it on; give the answer, read to its end."""
        sent = {"Host": HOST, "X-Forwarded-For": "198.51.100.7"}
        if over_https:
            sent["X-Forwarded-Proto"] = "https"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        away = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        away.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            away.putheader(name, value)
        if body is not None and "Content-Length" not in sent:
            away.putheader("Content-Length", str(len(body)))
        away.endheaders(body)
        r = away.getresponse()
        r.text = r.read().decode()
        away.close()
        return r


class Visitor:
    """A person's browser at such a server: keeps cookies, takes the form's token, follows."""

    def __init__(self, server):
        self.server = server
        self.cookies = {}
        self.all_cookies = set()  # every value of every cookie there ever was
        self.seen = []  # the pages
        self.addresses = []  # asked for, or led to
        self.last = None  # the answer

    def get(self, path):
        return self._go("GET", path, None)

    def post(self, path, *, on="", **fields):
        """Open a page, fill in its form and send it to `path`; give the page that comes of it."""
        page = self.get(on or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        fields |= {"csrfmiddlewaretoken": token}
        if seen := re.search(r'name="drawn_from" value="([^"]*)"', page):
            fields |= {"drawn_from": unescape(seen[1])}
        return self._go("POST", path, urlencode(fields).encode())

    def _go(self, method, path, body):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers |= {"Content_Type": "application/x-www-form-urlencoded"}
            headers |= {"Origin": f"https://{HOST}"}
        r = self.server.request(method, path, body, **headers)
        self._keep(r, path)
        self.last = r
        if r.status in (301, 302):
            return self._go("GET", r.headers["Location"], None)
        return r.text

    def _keep(self, r, path):
        self.seen.append(r.text)
        self.addresses += [path, r.headers["Location"] or ""]
        for line in r.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if len(value) > 8:  # not the empty one that takes a cookie away
                self.all_cookies.add(value)
