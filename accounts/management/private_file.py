"""Opens a file of names and addresses that a command writes."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file anew, for nobody else to read. Raises CommandError where it cannot be written."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)  # it may have been there
            yield file
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
