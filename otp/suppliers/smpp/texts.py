"""The parts in which a text is handed over: GSM 7-bit, or UCS-2 where it holds other signs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables
from smpplib.gsm import gsm_encode

GSM, UCS2 = 0, 8  # data_coding
WHOLE, PART = {GSM: 160, UCS2: 140}, {GSM: 153, UCS2: 134}  # octets of one SMS, of one of several
HAS_HEADER = 0x40  # esm_class
SHIFT = b"\x1b"  # the next septet is of the second table
_NOT_GSM = "`"  # which the library takes for a sign of the alphabet


@dataclass(frozen=True)
class Part:
    """What submit_sm says of one part. Its repr shows no text."""

    fields: dict[str, object] = field(repr=False)
    asks_report: bool = True


@sensitive_variables()
def parts_of(text: str, *, reference: int, in_payload: bool) -> list[Part]:
    """Give one part, or several that the telephone joins by `reference`; the last is reported."""
    coding, octets = _encoded(text)
    if len(octets) <= WHOLE[coding]:
        return [Part({"data_coding": coding, "short_message": octets})]
    if in_payload:
        return [Part({"data_coding": coding, "message_payload": octets})]
    pieces = list(_pieces(octets, coding))
    return [
        Part(
            {
                "data_coding": coding,
                "esm_class": HAS_HEADER,
                "short_message": bytes((5, 0, 3, reference, len(pieces), number)) + piece,
            },
            asks_report=number == len(pieces),
        )
        for number, piece in enumerate(pieces, 1)
    ]


@sensitive_variables()
def _encoded(text: str) -> tuple[int, bytes]:
    try:
        octets = b"" if _NOT_GSM in text else gsm_encode(text)
    except UnicodeError:
        octets = b""
    return (GSM, octets) if octets else (UCS2, text.encode("utf-16-be", errors="replace"))


@sensitive_variables()
def _pieces(octets: bytes, coding: int) -> Iterator[bytes]:
    """Cut between signs, never within one of two octets."""
    while octets:
        end = PART[coding]
        if len(octets) > end and _is_cut(octets[end - 2 : end], coding):
            end -= 1 if coding == GSM else 2
        yield octets[:end]
        octets = octets[end:]


def _is_cut(last: Sequence[int], coding: int) -> bool:
    """Say whether the last two octets are the first half of a sign."""
    if coding == GSM:
        return bytes(last[1:]) == SHIFT
    return 0xD8 <= last[0] <= 0xDB
