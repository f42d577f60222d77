#!/usr/bin/env python
"""The portal's commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from environs import EnvError

from mailportal import postgresql


def main() -> None:
    postgresql.is_command(*sys.argv[1:2] or [""])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(f"mailportal: {error}")


if __name__ == "__main__":
    main()
