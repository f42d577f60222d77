"""Vietnamese text of one byte a letter, as programs before Unicode wrote it."""

import re
import unicodedata

# The letters of TCVN3 from 0xA1 on, which the fonts of .VnTime draw over the signs of Latin-1.
_FIRST = 0xA1
_TCVN3 = (
    "ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴẮ"
    "ẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔ"
    "ỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)
_LETTERS = {_FIRST + place: letter for place, letter in enumerate(_TCVN3)}

# A syllable without its tone: what does not look like one was read in the wrong encoding.
_SYLLABLE = re.compile(
    "(?:b|ch?|d|đ|gh?|gi|h|kh?|l|m|ngh?|nh?|ph?|qu?|r|s|th?|tr|v|x)?"
    "(?:a[iouy]?|ă|â[uy]?|eo?|êu?|i[au]?|iêu?|o|oa[ioy]?|oă|oeo?|oi|oo|ôi?|ơi?"
    "|u|ua|uây?|uê|ui|uôi?|uơ|uy[au]?|uyê|ư[aiu]?|ươ[iu]?|y|yêu?)"
    "(?:ch?|m|nh?|ng|p|t)?"
)
_TONES = dict.fromkeys(map(ord, "\u0300\u0301\u0303\u0309\u0323"))
_WORD = re.compile(r"[^\s\d!-/:-@\[-`{-~\u2010-\u203f]+")
_LEAST = 0.9  # of the words with accents: names of other peoples are among them


def decoded(content: bytes) -> tuple[str, str]:
    """Give the text and the name of its encoding, Windows-1258 or TCVN3; "" for both: neither."""
    candidates = (("Windows-1258", _windows_1258), ("TCVN3", _tcvn3))
    for name, read in candidates:
        text = read(content)
        if _is_vietnamese(text):
            return text, name
    return "", ""


def _windows_1258(content: bytes) -> str:
    return unicodedata.normalize("NFC", content.decode("cp1258", "replace"))


def _tcvn3(content: bytes) -> str:
    text = unicodedata.normalize("NFC", content.decode("latin-1").translate(_LETTERS))
    # Most capitals with accents have no code of their own: a font of capitals draws them.
    return re.sub(r"[^\W\d_]+", _in_one_case, text)


def _in_one_case(word: re.Match[str]) -> str:
    plain = [letter for letter in word[0] if letter.isascii()]
    return word[0].upper() if len(plain) > 1 and all(map(str.isupper, plain)) else word[0]


def _is_vietnamese(text: str) -> bool:
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return sum(map(_is_syllable, words)) >= _LEAST * len(words) > 0


def _is_syllable(word: str) -> bool:
    split = unicodedata.normalize("NFD", word.lower())
    toneless = unicodedata.normalize("NFC", split.translate(_TONES))
    one_tone = len(split) - len(split.translate(_TONES)) < 2
    return one_tone and _SYLLABLE.fullmatch(toneless) is not None
