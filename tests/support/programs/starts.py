"""A program that starts the portal by the dozen: libraries are loaded once, its own modules anew.

It reads the environment of a good start, then doors with environments, and writes how each start
ended and what it said: a line of JSON each, until nobody asks any more. Each start is a process of
its own. Nothing of the portal may be imported here.
"""

import gc
import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

OWN = ("mailportal", "accounts", "otp", "tests", "__main__")

_NAMES = "import sys, mailportal.wsgi; print(); print(*sys.modules)"


def _main():
    _load_libraries(json.loads(sys.stdin.readline()))
    gc.freeze()  # no start is to search what it was given for garbage
    while asked := sys.stdin.readline():
        print(json.dumps(_start(*json.loads(asked))), flush=True)


def _load_libraries(environment):
    """Import all that a good start imports, save what is the portal's own or needs its settings."""
    status, said = _start(["-c", _NAMES], environment)
    assert not status, said
    for name in said.splitlines()[-1].split():
        if name.partition(".")[0] not in OWN:
            with suppress(ImproperlyConfigured, ImportError):
                importlib.import_module(name)


def _start(door, environment):
    with tempfile.TemporaryFile("w+") as said, Path(os.devnull).open() as nothing:
        child = os.fork()
        if not child:
            for number, file in enumerate((nothing, said, said)):
                os.dup2(file.fileno(), number)
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
