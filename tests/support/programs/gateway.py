"""A supplier of SMS and a mail server on this machine, which answer as a test tells them to."""

import itertools
import json
import logging
import os
import socket
import socketserver
import threading
import time
import traceback
from base64 import b64decode
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import parse_qsl

from django.test import override_settings

from otp.suppliers import http
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for

SID = "AC" + "0" * 32
TOKEN = "a-token-nobody-may-read"
SENDER = "+12025550123"
API_KEY, SECRET_KEY = "an-api-key-nobody-may-read", "a-secret-key-nobody-may-read"


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
    """Plays a supplier over real HTTP: keeps what it was given, and answers by `plan`.

    Each entry of `plan` answers one request; after the last, everything is accepted. An answer is
    a function of the request's handler.
    """

    name = ""

    def __init__(self):
        self.texts = []  # of every message read, whatever the answer
        self.plan = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        super().__init__(_SupplierServer, self.handler)
        self.address = f"http://127.0.0.1:{self.port}"

    def take(self, given):
        with self._lock:
            self.texts.append(given)
            return self.plan.pop(0) if self.plan else accept

    def next_id(self):
        """Number a message that is accepted."""
        return next(self._ids)

    @contextmanager
    def answers(self, answer):
        """Answer the one request of a block so. Only for `hold` its sender is in a hurry."""
        self.plan, before = [answer], len(self.texts)
        seconds = 0.3 if answer is hold else PATIENCE
        with mock.patch.object(http, "TIMEOUTS", (seconds, seconds)):
            yield
        wait_for(lambda: len(self.texts) > before, f"{self.name} to read what it was given")

    def close(self):
        self.released.set()
        super().close()


class _SupplierServer(ThreadingHTTPServer):
    request_queue_size = 128


def supply(test):
    """Start a Twilio for one test, and make the settings send to it."""
    (supplier,) = supply_each(test, Twilio)
    return supplier


def supply_each(test, *kinds):
    """Start a supplier of each kind, and make the settings send to them in this order."""
    suppliers = [kind() for kind in kinds]
    environment = {}
    for supplier in suppliers:
        test.addCleanup(supplier.close)
        environment |= supplier.environment()
    environment["SMS_GATEWAY"] = ",".join(supplier.name for supplier in suppliers)
    settings = override_settings(**environment)
    settings.enable()
    test.addCleanup(settings.disable)
    # A proxy of the surroundings must not see, or lose, what a test sends.
    direct = mock.patch.dict(os.environ, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    direct.start()
    test.addCleanup(direct.stop)
    return suppliers


def accept(handler):
    handler.accept()


def refuse(code, status=None):
    """Answer with the supplier's number for a fault."""

    def answer(handler):
        handler.refuse(code, status or handler.refusal_status)

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


def say(status, text, headers=()):
    def answer(handler):
        handler.answer(status, text, headers)

    return answer


def cut_off(text):
    """Promise one more byte than is sent, and leave."""

    def answer(handler):
        handler.answer(200, text, {}, missing=1)
        handler.close_connection = True

    return answer


def drip(text):
    """Send one byte at a time, the last of them when the test releases the supplier."""

    def answer(handler):
        handler.answer(200, "", {}, missing=1000 + len(text))
        while not handler.supplier.released.wait(0.02):
            handler.wfile.write(b" ")
        handler.wfile.write(text.encode())
        handler.close_connection = True

    return answer


def drop(handler):
    handler.close_connection = True


def hold(handler):
    """Take the message, and answer only when the test releases the supplier."""
    handler.supplier.released.wait(PATIENCE)
    accept(handler)


class _SupplierHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def supplier(self):
        return self.server.owner

    def do_POST(self):
        at = time.monotonic()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {"at": at, "path": self.path, "connection": self.client_address[1]}
        self.supplier.take(given | self.read(body))(self)

    def answer(self, status, body, headers=(), *, missing=0):
        text = body if isinstance(body, str) else json.dumps(body)
        content = text.encode(errors="surrogatepass")
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + missing))
        self.end_headers()
        self.wfile.write(content)

    def handle(self):
        # A sender that is killed leaves in the middle.
        with suppress(OSError):
            super().handle()

    def log_message(self, *args):
        pass


class _TwilioHandler(_SupplierHandler):
    refusal_status = 400

    def read(self, body):
        self.fields = dict(parse_qsl(body, strict_parsing=True))
        user, _, password = b64decode(self.headers["Authorization"][6:]).decode().partition(":")
        return {
            "to": self.fields["To"],
            "text": self.fields["Body"],
            "seconds": int(self.fields["ValidityPeriod"]),
            "known": (user, password) == (SID, TOKEN),
            "from": self.fields.get("From") or self.fields.get("MessagingServiceSid"),
            "report_to": self.fields["StatusCallback"],
        }

    def accept(self):
        sid = f"SM{self.supplier.next_id():032x}"
        self.answer(201, {"sid": sid, "status": "queued", "error_code": None})

    def refuse(self, code, status):
        # The real one repeats the number, too.
        words = f"The 'To' number {self.fields['To']} is not a valid phone number."
        self.answer(status, {"code": code, "message": words, "status": status})


class Twilio(Supplier):
    name = "twilio"
    handler = _TwilioHandler

    def environment(self, address=""):
        """Give the settings, or environment variables, of a portal that sends here."""
        return {
            "SMS_GATEWAY": self.name,
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SENDER,
            "TWILIO_MESSAGING_SERVICE_SID": "",
            "TWILIO_API_BASE": address or self.address,
        }


class _EsmsHandler(_SupplierHandler):
    refusal_status = 200  # it says everything in the body

    def read(self, body):
        self.fields = json.loads(body)
        return {
            "to": self.fields["Phone"],
            "text": self.fields["Content"],
            "known": (self.fields["ApiKey"], self.fields["SecretKey"]) == (API_KEY, SECRET_KEY),
            "from": self.fields["Brandname"],
            "request": self.fields["RequestId"],
            "report_to": self.fields["CallbackUrl"],
            "fields": self.fields,
        }

    def accept(self):
        """Accept it, or know it again: what was sent once under a RequestId is not sent again."""
        if self.supplier.knows(self.fields["RequestId"]):
            self.refuse(124, 200)
        else:
            self.answer(200, {"CodeResult": "100", "SMSID": f"{self.supplier.next_id():x}"})

    def refuse(self, code, status):
        words = f"{self.fields['Phone']} {self.fields['ApiKey']}"
        self.answer(status, {"CodeResult": str(code), "ErrorMessage": words})


class Esms(Supplier):
    name = "esms"
    handler = _EsmsHandler

    def __init__(self):
        super().__init__()
        self._sent = set()

    def knows(self, request):
        """Note a request that is accepted; say whether it was accepted before."""
        with self._lock:
            known = request in self._sent
            self._sent.add(request)
        return known

    def environment(self, address=""):
        return {
            "SMS_GATEWAY": self.name,
            "ESMS_API_KEY": API_KEY,
            "ESMS_SECRET_KEY": SECRET_KEY,
            "ESMS_BRANDNAME": "",
            "ESMS_API_BASE": address or self.address,
        }


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
    return f"http://127.0.0.1:{free_port()}"


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
