"""Who hears of alerts: an address for webhooks and a mail server with TLS, on this machine."""

import hashlib
import hmac
import socketserver
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.programs.gateway import _Server

SECRET = "geheim-w-0f2b8c6d4e1a97350f2b8c6d4e1a9735"


class Webhook(_Server):
    """Takes what is posted, and says whether it was signed by whoever knows the secret."""

    def __init__(self):
        self.bodies, self.signed = [], []
        self.answers = []  # the next ones; after the last, 204
        super().__init__(ThreadingHTTPServer, _Hook)
        self.address = f"http://127.0.0.1:{self.port}/alarm"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = self.headers["X-Portal-Timestamp"].encode() + b"." + body
        digest = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        owner.bodies.append(body.decode())
        owner.signed.append(self.headers["X-Portal-Signature"] == f"sha256={digest}")
        self.send_response(owner.answers.pop(0) if owner.answers else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


class SecureServer(_Server):
    """Answers with a certificate, after STARTTLS where it plays a mail server."""

    def __init__(self, certificate, key, *, by_mail=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        super().__init__(socketserver.ThreadingTCPServer, _StartTls if by_mail else _Secured)


class _Secured(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            with self.server.owner.context.wrap_socket(self.request, server_side=True) as line:
                line.recv(1)
        except OSError:
            pass  # it was not trusted


class _StartTls(socketserver.StreamRequestHandler):
    def handle(self):
        for said in ("220 mail.example", "250-mail.example\r\n250 STARTTLS", "220 go on"):
            if not said.startswith("220 mail"):
                self.rfile.readline()
            self.wfile.write(f"{said}\r\n".encode())
        _Secured.handle(self)
