"""Cuts the connection to PostgreSQL at a message of a request, before or after it was done."""

import selectors
import socket
import struct
import threading
from contextlib import contextmanager, suppress

from django.db import connection

from tests.support.programs.ports import free_port

BEFORE, AFTER = "before", "after"


class Wire:
    """A relay between Django and PostgreSQL that counts the messages that ask for an answer.

    A message is what PostgreSQL answers with ReadyForQuery: a Sync or a simple query. It can be
    kept from the server (`BEFORE`), or done by the server and its answer kept from Django
    (`AFTER`); from then on the connection is gone, as after a failover.
    """

    def __init__(self):
        self._server = _address_of(connection.settings_dict)
        self._lock = threading.Lock()
        self.count = 0
        self.lasting = set()  # the messages after which no transaction is open that could be undone
        self._cut_at, self._when = 0, ""
        self.port = free_port()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        # Only this ends the wait for a next connection.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def arm(self, cut_at=0, when=""):
        """Count anew, and cut at message number `cut_at`; 0 cuts nothing."""
        with self._lock:
            self.count, self._cut_at, self._when = 0, cut_at, when
            self.lasting = set()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        family, address = self._server
        with client, socket.socket(family) as server, suppress(OSError):
            server.connect(address)
            with selectors.DefaultSelector() as waiting:
                waiting.register(client, selectors.EVENT_READ)
                waiting.register(server, selectors.EVENT_READ)
                _Pair(self, client, server).run(waiting)

    def verdict(self):
        """Count a message; say whether it is the one at which to cut, and how."""
        with self._lock:
            self.count += 1
            return self._when if self.count == self._cut_at else ""

    def answered(self, status):
        """Note how the newest message left the connection: idle, or in a transaction."""
        with self._lock:
            if status == b"I":
                self.lasting.add(self.count)


class _Pair:
    """One connection: what came from Django is passed on message by message."""

    def __init__(self, wire, client, server):
        self.wire, self.client, self.server = wire, client, server
        self.from_client = self.from_server = b""
        self.bare_bytes = 0  # answers of the server that are one byte: whether it speaks TLS
        self.started = False  # the first message has no type

    def run(self, waiting):
        while True:
            for key, _ in waiting.select():
                if key.fileobj is self.client:
                    if not self._pass_on():
                        return
                else:
                    came = self.server.recv(65536)
                    if not came:
                        return
                    self._look_at(came)
                    self.client.sendall(came)

    def _pass_on(self):
        came = self.client.recv(65536)
        if not came:
            return False
        self.from_client += came
        passed = b""
        while (length := self._length()) and len(self.from_client) >= length:
            message, self.from_client = self.from_client[:length], self.from_client[length:]
            kind = message[:1] if self.started else b""
            if not self.started and _asks_for_tls(message):
                self.bare_bytes += 1
            else:
                self.started = True
            if kind in (b"S", b"Q"):
                when = self.wire.verdict()
                if when == BEFORE:
                    return False
                if when == AFTER:
                    self.server.sendall(passed + message)
                    self._until_ready()
                    return False
            passed += message
        if passed:
            self.server.sendall(passed)
        return True

    def _length(self):
        at = 1 if self.started else 0
        if len(self.from_client) < at + 4:
            return 0
        return at + struct.unpack("!I", self.from_client[at : at + 4])[0]

    def _look_at(self, came):
        """Tell the wire of each message that is answered to its end; say whether one was."""
        bare, self.bare_bytes = min(self.bare_bytes, len(came)), 0
        self.from_server += came[bare:]
        ready = False
        while len(self.from_server) >= 5:
            length = 1 + struct.unpack("!I", self.from_server[1:5])[0]
            if len(self.from_server) < length:
                break
            answer, self.from_server = self.from_server[:length], self.from_server[length:]
            if answer[:1] == b"Z":
                self.wire.answered(answer[5:6])
                ready = True
        return ready

    def _until_ready(self):
        """Let the server do it, and keep its answer."""
        while came := self.server.recv(65536):
            if self._look_at(came):
                return


def _asks_for_tls(message):
    return struct.unpack("!I", message[4:8])[0] in (80877103, 80877104)


def _address_of(database):
    host, port = database["HOST"] or "localhost", int(database["PORT"] or 5432)
    if host.startswith("/"):
        return socket.AF_UNIX, f"{host}/.s.PGSQL.{port}"
    return socket.AF_INET, (host, port)


@contextmanager
def wire_between():
    """Lead this thread's connection to PostgreSQL through a wire that can be cut."""
    wire = Wire()
    at = connection.settings_dict
    before = {name: at[name] for name in ("HOST", "PORT")}
    connection.close()
    at.update({"HOST": "127.0.0.1", "PORT": wire.port})
    try:
        yield wire
    finally:
        wire.arm()
        at.update(before)
        connection.close()
        wire.close()
