"""Reads variables for the settings; those of a file as systemd does, and runs a command with them.

    python -m mailportal.env_file /etc/mailportal/env -/etc/mailportal/owner -- COMMAND

A `-` before a file: it need not be there, as in a unit. A shell would read more into `(`, `&` and
`$` than the services do: systemd.exec(5).
"""

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from environs import EnvError, FileAwareEnv

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NEWLINE, _SPACE = "\n\r", " \t\n\r"
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class Environment(FileAwareEnv):
    """Reads variables; raises EnvError, which names the one to mend and repeats no value."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            value = super()._get_value(env_key, default)
        except (OSError, ValueError) as error:
            raise EnvError(
                f"{env_key}_FILE must be the path of a file that can be read, in UTF-8."
            ) from error
        signs = value if isinstance(value, str) else ""
        # Pasted along with a secret, it would only be noticed at the first use.
        unseen = (c for c in signs if c not in _SPACE and unicodedata.category(c) in _UNSEEN)
        if sign := next(unseen, ""):
            raise EnvError(
                f"{env_key} holds a sign that nobody sees (U+{ord(sign):04X}): type it anew."
            )
        return value


def read(text: str) -> tuple[dict[str, str], list[str]]:
    """Give the variables, and the names that systemd ignores because they are none."""
    variables, ignored = {}, []
    for name, value in _Reader(text).assignments():
        if _NAME.match(name):
            variables[name] = value
        else:
            ignored.append(name)
    return variables, ignored


class _Reader:
    """systemd's parser: one character at a time, each state a method that gives the next."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._key = self._value = ""
        self._kept = 0  # characters of the value that are no spaces at its end
        self._done: list[tuple[str, str]] = []

    def assignments(self) -> Iterator[tuple[str, str]]:
        state: _State = self._before_key
        for character in self._text:
            state = state(character)
            yield from self._done
            self._done.clear()
        if state not in (self._before_key, self._in_key, self._comment, self._escaped_comment):
            self._end()
            yield from self._done

    def _before_key(self, c: str) -> "_State":
        if c in "#;":
            return self._comment
        if c in _SPACE:
            return self._before_key
        self._key = c
        return self._in_key

    def _in_key(self, c: str) -> "_State":
        if c in _NEWLINE:
            return self._before_key
        if c == "=":
            self._value, self._kept = "", 0
            return self._before_value
        self._key += c
        return self._in_key

    def _before_value(self, c: str) -> "_State":
        if c in _NEWLINE:
            return self._end()
        if c in _SPACE:
            return self._before_value
        quotes = {"'": self._single_quoted, '"': self._double_quoted, "\\": self._escaped}
        return quotes[c] if c in quotes else self._keep(c, self._in_value)

    def _in_value(self, c: str) -> "_State":
        if c in _NEWLINE:
            return self._end()
        if c == "\\":
            self._kept = len(self._value)
            return self._escaped
        if c in _SPACE:
            self._value += c
            return self._in_value
        return self._keep(c, self._in_value)

    def _escaped(self, c: str) -> "_State":
        return self._in_value if c in _NEWLINE else self._keep(c, self._in_value)

    def _single_quoted(self, c: str) -> "_State":
        return self._before_value if c == "'" else self._keep(c, self._single_quoted)

    def _double_quoted(self, c: str) -> "_State":
        if c == '"':
            return self._before_value
        return self._escaped_in_quotes if c == "\\" else self._keep(c, self._double_quoted)

    def _escaped_in_quotes(self, c: str) -> "_State":
        if c == "\n":
            return self._double_quoted
        return self._keep(c if c in '"\\`$' else f"\\{c}", self._double_quoted)

    def _comment(self, c: str) -> "_State":
        if c == "\\":
            return self._escaped_comment
        return self._before_key if c in _NEWLINE else self._comment

    def _escaped_comment(self, c: str) -> "_State":
        return self._before_key if c in _NEWLINE else self._comment

    def _keep(self, text: str, then: "_State") -> "_State":
        self._value += text
        self._kept = len(self._value)
        return then

    def _end(self) -> "_State":
        self._done.append((self._key.rstrip(_SPACE), self._value[: self._kept]))
        return self._before_key


_State = Callable[[str], "_State"]


def _run(*arguments: str) -> None:
    border = arguments.index("--")
    variables: dict[str, str] = {}
    for file in arguments[:border]:
        variables |= _variables(file)
    command = arguments[border + 1 :]
    os.execvpe(command[0], command, {**os.environ, **variables})  # noqa: S606


def _variables(file: str) -> dict[str, str]:
    path = Path(file.removeprefix("-"))
    if file.startswith("-") and not path.exists():
        return {}
    try:
        variables, ignored = read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        sys.exit(f"mailportal: {path}: {reason}")
    for name in ignored:
        sys.stderr.write(f"{path}: {name!r} is no name of a variable: the services ignore it too\n")
    return variables


if __name__ == "__main__":
    _run(*sys.argv[1:])
