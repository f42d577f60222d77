"""How many requests at once, and how long each may take."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

# systemd and Docker each say where to listen with --bind; this is Docker's.
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4

# Nothing in a request waits for a gateway. A directory has 23 s, then the page says that it is
# away: 30 s is a hang.
timeout = 30  # seconds
graceful_timeout = 25  # seconds, less than Docker and systemd wait
keepalive = 5  # seconds
max_requests = 5000
max_requests_jitter = 500

limit_request_line = 2048  # bytes
limit_request_fields = 50
limit_request_field_size = 8190  # bytes

# The proxy writes the access log, without query strings; the portal writes its
# own log to standard error.
accesslog = None
errorlog = "-"
# Heartbeats are files: keep them off a slow disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

M_MMAP_THRESHOLD = -3  # of mallopt(3)


def post_fork(server: object, worker: object) -> None:
    """Give the memory of each password hash (19 MiB) back as soon as it is computed.

    Left alone, glibc learns from such blocks to keep them, once for every thread.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1024 * 1024)
