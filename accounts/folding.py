"""Texts without accents and case, so that Hoà, HOÀ and hoa are found by each other.

The database does the same in `accounts_fold` (migration 0005), by which the names of accounts and
units are indexed. The two agree on every letter of Vietnamese in NFC, which is how texts are
stored; a change of one is a change of both, and new `words` for every account.
"""

import re
import unicodedata

_HIDDEN = ("Cc", "Cf", "Co", "Cs", "Cn")  # controls, signs of format, and what is no sign
# Letters and marks that are empty, and those that choose between two shapes of a sign.
_FILLERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)


def fold(text: str) -> str:
    """Write the letters of a text small and without accents; đ is a d."""
    split = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in split if not unicodedata.combining(character))
    # Unicode does not see đ as a d with a mark.
    return bare.replace("đ", "d")


def visible(text: str) -> str:
    """Take out what nobody sees, such as signs of direction, and make every gap one space.

    A name that holds them is not found by who types it, and can be shown as another.
    """
    seen = (" " if sign.isspace() else sign for sign in text)
    return " ".join("".join(sign for sign in seen if not _is_hidden(sign)).split())


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN or sign in _FILLERS


def words(text: str) -> list[str]:
    """Give the folded words of a text: nothing but a-z and digits is in them."""
    return re.findall("[a-z0-9]+", fold(text))
