"""A program that starts the portal by the dozen: libraries are loaded once, its own modules anew.

It reads doors with environments, and writes how each start ended and what it said (JSON).
Each start is a process of its own. Nothing of the portal may be imported here.
"""

import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback
from contextlib import suppress

from django.core.exceptions import ImproperlyConfigured

OWN = ("mailportal", "accounts", "otp", "tests", "__main__")

_NAMES = "import sys, mailportal.wsgi; print(); print(*sys.modules)"


def _main():
    asked = json.load(sys.stdin)
    _load_libraries(asked["good"])
    starts = [_start(door, environment) for door, environment in asked["starts"]]
    json.dump(starts, sys.stdout)


def _load_libraries(environment):
    """Import all that a good start imports, save what is the portal's own or needs its settings."""
    status, said = _start(["-c", _NAMES], environment)
    assert not status, said
    for name in said.splitlines()[-1].split():
        if name.partition(".")[0] not in OWN:
            with suppress(ImproperlyConfigured, ImportError):
                importlib.import_module(name)


def _start(door, environment):
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os._exit(_go_through(door, environment))
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read()


def _go_through(door, environment):
    """Do in this process what Python would do with the arguments; give the status of its end."""
    os.environ.clear()
    os.environ.update(environment)
    try:
        if door[0] == "-c":
            exec(door[1], {"__name__": "__main__"})
        else:
            sys.argv = list(door)
            runpy.run_path(door[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else bool(end.code)
    except Exception:  # noqa: BLE001  (as Python ends for any)
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _main()
