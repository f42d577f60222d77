"""What a process that was started here writes, in a file that never fills up and blocks it."""

import os
import tempfile


class Output:
    """Goes to Popen as stdout or stderr. To read it does not move the place where it is written."""

    def __init__(self):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - close() is for that

    def fileno(self):
        return self._file.fileno()

    def text(self):
        size = os.fstat(self.fileno()).st_size
        return os.pread(self.fileno(), size, 0).decode(errors="replace")

    def close(self):
        self._file.close()
