"""One-time codes: asked for, guessed at, right, used up. Every rule of a code's life."""

from otp.codes.checking import Answer, Verdict, digits, reopen, revoke, spend, verify
from otp.codes.issuing import Issued, TooSoon, give_one_more, issue, move, void
from otp.codes.rule import CLOSED_FOR, GRANT, STREAK

__all__ = [
    "CLOSED_FOR",
    "GRANT",
    "STREAK",
    "Answer",
    "Issued",
    "TooSoon",
    "Verdict",
    "digits",
    "give_one_more",
    "issue",
    "move",
    "reopen",
    "revoke",
    "spend",
    "verify",
    "void",
]
