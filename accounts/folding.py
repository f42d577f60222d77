"""Texts without accents and case, so that Hoà, HOÀ and hoa are found by each other.

The database does the same in `accounts_fold` (migration 0005), by which the names of accounts and
units are indexed. The two agree on every letter of Vietnamese in NFC, which is how texts are
stored; a change of one is a change of both, and new `words` for every account.
"""

import re
import unicodedata


def fold(text: str) -> str:
    """Write the letters of a text small and without accents; đ is a d."""
    split = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in split if not unicodedata.combining(character))
    # Unicode does not see đ as a d with a mark.
    return bare.replace("đ", "d")


def words(text: str) -> list[str]:
    """Give the folded words of a text: nothing but a-z and digits is in them."""
    return re.findall("[a-z0-9]+", fold(text))
