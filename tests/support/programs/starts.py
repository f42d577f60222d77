"""A program that starts Python programs by the dozen: libraries are loaded once, for all of them.

It is asked on a socket for one start after another: a JSON object, and the files that are to be the
standard input, output and error. Each start is a process of its own, a child of whoever asked (a
grandchild of this one, whose parent ends), and has to import the portal's own modules anew. Nothing
of the portal may be imported here. `tests/support/programs/starting.py` asks.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

OWN = ("mailportal", "accounts", "otp", "tests", "__main__")
ASKED_BYTES = 128 * 1024  # of one start, whose environment may be long

# What web pages, gunicorn and the commands import, in a process of its own.
_NAMES = """
import sys, django
django.setup()
import django.core.handlers.wsgi, django.core.servers.basehttp, mailportal.urls
import gunicorn.app.wsgiapp, gunicorn.workers.gthread
print()
print(*sys.modules)
"""


def main():
    asker = socket.socket(fileno=sys.stdin.fileno())
    _load_libraries()
    gc.freeze()  # no start is to search what it was given for garbage
    while True:
        asked, files, _, _ = socket.recv_fds(asker, ASKED_BYTES, 3)
        if not asked:
            return
        start = json.loads(asked)
        pid = _fork_twice()
        if pid is None:
            break
        asker.send(str(pid).encode())
        for file in files:
            os.close(file)
    asker.detach()
    _become(start, files)


def _load_libraries():
    """Import all that a portal imports, save what is the portal's own or needs its settings."""
    # Here it would let models be made of no portal.
    settings = {"DJANGO_SETTINGS_MODULE": os.environ.pop("DJANGO_SETTINGS_MODULE")}
    command = [sys.executable, "-c", _NAMES]
    done = subprocess.run(
        command,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in done.stdout.splitlines()[-1].split():
        if name.partition(".")[0] not in OWN:
            with suppress(ImproperlyConfigured, ImportError):
                importlib.import_module(name)


def _fork_twice():
    """Give the number of a new process that is not this one's child; in that process, None."""
    reading, writing = os.pipe()
    between = os.fork()
    if not between:
        pid = os.fork()
        if not pid:
            os.close(reading)
            os.close(writing)
            return None
        os.write(writing, str(pid).encode())
        os._exit(0)
    os.close(writing)
    # Once it has ended, its child is the asker's.
    os.waitpid(between, 0)
    pid = int(os.read(reading, 20))
    os.close(reading)
    return pid


def _become(start, files):
    """Do in this process what Python would do with the arguments, in that place and environment."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(start["at"])
    os.environ.clear()
    os.environ.update(start["environment"])
    tempfile.tempdir = None
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    door, *rest = start["arguments"]
    sys.path[0] = start["at"]
    if door == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    elif door == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [door, *rest]
        sys.path[0] = str(Path(door).absolute().parent)
        runpy.run_path(door, run_name="__main__")


if __name__ == "__main__":
    main()
