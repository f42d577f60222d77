"""The sender: a loop with lanes that hand over what waits in the outbox."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Protocol

from django.db import Error, connection

from otp.outbox import sending, sweeping
from otp.outbox.watch import Watch
from otp.suppliers.route import Route

logger = logging.getLogger(__name__)

LANES = 24  # messages on their way at once
NOTICE_LANES = LANES // 2  # of which notices; the rest is kept free for codes
TICK = 1.0  # seconds after which to look for work that nobody announced, such as a second try
COURTESY = 0.005  # seconds from a commit to the work on what it queued
SIGN_OF_LIFE = 5.0  # seconds
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 3.2  # seconds between two tries to reach the database

_beside: "list[Callable[[], Beside]]" = []


class Beside(Protocol):
    """Something else that sends in the sender's process, on threads of its own."""

    def start(self) -> None: ...

    def end(self) -> None: ...

    def drain(self) -> None:
        """Send what is due now; instead of a start."""


def run_beside(make: Callable[[], Beside]) -> None:
    """Have one made for each sender: by what the rooms above send."""
    _beside.append(make)


def all_beside() -> list[Beside]:
    return [make() for make in _beside]


class Sender:
    """Wakes its lanes whenever a message is queued, and shows that it lives.

    Any number of senders may run side by side. Nothing is claimed before a lane is free for it, so
    a sender that is told to stop has nothing to give back.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        # A plain flag: an Event set by a signal handler may wait for its own lock for ever.
        self.stopping = False
        self.calls: queue.Queue[None] = queue.Queue(maxsize=LANES)
        self.notice_places = threading.Semaphore(NOTICE_LANES)
        self._lanes = [Lane(self) for _ in range(LANES)]
        self._tended_at = 0.0
        self._look_out = Watch("sender")
        self._beside = all_beside()
        self._pause = SHORTEST_PAUSE
        self._away = False

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Begin no more messages. `run` returns once those on their way are done."""
        self.stopping = True

    def run(self) -> None:
        logger.info("sender: started, gateways %s", self.route)
        for lane in self._lanes:
            lane.start()
        for each in self._beside:
            each.start()
        self._look_out.start()
        self.route.begin()
        try:
            while not self.stopping:
                self._watch()
        finally:
            self._end()
        logger.info("sender: stopped")

    def call_a_lane(self) -> None:
        """Ask one idle lane to look for work."""
        # Where the queue is full, every lane has been called already.
        with suppress(queue.Full):
            self.calls.put_nowait(None)

    def lost(self, error: Error) -> None:
        """Say, once, that the database is away."""
        if not self._away:
            self._away = True
            # Only the first line: those after it may repeat values.
            first_line = str(error).partition("\n")[0]
            logger.error("sender: the database does not answer, trying on: %s", first_line)

    def _watch(self) -> None:
        """Call lanes as messages come, until told to stop or the database goes away."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("LISTEN otp_message")
            while not self.stopping:
                self._tend()
                self._found()
                self._wait()
        except Error as error:
            self.lost(error)
            connection.close()
            time.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _tend(self) -> None:
        if time.monotonic() - self._tended_at >= SIGN_OF_LIFE:
            sweeping.tend([lane.busy_with for lane in self._lanes if lane.busy_with is not None])
            self._tended_at = time.monotonic()

    def _found(self) -> None:
        self._pause = SHORTEST_PAUSE
        if self._away:
            self._away = False
            logger.warning("sender: the database answers again")

    def _wait(self) -> None:
        """Call a lane for every message announced, and one now and then for second tries."""
        self.call_a_lane()
        with connection.wrap_database_errors:
            for _ in connection.connection.notifies(timeout=TICK, stop_after=1):
                # The answer to whoever asked goes out first. Else the work on a real message, which
                # a decoy does not make, would slow that answer and tell them apart (EN-04).
                time.sleep(COURTESY)
                self.call_a_lane()

    def _end(self) -> None:
        self.stopping = True
        logger.info("sender: stopping")
        for _ in self._lanes:
            self.call_a_lane()
        for lane in self._lanes:
            lane.join()
        for each in self._beside:
            each.end()
        self.route.end()
        self._look_out.end()
        connection.close()


class Lane(threading.Thread):
    """Carries one message at a time, on a database connection of its own."""

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self._sender = sender
        self.busy_with: int | None = None

    def run(self) -> None:
        try:
            while not self._sender.stopping:
                self._sender.calls.get()
                self._work()
        finally:
            connection.close()

    def _work(self) -> None:
        try:
            while not self._sender.stopping and self._send_one():
                pass
        except Error as error:
            connection.close()
            self._sender.lost(error)
        except Exception:
            # What was claimed is found abandoned later: in doubt, but never sent twice.
            logger.exception("sender: a lane failed")

    def _send_one(self) -> bool:
        """Carry the next message. Say whether there was one."""
        takes_notices = self._sender.notice_places.acquire(blocking=False)
        try:
            message = sending.claim(codes_only=not takes_notices)
            if message is None:
                return False
            self.busy_with = message.id
            # Where there was one there may be more, and they must not wait for this one.
            self._sender.call_a_lane()
            sending.deliver(message, self._sender.route)
            return True
        finally:
            self.busy_with = None
            if takes_notices:
                self._sender.notice_places.release()
