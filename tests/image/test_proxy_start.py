"""How the proxy of compose.yaml starts (deploy/proxy), and that it goes on with one container."""

import http.client
import os
import re
import socket
import ssl
import subprocess
import tempfile
import threading
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.test import SimpleTestCase

from tests.support.programs.deployment import HOST, ROOT
from tests.support.programs.mailserver import _make_certificate
from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for, wait_for_end

DEPLOY = ROOT / "deploy"


class Pages(ThreadingHTTPServer):
    """One web container: counts what it is asked, and answers with its own name."""

    def __init__(self, name, port=0):
        super().__init__(("127.0.0.1", port), _Page)
        self.name, self.asked = name, []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.command)
        if self.path == "/hangs-up":
            self.close_connection = True
            self.connection.close()
            return
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  (of the base class)

    def handle(self):
        with suppress(OSError, ValueError):  # it hung up
            super().handle()

    def log_message(self, *_):
        pass


@pytest.mark.program("nginx")
class ProxyTests(SimpleTestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        # Workers are not root.
        self.folder.chmod(0o755)
        self.port, self.plain = free_port(), free_port()
        for name in ("nginx.conf", "nginx-first.conf"):
            text = (DEPLOY / name).read_text(encoding="utf-8")
            text = re.sub(r"listen \[::\]:\d+.*\n", "\n", text)
            text = text.replace("listen 443 ", f"listen 127.0.0.1:{self.port} ")
            text = text.replace("listen 80;", f"listen 127.0.0.1:{self.plain};")
            text = text.replace("/var/log/nginx", str(self.folder))
            (self.folder / name).write_text(text, encoding="utf-8")

    def make_certificate(self, name):
        place = self.folder / "live" / name
        place.mkdir(parents=True)
        _make_certificate(place / "fullchain.pem", place / "privkey.pem")

    def environment(self, **given):
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "PORTAL_NAME": HOST,
            "TEMPLATES": str(self.folder),
            "CERTIFICATES": str(self.folder / "live"),
            "MADE": str(self.folder),
            "WEB": "127.0.0.1:1",
        } | given

    def check(self, **given):
        done = subprocess.run(
            ["sh", DEPLOY / "proxy", "-t"],
            env=self.environment(**given),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        made = self.folder / "mailportal.conf"
        return done, made.read_text(encoding="utf-8") if made.exists() else ""

    def test_without_a_certificate_only_the_authority_is_answered(self):
        done, made = self.check()

        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("No certificate", done.stdout)
        self.assertIn("/.well-known/acme-challenge/", made)
        self.assertNotIn("proxy_pass", made)

    def test_with_one_pages_are_served_by_both_containers(self):
        self.make_certificate("x.example.vn")

        done, made = self.check(PORTAL_NAME="x.example.vn", WEB="127.0.0.1:1 127.0.0.1:2")

        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(made, r"upstream mailportal \{\s+server 127.0.0.1:1; server 127.0.0.1:2;")
        self.assertIn("server_name x.example.vn;", made)
        self.assertNotIn("example.gov.vn", made)

    def test_mail_programs_are_answered_where_their_names_have_a_certificate(self):
        self.make_certificate(HOST)
        done, made = self.check(MAIL_DOMAIN="example.vn")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("mail programs are not answered", done.stdout)
        self.assertNotIn("autoconfig", made)

        self.make_certificate("autoconfig.example.vn")
        done, made = self.check(MAIL_DOMAIN="example.vn")

        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("server_name autoconfig.example.vn autodiscover.example.vn;", made)

        done, made = self.check(MAIL_DOMAIN="example.vn cu.example.vn")

        self.assertEqual(done.returncode, 0, done.stdout)
        four = "autoconfig.{0} autodiscover.{0}"
        names = f"{four.format('example.vn')} {four.format('cu.example.vn')}"
        self.assertIn(f"server_name {names};", made)

    def test_offices_are_those_of_the_portals_own_variables(self):
        self.make_certificate(HOST)
        none = re.compile(r"geo \$mailportal_office \{\s+default 0;\s+\}")
        self.assertRegex(self.check()[1], none)

        done, made = self.check(
            OFFICE_NETWORKS="10.1.0.0/16, 2001:db8::/32,192.0.2.7", STAFF_NETWORKS="10.1.0.0/16,"
        )

        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("warn", done.stdout)
        geo = re.search(r"geo \$mailportal_office \{\s+default 0;\s+([^}]+?)\s*\}", made)[1]
        self.assertEqual(geo, "10.1.0.0/16 1; 192.0.2.7 1; 2001:db8::/32 1;")

    def test_a_name_that_is_none_is_refused(self):
        for given in (
            {"PORTAL_NAME": ""},
            {"PORTAL_NAME": "a;b"},
            {"MAIL_DOMAIN": "a/b"},
            {"OFFICE_NETWORKS": "10.0.0.0/8;x"},
            {"STAFF_NETWORKS": "10.0.0.0/8\n10.1.0.0/16"},
        ):
            with self.subTest(given):
                done, _ = self.check(**given)

                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stdout, "PORTAL_NAME|STAFF_NETWORKS")

    def start(self, *pages, **given):
        self.make_certificate(HOST)
        said = self.enterContext(closing(Output()))
        web = " ".join(f"127.0.0.1:{each.server_port}" for each in pages)
        process = subprocess.Popen(
            ["sh", DEPLOY / "proxy"],
            env=self.environment(WEB=web, **given),
            stdout=said,
            stderr=said,
        )

        def end():
            process.terminate()
            wait_for_end(process, "nginx", log=said.text)

        self.addCleanup(end)
        wait_for(lambda: self.is_open(process), "nginx to listen", log=said.text)

    def is_open(self, process):
        self.assertIsNone(process.poll())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method="GET", path="/", host=HOST):
        context = ssl.create_default_context(cafile=self.folder / "live" / HOST / "fullchain.pem")
        context.check_hostname = False
        line = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE, context=context
        )
        line.request(
            method, path, body=b"x=1" if method == "POST" else None, headers={"Host": host}
        )
        with closing(line):
            answer = line.getresponse()
            return answer.status, answer.read().decode()

    def test_one_container_serves_while_the_other_is_renewed(self):
        one, two = Pages("one"), Pages("two")
        self.addCleanup(two.end)
        self.start(one, two)
        # Each process of nginx takes turns of its own.
        wait_for(lambda: self.ask() and one.asked and two.asked, "both to be asked")

        one.end()
        answers = [self.ask(method) for method in ("GET", "POST") * 10]

        self.assertEqual(set(answers), {(200, "two")})

    def test_questions_of_mail_programs_reach_the_portal_by_every_domain(self):
        page = Pages("one")
        self.addCleanup(page.end)
        self.make_certificate("autoconfig.example.vn")
        self.start(page, MAIL_DOMAIN="example.vn cu.example.vn")
        question = "/Autodiscover/Autodiscover.json/v1.0/an@example.vn?Protocol=AutodiscoverV1"

        for host in ("autodiscover.example.vn", "autodiscover.cu.example.vn"):
            with self.subTest(host):
                self.assertEqual(self.ask("GET", question, host), (200, "one"))
                self.assertEqual(self.ask("GET", "/dang-nhap/", host)[0], 404)
                self.assertEqual(self.ask_in_clear(question, host), f"https://{host}{question}")
        log = self.folder / "mailportal.log"
        said = '"page":"/autodiscover/-"'
        wait_for(lambda: log.read_text().count(said) == 4, "nginx to log what it answered")
        self.assertNotIn("an@", log.read_text())

    def test_the_log_holds_no_secret_address_of_a_report(self):
        page = Pages("one")
        self.addCleanup(page.end)
        self.start(page)

        for path in ("esms/trang-thai/1/geheim/", "viettel/trang-thai/geheim/"):
            self.assertEqual(self.ask("GET", f"/sms/{path}"), (200, "one"))

        log = self.folder / "mailportal.log"
        said = '"page":"/sms/-/trang-thai/-"'
        wait_for(lambda: log.read_text().count(said) == 2, "nginx to log what it answered")
        self.assertNotIn("geheim", log.read_text())

    def ask_in_clear(self, path, host):
        """Give where the answer leads."""
        line = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=PATIENCE)
        line.request("GET", path, headers={"Host": host})
        with closing(line):
            return line.getresponse().headers["Location"]

    def test_a_form_that_was_sent_goes_to_nobody_else(self):
        one, two = Pages("one"), Pages("two")
        self.addCleanup(one.end)
        self.addCleanup(two.end)
        self.start(one, two)

        status, _ = self.ask("POST", "/hangs-up")

        self.assertEqual(status, 503)
        self.assertEqual(len(one.asked) + len(two.asked), 1)
