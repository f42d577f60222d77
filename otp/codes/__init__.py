"""One-time codes: issued, verified, spent, revoked, by the office's rule."""

from otp.codes.checking import (
    Answer,
    Repeat,
    Verdict,
    digits,
    reopen,
    repeat,
    revoke,
    spend,
    verify,
)
from otp.codes.issuing import (
    Issued,
    Sequel,
    TooSoon,
    give_one_more,
    give_places_back,
    issue,
    move,
    void,
)
from otp.codes.resuming import Outlook, issued_to, note_refusal, outlook_of
from otp.codes.rule import CLOSED_FOR, CODE_LENGTH, GRANT, NUMBER_CAP, PHONE_CAP, STREAK

__all__ = [
    "CLOSED_FOR",
    "CODE_LENGTH",
    "GRANT",
    "NUMBER_CAP",
    "PHONE_CAP",
    "STREAK",
    "Answer",
    "Issued",
    "Outlook",
    "Repeat",
    "Sequel",
    "TooSoon",
    "Verdict",
    "digits",
    "give_one_more",
    "give_places_back",
    "issue",
    "issued_to",
    "move",
    "note_refusal",
    "outlook_of",
    "reopen",
    "repeat",
    "revoke",
    "spend",
    "verify",
    "void",
]
