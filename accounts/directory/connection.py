"""Open a socket to the directory: over verified TLS by Python, with a time-out for every step.

libldap's own TLS is not used. Where it is built on GnuTLS (Debian, Ubuntu), its time-outs end at
the handshake: with a server that is silent there, it waits for ever and keeps a processor busy.
"""

import functools
import re
import select
import socket
import ssl
import threading
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from otp.suppliers.tls import trusting

_PORTS = {"ldap": 389, "ldaps": 636}
_CHUNK = 64 * 1024
_IDLE = 60_000  # milliseconds; long after every conversation is over

# StartTLS (RFC 4511, 4.14), and a yes: message 1, an extended response, result 0.
_START_TLS = bytes.fromhex("301d 0201 01 7718 8016") + b"1.3.6.1.4.1.1466.20037"
_STARTED = re.compile(rb"\x30.{1,5}?\x02\x01\x01\x78.{1,5}?\x0a\x01\x00", re.DOTALL)


def is_on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def open_socket(connect: float, read: float) -> int:
    """Connect to DIRECTORY and give the descriptor of a socket to it, in clear at this end.

    Raises OSError: no server, no answer within `connect` seconds, or the wrong certificate.
    """
    address = urlsplit(settings.DIRECTORY)
    host = address.hostname or ""
    far = socket.create_connection((host, address.port or _PORTS[address.scheme]), connect)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if address.scheme == "ldap" and is_on_this_machine(host):
            far.settimeout(None)  # libldap has its own
            return far.detach()
        if address.scheme == "ldap":
            _start_tls(far)
        encrypted = _context(settings.DIRECTORY_CA_FILE).wrap_socket(far, server_hostname=host)
    except BaseException:
        far.close()
        raise
    near, inner = socket.socketpair()
    threading.Thread(target=_carry, args=(inner, encrypted, read), daemon=True).start()
    return near.detach()


def _start_tls(far: socket.socket) -> None:
    far.sendall(_START_TLS)
    if not _STARTED.match(far.recv(_CHUNK)):
        raise ConnectionError


@functools.lru_cache
def _context(ca_file: str) -> ssl.SSLContext:
    context = trusting(ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _carry(inner: socket.socket, far: ssl.SSLSocket, patience: float) -> None:
    """Carry what comes from either side to the other, until one of them ends it."""
    ready = select.poll()
    ready.register(inner, select.POLLIN)
    ready.register(far, select.POLLIN)
    with inner, far:
        try:
            while events := ready.poll(_IDLE):
                for descriptor, _ in events:
                    if descriptor == far.fileno():
                        going_on = _receive(far, inner)
                    else:
                        going_on = _send(inner, far, patience)
                    if not going_on:
                        return
        except OSError:
            return


def _send(inner: socket.socket, far: ssl.SSLSocket, patience: float) -> bool:
    data = inner.recv(_CHUNK)
    far.settimeout(patience)
    far.sendall(data)
    return bool(data)


def _receive(far: ssl.SSLSocket, inner: socket.socket) -> bool:
    # Without waiting: what has come may be TLS's own, with nothing in it to pass on.
    far.settimeout(0)
    while True:
        try:
            data = far.recv(_CHUNK)
        except ssl.SSLWantReadError:
            return True
        if not data:
            return False
        inner.sendall(data)
