"""nginx as deploy/nginx.conf has it, on ports and with a certificate of its own."""

import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings

from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for, wait_for_end

HOST = "matkhau.example.gov.vn"
OFFICES = "10.0.0.0/8"
# Whom a test lets nginx take for the caller.
BY_HEADER = "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Caller;"


class Nginx:
    def __init__(self, portal_port):
        self.portal_port = portal_port
        self.folder = Path(tempfile.mkdtemp())
        self.port = free_port()
        self._make_certificate()
        whole = self.folder / "nginx.conf"
        whole.write_text(self._configuration(), encoding="utf-8")
        self.output = Output()
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.folder, "-c", whole],
            stdout=self.output,
            stderr=self.output,
        )
        wait_for(self._is_open, "nginx to listen", log=self.output.text)

    def _make_certificate(self):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"),
                *("-keyout", f"{self.folder}/key", "-out", f"{self.folder}/chain"),
            ],
            check=True,
            capture_output=True,
        )

    def _configuration(self):
        text = (settings.BASE_DIR / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        text = re.sub(r"(?m)^ *listen \[::\].*\n", "", text)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl")
        text = re.sub(r"/etc/letsencrypt/live/[^/]+/fullchain.pem", f"{self.folder}/chain", text)
        text = re.sub(r"/etc/letsencrypt/live/[^/]+/privkey.pem", f"{self.folder}/key", text)
        # What a test begins stays under way, however long it takes to begin as much as it needs.
        text = re.sub(r"client_body_timeout \w+;", f"client_body_timeout {2 * PATIENCE}s;", text)
        text = text.replace("/var/log/nginx", str(self.folder))
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.portal_port}")
        text = text.replace(f"# {OFFICES} 1;", f"{OFFICES} 1;")
        return (
            f"pid {self.folder}/pid; daemon off; error_log stderr;"
            f"events {{ worker_connections 900; }} http {{ {BY_HEADER}\n{text}\n}}\n"
        )

    def _is_open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def connect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        bare = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return context.wrap_socket(bare, server_hostname=HOST)

    def end(self):
        self.process.terminate()
        wait_for_end(self.process, "nginx", log=self.output.text)
        self.output.close()
        shutil.rmtree(self.folder)
