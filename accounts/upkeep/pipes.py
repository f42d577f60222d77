"""Programs whose data goes through pipes; each ends well, or Failed says what it said."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, Self

CHUNK = 1024 * 1024  # bytes
MISSING = {
    "age": "apt-get install age",
    "gpg": "apt-get install gpg",
    "pg_dump": "install PostgreSQL's client programs, of the server's version at least",
    "pg_restore": "install PostgreSQL's client programs, of the server's version at least",
    "psql": "install PostgreSQL's client programs, of the server's version at least",
}


class Failed(Exception):
    """A program did not do what it is for; the text is one line."""


class Program:
    """A running program. Leaving it waits for its end, and raises Failed where that is not well.

    Where something else has gone wrong meanwhile, it is killed.
    """

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str] | None = None,
        *,
        takes: bool | IO[bytes] | None = False,
        gives: int | IO[bytes] = subprocess.PIPE,
    ) -> None:
        self.name = command[0]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        stdin = subprocess.PIPE if takes is True else takes or subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(
                command,
                env=os.environ | (environment or {}),
                stdin=stdin,
                stdout=gives,
                stderr=self._said,
            )
        except FileNotFoundError:
            raise Failed(f"{self.name} is not installed: {MISSING[self.name]}.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self.process.poll() is None:
            self.process.kill()
        self.close()
        if self.process.stdout:
            self.process.stdout.close()
        code = self.process.wait()
        fault = f"{self.name}: {self._first_line() or f'ended with {code}'}"
        self._said.close()
        # Of several that fail together, the outermost is the cause. Who was killed is none.
        if code > 0 or (code and kind is None):
            raise Failed(fault) from None

    def close(self) -> None:
        """Say that nothing more comes."""
        if self.process.stdin and not self.process.stdin.closed:
            # Who has ended already takes no last words; how it ended is told by its status.
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def _first_line(self) -> str:
        self._said.seek(0)
        return self._said.readline(500).decode(errors="replace").strip()


def pour(source: Program, *into: Program, change: tuple[bytes, bytes] = (b"", b"")) -> None:
    """Give all that a program says to each of others; raises Failed where it did not end well.

    `change` is what stands once at the beginning, and what is said instead.
    """
    assert source.process.stdout
    old, new = change
    chunk = source.process.stdout.read(CHUNK).replace(old, new, 1)
    while chunk:
        for program in into:
            give(program, chunk)
        chunk = source.process.stdout.read(CHUNK)
    # What the others have may not be whole, and must not end as if it were.
    if source.process.wait():
        raise Failed(f"{source.name} ended too soon.")


@contextmanager
def pouring(source: Program, into: Program, *, change: tuple[bytes, bytes]) -> Iterator[None]:
    """Pour one into the other meanwhile, to the end; raises Failed as `pour` does."""
    failed: list[Failed] = []

    def do() -> None:
        try:
            pour(source, into, change=change)
        except Failed as error:
            failed.append(error)
            source.process.kill()  # else who gives to it would wait for ever

    beside = threading.Thread(target=do)
    beside.start()
    try:
        yield
        source.close()
    except BaseException:
        source.process.kill()
        raise
    finally:
        beside.join()
    if failed:
        raise failed[0]


def give(program: Program, chunk: bytes) -> None:
    """Give a program more; raises Failed where it is there no longer."""
    assert program.process.stdin
    try:
        program.process.stdin.write(chunk)
    except BrokenPipeError:
        raise Failed(f"{program.name} ended too soon.") from None
