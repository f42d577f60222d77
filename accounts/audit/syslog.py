"""Messages to a syslog server: RFC 5424 over TLS, each after its length (RFC 5425).

The protocol knows no acknowledgement. What stands for one: the server has read everything to the
end that we told it, before it closes the connection from its side.
"""

import fcntl
import re
import socket
import ssl
import sys
import termios
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from otp.suppliers.tls import trusting

PORT = 6514
TIMEOUT = 20  # seconds to connect, and for each step after it


class NotTaken(Exception):
    """The server is away, is not the one it should be, or did not read to the end."""


def send(messages: Iterable[bytes]) -> None:
    """Send messages by a connection of their own; raises `NotTaken` where some may be missing."""
    host, port = where()
    try:
        context = _context()
        with (
            socket.create_connection((host, port), timeout=TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(b"".join(b"%d %b" % (len(each), each) for each in messages))
            is_read = _was_read_to_the_end(secured)
    except OSError as error:
        raise NotTaken(getattr(error, "reason", "") or type(error).__name__) from error
    if not is_read:
        raise NotTaken("closed too soon")


def where() -> tuple[str, int]:
    """Give host and port of AUDIT_SYSLOG; raises ValueError where it names none."""
    parts = urlsplit(f"//{settings.AUDIT_SYSLOG}")
    host = parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9_.:-]+", host) or parts.path or parts.username is not None:
        raise ValueError
    return host, parts.port or PORT


def _context() -> ssl.SSLContext:
    context = trusting(settings.AUDIT_SYSLOG_CA)
    if settings.AUDIT_SYSLOG_CERT:
        show_certificate(context)
    return context


def show_certificate(context: ssl.SSLContext) -> None:
    """Have the connection say who we are; nobody is asked for a password of the key."""
    context.load_cert_chain(
        settings.AUDIT_SYSLOG_CERT, settings.AUDIT_SYSLOG_KEY, password=lambda: ""
    )


def _was_read_to_the_end(secured: ssl.SSLSocket) -> bool:
    """Say that nothing more comes, and wait until the server closes as well.

    A server that closes with something unread, or that has died, resets the connection: that is an
    OSError. One that had closed before it got our messages never confirmed their bytes.
    """
    unconfirmed = secured.fileno()
    try:
        secured.unwrap()
    except (ssl.SSLEOFError, ssl.SSLSyscallError):
        pass  # it closed without a word of TLS: rsyslog does
    except ssl.SSLError as error:
        if error.reason != "UNEXPECTED_EOF_WHILE_READING":
            raise
    queued = fcntl.ioctl(unconfirmed, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(queued, sys.byteorder) == 0
