"""The mail system's directory (LDAP), where an office has one. It knows no account."""

from accounts.directory.answers import PAGE, Entry, NoAnswer, PasswordRefused
from accounts.directory.client import (
    FAILURES,
    Open,
    ask_again,
    entry_of,
    is_in_charge,
    keep_phone,
    keeps_phones,
    opens,
    pages,
)

__all__ = [
    "FAILURES",
    "PAGE",
    "Entry",
    "NoAnswer",
    "Open",
    "PasswordRefused",
    "ask_again",
    "entry_of",
    "is_in_charge",
    "keep_phone",
    "keeps_phones",
    "opens",
    "pages",
]
