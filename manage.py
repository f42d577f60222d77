#!/usr/bin/env python
"""The portal's commands."""

import os
import signal
import sys

# Until it has its own way to end, Ctrl-C ends it without a word. The Makefile holds the signal back
# until here, because Python itself, while it starts, answers with a page of lines.
if sys.argv[1:2] == ["demo"]:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError
from environs import EnvError

from mailportal import postgresql


def main() -> None:
    postgresql.is_command(*sys.argv[1:2] or [""])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(f"mailportal: {error}")
    except OperationalError as error:
        first_line = str(error).partition("\n")[0]
        sys.exit(f"mailportal: the database does not answer, or not in time: {first_line}")
    except KeyboardInterrupt:
        sys.exit("mailportal: interrupted.")


if __name__ == "__main__":
    main()
