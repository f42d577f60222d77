"""Runs gunicorn with its own arguments, once the settings that it reads by itself are in order.

It would end in a page of lines over a WEB_CONCURRENCY that is no number, before it has read a file
of ours.
"""

import os
import sys
from pathlib import Path

from environs import EnvError, validate

MOST_PROCESSES = 64  # of four threads and some 200 MiB each

# gunicorn and the portal are found from there, and nothing beside this file.
sys.path[0] = str(Path(__file__).resolve().parent.parent)


def main() -> None:
    from mailportal.env_file import Environment

    env = Environment(strip_whitespace=True)
    try:
        processes = env.int("WEB_CONCURRENCY", 2, validate=validate.Range(1, MOST_PROCESSES))
        port = env.int("PORT", 8000, validate=validate.Range(1, 65535))
    except EnvError as error:
        sys.exit(f"mailportal: {error}")
    # They may have come from files, of which gunicorn knows nothing.
    os.environ |= {"WEB_CONCURRENCY": str(processes), "PORT": str(port)}

    from gunicorn.app.wsgiapp import run  # reads WEB_CONCURRENCY at once

    run(prog="gunicorn")


if __name__ == "__main__":
    main()
