"""Waits for a thing itself, never for a time, and says what did not come."""

import time

from django.db import connection

PATIENCE = 120  # seconds until something is given up, because the machine may be busy


def wait_for(condition, what, *, patience=PATIENCE, log=None):
    """Ask until it holds, and give what it gave.

    `what` completes "waited in vain for"; `log` gives what somebody who was waited for has said.
    """
    began = time.monotonic()
    while not (result := condition()):
        waited = time.monotonic() - began
        if waited > patience:
            said = f"; what was said meanwhile:\n{log()}" if log else ""
            raise AssertionError(f"waited {patience} seconds in vain for {what}{said}")
        # Whoever is waited for long needs the processor more than the question does.
        time.sleep(min(0.01 + waited / 20, 0.05))
    return result


def wait_for_end(process, what, *, log=None):
    """Wait for the end of a process that was started here, and give its exit code."""
    wait_for(lambda: process.poll() is not None, f"the end of {what}", log=log)
    return process.returncode


def waiting_for_locks():
    """Count the connections to this database that wait for a lock.

    pg_locks would show those of other databases too, where other tests run at the same time.
    """
    with connection.cursor() as cursor:
        # Inside a transaction the view would go on showing what it showed first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]
