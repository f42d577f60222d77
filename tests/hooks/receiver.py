"""A receiver of webhooks on this machine: keeps what it is told, and answers by plan."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.programs.gateway import _Server


class Receiver(_Server):
    """Checks each signature as Standard Webhooks says; `plan` holds the next answers.

    An answer is a status, or a function of the request's handler; after the last it is 204.
    """

    def __init__(self):
        self.told, self.plan, self.secret = [], [], ""
        self.released = threading.Event()
        super().__init__(ThreadingHTTPServer, _Handler)
        self.address = f"http://127.0.0.1:{self.port}/nhan?khoa=1"

    def close(self):
        self.released.set()
        super().close()

    @property
    def types(self):
        return [each["type"] for each in self.told]

    @property
    def ids(self):
        return [each["id"] for each in self.told]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers["Content-Length"]))
        uid, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(owner.secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{uid}.{at}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        owner.told.append(
            json.loads(body)
            | {"id": uid, "raw": body, "path": self.path, "host": self.headers["Host"]}
            | {"signed": self.headers["webhook-signature"] == signature, "at": int(at)}
        )
        answer = owner.plan.pop(0) if owner.plan else 204
        if callable(answer):
            answer(self)
            return
        self.send_response(answer)
        self.end_headers()

    def do_GET(self):
        self.server.owner.told.append({"type": "GET"})

    def log_message(self, *_):
        pass


def redirect(to):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


def later(seconds):
    def answer(handler):
        handler.send_response(429)
        handler.send_header("Retry-After", str(seconds))
        handler.end_headers()

    return answer


def hold(handler):
    """Say nothing until the test is over."""
    handler.server.owner.released.wait()


def drip(handler):
    """Never end the head of the answer, a letter at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-More: ")
    try:
        while not handler.server.owner.released.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        pass  # it was hung up


def flood(handler):
    """Take it, and never end the body of the answer."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.owner.released.is_set():
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass  # it was hung up
