"""Units of SMPP 3.4 as bytes and back, by smpplib; what cannot be read has empty fields."""

import logging
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from django.views.decorators.debug import sensitive_variables
from smpplib import smpp
from smpplib.exceptions import UnknownCommandError

# At DEBUG it writes what it sends and reads, and it warns of each parameter that it does not know.
logging.getLogger("smpplib").setLevel(logging.CRITICAL)

HEADER = struct.Struct(">LLLL")
LARGEST = 70_000  # bytes; a text in message_payload has at most 65,535
HIGHEST_SEQUENCE = 0x7FFFFFFF
_ANSWER = 0x80000000


class Command(IntEnum):
    """What a unit asks for; its answer has the highest bit set too."""

    NACK = 0x80000000
    SUBMIT = 0x00000004
    SUBMIT_ANSWER = 0x80000004
    DELIVER = 0x00000005
    UNBIND = 0x00000006
    UNBIND_ANSWER = 0x80000006
    BIND_ANSWER = 0x80000009
    ENQUIRE = 0x00000015
    ALERT = 0x00000102
    DATA = 0x00000103


class Status(IntEnum):
    """What an answer says; SMPP 3.4, 5.1.3."""

    OK = 0x00
    UNKNOWN_COMMAND = 0x03
    SYSTEM_ERROR = 0x08
    QUEUE_FULL = 0x14
    THROTTLED = 0x58
    WRONG_VALIDITY = 0x62
    NOT_NOW = 0x64  # of an answer to a report: bring it again
    NEVER = 0x65  # of an answer to a report: do not


@dataclass(frozen=True)
class Unit:
    """One unit that came in. Its repr shows no number and no text."""

    command: int
    status: int
    sequence: int
    raw: bytes

    def __repr__(self) -> str:
        return f"Unit({self.command:#x}, {self.status:#x}, {self.sequence})"

    @property
    def is_request(self) -> bool:
        return not self.command & _ANSWER

    @sensitive_variables()
    def fields(self) -> dict[str, object]:
        """Read the body as far as it can be read: numbers, and all else as bytes."""
        unit = smpp.make_pdu(
            _NAMES[Command(self.command)], client=_Numbers(), allow_unknown_opt_params=True
        )
        with suppress(struct.error, LookupError, ValueError, TypeError, UnknownCommandError):
            unit.parse(self.raw)
        return {name: getattr(unit, name, None) for name in unit.params}

    @sensitive_variables()
    def text(self, *names: str) -> str:
        """Give the first of these fields that is there, as text."""
        fields = self.fields()
        found = (fields[name] for name in names if fields.get(name))
        octets = next(found, b"")
        return octets.decode("latin-1") if isinstance(octets, bytes) else ""

    @sensitive_variables()
    def number(self, name: str) -> int:
        """Give a field that is a number; 0 where it is not there."""
        value = self.fields().get(name)
        return value if isinstance(value, int) else 0


class _Numbers:
    """The library numbers units by its client; ours are numbered by the line."""

    sequence = 0

    def next_sequence(self) -> int:
        return 0


def bind(sequence: int, **fields: object) -> bytes:
    """Write a bind as transceiver."""
    return _written("bind_transceiver", sequence, **fields)


@sensitive_variables()
def submit(sequence: int, **fields: object) -> bytes:
    """Write a message."""
    return _written("submit_sm", sequence, **fields)


def bare(command: Command, sequence: int) -> bytes:
    """Write a unit that has only its head."""
    return HEADER.pack(HEADER.size, command, Status.OK, sequence)


def answer(unit: Unit, status: int = Status.OK) -> bytes:
    """Write the answer to a request that came in."""
    body = b"\0" if unit.command in (Command.DELIVER, Command.DATA) else b""
    command = unit.command | _ANSWER
    return HEADER.pack(HEADER.size + len(body), command, status, unit.sequence) + body


def nack(unit: Unit) -> bytes:
    """Write that a request is not known here."""
    return HEADER.pack(HEADER.size, Command.NACK, Status.UNKNOWN_COMMAND, unit.sequence)


class Unreadable(Exception):
    """What comes in is no SMPP: nothing after it can be told apart."""


class Buffer:
    """Bytes as they come in, given as whole units."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @sensitive_variables()
    def add(self, more: bytes) -> None:
        self._bytes += more

    @sensitive_variables()
    def units(self) -> Iterator[Unit]:
        """Give each unit that is whole; raises `Unreadable` at a length that none has."""
        while len(self._bytes) >= HEADER.size:
            length, command, status, sequence = HEADER.unpack_from(self._bytes)
            if not HEADER.size <= length <= LARGEST:
                raise Unreadable
            if len(self._bytes) < length:
                return
            raw = bytes(self._bytes[:length])
            del self._bytes[:length]
            yield Unit(command, status, sequence, raw)


@sensitive_variables()
def _written(name: str, sequence: int, **fields: object) -> bytes:
    unit = smpp.make_pdu(name, client=_Numbers(), **fields)
    unit.sequence = sequence
    return bytes(unit.generate())


_NAMES = {
    Command.SUBMIT_ANSWER: "submit_sm_resp",
    Command.DELIVER: "deliver_sm",
    Command.DATA: "data_sm",
}
