"""A supplier of SMS and a mail server on this machine, which answer as a test tells them to."""

import json
import logging
import os
import socket
import socketserver
import threading
import time
import traceback
from base64 import b64decode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import parse_qsl

from django.test import override_settings

SID = "AC" + "0" * 32
TOKEN = "a-token-nobody-may-read"
SENDER = "+12025550123"


class _Server:
    """A server of threads on a free port of this machine, in this process."""

    def __init__(self, kind, handler):
        self._server = kind(("127.0.0.1", 0), handler)
        self._server.owner = self
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Supplier(_Server):
    """Plays Twilio over real HTTP: keeps what it was given, and answers by `plan`.

    Each entry of `plan` answers one request; after the last, everything is accepted. An answer is
    a function of the request's handler.
    """

    def __init__(self):
        self.texts = []  # of every message read, whatever the answer
        self.plan = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        super().__init__(_SupplierServer, _SupplierHandler)
        self.address = f"http://127.0.0.1:{self.port}"

    def environment(self, address=""):
        """Give the settings, or environment variables, of a portal that sends here."""
        return {
            "SMS_GATEWAY": "twilio",
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SENDER,
            "TWILIO_MESSAGING_SERVICE_SID": "",
            "TWILIO_API_BASE": address or self.address,
        }

    def take(self, given):
        with self._lock:
            self.texts.append(given)
            return self.plan.pop(0) if self.plan else accept

    def close(self):
        self.released.set()
        super().close()


class _SupplierServer(ThreadingHTTPServer):
    request_queue_size = 128


def supply(test):
    """Start a supplier for one test, and make the settings send to it."""
    supplier = Supplier()
    test.addCleanup(supplier.close)
    settings = override_settings(**supplier.environment())
    settings.enable()
    test.addCleanup(settings.disable)
    # A proxy of the surroundings must not see, or lose, what a test sends.
    direct = mock.patch.dict(os.environ, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    direct.start()
    test.addCleanup(direct.stop)
    return supplier


def accept(handler):
    handler.answer(201, {"sid": f"SM{id(handler):032x}", "status": "queued", "error_code": None})


def refuse(code, status=400):
    def answer(handler):
        # The real one repeats the number, too.
        words = f"The 'To' number {handler.fields['To']} is not a valid phone number."
        handler.answer(status, {"code": code, "message": words, "status": status})

    return answer


def too_many(retry_after):
    def answer(handler):
        body = {"code": 20429, "message": "Too Many Requests", "status": 429}
        handler.answer(429, body, {"Retry-After": retry_after})

    return answer


def fail(status):
    def answer(handler):
        handler.answer(status, {"message": "Internal Server Error", "status": status})

    return answer


def say(status, text):
    def answer(handler):
        handler.answer(status, text)

    return answer


def drop(handler):
    handler.close_connection = True


def hold(handler):
    """Take the message, and answer only when the test releases the supplier."""
    handler.supplier.released.wait(30)
    accept(handler)


class _SupplierHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def supplier(self):
        return self.server.owner

    def do_POST(self):
        at = time.monotonic()
        length = int(self.headers["Content-Length"])
        self.fields = dict(parse_qsl(self.rfile.read(length).decode(), strict_parsing=True))
        user, _, password = b64decode(self.headers["Authorization"][6:]).decode().partition(":")
        given = {
            "to": self.fields["To"],
            "text": self.fields["Body"],
            "seconds": int(self.fields["ValidityPeriod"]),
            "at": at,
            "path": self.path,
            "known": (user, password) == (SID, TOKEN),
            "connection": self.client_address[1],
            "from": self.fields.get("From") or self.fields.get("MessagingServiceSid"),
        }
        self.supplier.take(given)(self)

    def answer(self, status, body, headers=()):
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self):
        # A sender that is killed leaves in the middle.
        with suppress(OSError):
            super().handle()

    def log_message(self, *args):
        pass


class DeafEars:
    """A port that takes connections but never reads, or, when full, takes no more."""

    def __init__(self, *, full=False):
        self._sockets = [socket.socket()]
        self._sockets[0].bind(("127.0.0.1", 0))
        self._sockets[0].listen(0)
        self.address = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"
        if full:
            self._fill()

    def _fill(self):
        """Connect until the kernel drops what comes."""
        for _ in range(8):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(self._sockets[0].getsockname())
            self._sockets.append(waiting)

    def close(self):
        for each in self._sockets:
            each.close()


def closed_port():
    """Give an address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


class MailServer(_Server):
    """Plays a mail server over real SMTP. `answers` replaces its answer to one command.

    "END" stands for the end of the text; None for leaving without an answer.
    """

    def __init__(self):
        super().__init__(socketserver.ThreadingTCPServer, _MailHandler)
        self.mails = []
        self.answers = {}


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 mail.example")
        while command := self.rfile.readline().decode().strip().upper()[:4]:
            usual = {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 well")
            answer = self.server.owner.answers.get(command, usual)
            self.say(answer)
            if command == "QUIT" or (answer.startswith("354") and not self.take_mail()):
                return

    def take_mail(self):
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        self.server.owner.mails.append("\n".join(lines))
        answer = self.server.owner.answers.get("END", "250 taken")
        if answer is not None:
            self.say(answer)
        return answer is not None

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class EveryLogLine(logging.Handler):
    """Keeps every line that any logger writes, at DEBUG, with the tracebacks."""

    def __init__(self, test):
        super().__init__(logging.DEBUG)
        self.lines = []
        root = logging.getLogger()
        test.addCleanup(root.setLevel, root.level)
        test.addCleanup(root.removeHandler, self)
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        for name in list(root.manager.loggerDict):
            logger = logging.getLogger(name)
            if logger.level:
                test.addCleanup(logger.setLevel, logger.level)
                logger.setLevel(logging.DEBUG)

    def emit(self, record):
        self.lines.append(record.getMessage())
        if record.exc_info:
            self.lines.extend(traceback.format_exception(*record.exc_info))

    @property
    def text(self):
        return "\n".join(self.lines)
