"""One connection to the operator's centre: made, bound, written to and read by one thread."""

import os
import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

from django.views.decorators.debug import sensitive_variables

from otp.suppliers import http
from otp.suppliers.smpp import SetUp, pdus
from otp.suppliers.smpp.pdus import Command, Status, Unit
from otp.suppliers.tls import trusting

AT_ONCE = 64 * 1024  # bytes


class NotBound(Exception):
    """There is no line; `reason` is a word that names no person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gone(Exception):
    """The connection is over."""


class Wire:
    """A bound connection. OpenSSL lets nobody read while another writes, so one thread does both.

    Any thread may call `wake`.
    """

    def __init__(self, set_up: SetUp, sequence: int) -> None:
        """Connect and bind; raises `NotBound`."""
        self._buffer = pdus.Buffer()
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._socket = None
        try:
            self._socket = _connected(set_up)
            self._selector.register(self._socket, selectors.EVENT_READ)
            self._selector.register(self._woken, selectors.EVENT_READ)
            self._bind(set_up, sequence)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._selector.close()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        os.close(self._woken)
        os.close(self._waker)

    def wake(self) -> None:
        """Have `units` return early."""
        # It may be awake already.
        with suppress(OSError):
            os.write(self._waker, b".")

    @sensitive_variables()
    def send(self, raw: bytes) -> None:
        """Write a unit; raises `Gone`, and then a part of it may have left."""
        assert self._socket is not None
        fault = False
        try:
            self._socket.settimeout(http.TIMEOUTS[1])
            self._socket.sendall(raw)
        except OSError:
            fault = True
        if fault:
            raise Gone

    def units(self, within: float) -> Iterator[Unit]:
        """Give what has come in, after at most so many seconds; raises `Gone`."""
        for key, _ in self._selector.select(within):
            if key.fd == self._woken:
                os.read(self._woken, AT_ONCE)
            else:
                self._read()
        yield from self._whole()

    @sensitive_variables()
    def _read(self) -> None:
        """Take what is there, without waiting for more."""
        assert self._socket is not None
        fault = False
        try:
            self._socket.settimeout(0)
            self._take(self._socket.recv(AT_ONCE))
            # What OpenSSL has read already makes no socket readable.
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                self._take(self._socket.recv(AT_ONCE))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            fault = True
        if fault:
            raise Gone

    @sensitive_variables()
    def _take(self, more: bytes) -> None:
        if not more:
            raise Gone
        self._buffer.add(more)

    def _whole(self) -> Iterator[Unit]:
        try:
            yield from self._buffer.units()
        except pdus.Unreadable:
            raise Gone from None

    @sensitive_variables()
    def _bind(self, set_up: SetUp, sequence: int) -> None:
        unit = pdus.bind(
            sequence,
            system_id=set_up.system_id,
            password=set_up.password,
            system_type=set_up.system_type,
        )
        give_up_at = time.monotonic() + http.TIMEOUTS[1]
        status = None
        try:
            self.send(unit)
            while status is None and (left := give_up_at - time.monotonic()) > 0:
                status = self._bound_as(left)
        except Gone:
            pass
        if status is None:
            raise NotBound("no-answer")
        if status != Status.OK:
            raise NotBound(f"bind-{status}")

    def _bound_as(self, within: float) -> int | None:
        """Give what the answer to the bind says; what comes behind it waits to be read."""
        for unit in self.units(within):
            if unit.command in (Command.BIND_ANSWER, Command.NACK):
                return unit.status
        return None


@sensitive_variables()
def _connected(set_up: SetUp) -> socket.socket:
    line: socket.socket | None = None
    reason = "connect"
    try:
        line = socket.create_connection(set_up.place, http.TIMEOUTS[0])
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not set_up.is_secured:
            return line
        reason = "tls"
        trusted = trusting(set_up.ca_file)
        return trusted.wrap_socket(line, server_hostname=set_up.place[0])
    except OSError:
        if line is not None:
            line.close()
    raise NotBound(reason)
