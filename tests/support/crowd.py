"""Many who act in the same moment, each on a connection of its own."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from tests.support.waiting import PATIENCE

CROWD = 40


def at_once(act, crowd=CROWD):
    """Call act(0), act(1) … each in a thread and on a connection of its own, let go together."""
    together = threading.Barrier(crowd, timeout=PATIENCE)

    def run(n):
        with contextlib.closing(connection):
            connection.ensure_connection()
            together.wait()
            return act(n)

    with ThreadPoolExecutor(crowd) as threads:
        return list(threads.map(run, range(crowd)))
