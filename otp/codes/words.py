"""Words that are read back on the telephone: two of a list and a number, derived, stored nowhere.

They are no code: no page takes them but the desk's, and they open nothing by themselves.
"""

import hashlib
import hmac
import uuid

from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from otp.counting import keyed_names

# Places and things of nature, as they are written without accents, that none of the others turns
# into something else when it is read out beside it.
_LISTED = """
song nui rung bien dao suoi thac dong ruong vuon doi hang lang pho cau ben cang
nang gio mua may sao trang suong tuyet xuan ha thu tay nam bac
tre truc tung thong sen cuc mai lan hong hue que tram lua ngo xoai nhan vai cam
quyt chanh man tao xanh vang tim nau
lo gam da lam ba be sa tam son hoa binh yen bai thai noi giang
"""
WORDS = tuple(_LISTED.split())
NUMBERS = 100  # the last part is one of so many


@sensitive_variables()
def words_of(code_id: uuid.UUID, pepper_id: str) -> str:
    """Derive the words of a row; "" once its pepper is no longer listed."""
    key = keyed_names.key_for(pepper_id, b"words\0" + code_id.bytes)
    if key is None:
        return ""
    drawn = int.from_bytes(hmac.digest(key, b"caller", hashlib.sha256))
    drawn, first = divmod(drawn, len(WORDS))
    drawn, step = divmod(drawn, len(WORDS) - 1)
    second = (first + 1 + step) % len(WORDS)  # never the same twice
    return f"{WORDS[first]} {WORDS[second]} {drawn % NUMBERS:02d}".upper()


@sensitive_variables()
def are_right(code_id: uuid.UUID, pepper_id: str, typed: str) -> bool:
    """Compare what was read back, however it is spaced and in whatever case."""
    words = words_of(code_id, pepper_id)
    return bool(words) and constant_time_compare(_bare(words), _bare(typed))


def _bare(words: str) -> str:
    return "".join(words.casefold().split())
