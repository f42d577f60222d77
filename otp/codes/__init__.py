"""One-time codes: issued, verified, spent, revoked, by the office's rule."""

from otp.codes.checking import Answer, Verdict, digits, reopen, revoke, spend, verify
from otp.codes.issuing import Issued, TooSoon, give_one_more, issue, move, void
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
