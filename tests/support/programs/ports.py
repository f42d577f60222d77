"""Ports of this machine that are free, and stay so until the test's own server takes them."""

import socket
import sys

# Each is bound and never listens. Linux lets a server listen on such a port, and gives it to
# nobody who asks for any port; so no other process can take it before the server is up, or while
# it is stopped.
_kept: list[socket.socket] = []


def free_port():
    """Give a port of 127.0.0.1 on which nobody listens. It is kept while this process lives."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    port = keeper.getsockname()[1]
    if sys.platform == "linux":
        _kept.append(keeper)
    else:
        keeper.close()
    return port
