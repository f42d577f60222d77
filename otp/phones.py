"""Vietnamese mobile numbers: read any spelling, keep one."""

import re
import unicodedata
from typing import Literal

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneNumberType

Fault = Literal[
    "empty",
    "short",
    "long",
    "renumbered",
    "no-sms",
    "foreign",
    "unreadable",
    "several",
    "letters",
    "rounded",
]

EXAMPLE = "0912\u00a0345\u00a0678"
MAX_TYPED = 64  # characters; more than this is not a phone number
MASK_DIGITS = 6  # the most of a number that a mask leaves readable
STAFF_DIGITS = 3  # of them that staff and logs see (LG-07)

_MOBILE = re.compile(r"\+84[35789][0-9]{8}")
_DIALLED = re.compile(r"\+?[0-9]+")
_ZERO_BEFORE_CODE = re.compile("0840?[35789][0-9]{8}")
_SUBSCRIBER_DIGITS = 9

# Marks people put between digits, or round a number. Controls, joiners and every kind of dash and
# space are told by their Unicode category instead.
_PUNCTUATION = frozenset(".()[],/\\|_:;='\"`’‘“”·•‧∙・−")
_SILENT = frozenset(("Cc", "Cf"))
_SPACES = frozenset(("Zs", "Zl", "Zp", "Pd"))

# Words people write beside a number, without accents. Others may stand in brackets only.
_LABELS = frozenset(
    (
        *("and", "ca", "call", "callto", "cell", "dd", "di", "dien", "dong", "dt", "dtdd", "he"),
        *("hoac", "hp", "lien", "may", "mb", "mobile", "nhan", "or", "phone", "sdt", "so", "tel"),
        *("telephone", "thoai", "va", "viber", "zalo"),
    )
)
_WORD = re.compile(r"[^\W\d_]+")
_REMARK = re.compile(r"\([^()+0-9]*\)")
_LOOK_LIKE_DIGITS = str.maketrans("oOlI", "0011")
_FEWEST_DIGITS = 7  # beside which a letter is a slip, and not the whole text something else

# What spreadsheets make of a number that nobody told them to leave alone.
_DECIMAL = re.compile(r"([1-9][0-9]{8}|\+?[0-9]{10,12})[.,]0{1,2}")
_SCIENTIFIC = re.compile(r"([0-9])[.,]([0-9]+)[eE]\+?([0-9]{1,2})")

# The change of 2018, without the leading zeros: the last seven digits stayed as they were.
_RENUMBERED = {
    # MobiFone
    "120": "70",
    "121": "79",
    "122": "77",
    "126": "76",
    "128": "78",
    # VinaPhone
    "123": "83",
    "124": "84",
    "125": "85",
    "127": "81",
    "129": "82",
    # Viettel
    "162": "32",
    "163": "33",
    "164": "34",
    "165": "35",
    "166": "36",
    "167": "37",
    "168": "38",
    "169": "39",
    # Vietnamobile
    "186": "56",
    "188": "58",
    # Gmobile
    "199": "59",
}


class PhoneError(ValueError):
    """Say why a number cannot be kept: `code` for the wording, the rest to fill it in.

    `suggestion` is the new national form of a "renumbered" one. `difference` is how many digits
    a "short" or "long" one lacks or has too many. The typed text is not carried: it is personal.
    """

    def __init__(self, code: Fault, *, suggestion: str = "", difference: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.suggestion = suggestion
        self.difference = difference


def normalise(raw: str) -> str:
    """Read a mobile number in any spelling and return it as E.164, such as +84912466981.

    Raises PhoneError, and nothing else, for text that is not one mobile number of Vietnam.
    """
    parts = _parts(raw)
    try:
        return _read("".join(parts))
    except PhoneError:
        numbers = _numbers(parts)
        if len(numbers) < 2:
            raise
        if len(set(numbers)) > 1:
            raise PhoneError("several") from None
        return normalise(numbers[0])


def national(phone: str) -> str:
    """Write a kept number as people in Vietnam do: 0912466981."""
    return "0" + phone.removeprefix("+84") if phone else ""


def mask(phone: str, digits: int = MASK_DIGITS) -> str:
    """Hide a kept number but for its last digits: ***466981, and nothing for no number."""
    if not phone:
        return ""
    shown = min(digits, MASK_DIGITS)
    # A slice from -0 would be the whole number.
    return "***" + phone[len(phone) - shown :]


def masked_for_staff(phone: str) -> str:
    """Hide a kept number but for what staff and logs see of it (LG-07)."""
    return mask(phone, STAFF_DIGITS)


def _parts(raw: str) -> list[str]:
    """Give the digits and plus signs of what was typed, parted where something stood between."""
    if len(raw) > MAX_TYPED:
        raise PhoneError("unreadable")
    if _DIALLED.fullmatch(raw):
        return [raw]
    text = "".join(map(_plain, unicodedata.normalize("NFKC", raw))).strip()
    if not text:
        raise PhoneError("empty")
    text = _without_letters(_REMARK.sub(" ", _unrounded(text)))
    if not set(text) <= _PUNCTUATION.union("+ 0123456789"):
        raise PhoneError("unreadable")
    parts = re.findall("[+0-9]+", text)
    if not parts:
        raise PhoneError("unreadable" if _WORD.search(raw) else "empty")
    return parts


def _plain(character: str) -> str:
    if character.isspace() or unicodedata.category(character) in _SPACES:
        return " "
    if unicodedata.category(character) in _SILENT:
        return ""
    # Arabic, Devanagari and the other scripts' digits count as what they mean.
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _unrounded(text: str) -> str:
    """Undo what a spreadsheet makes of a number: 912466981.0 and 9.12466981E+08."""
    if whole := _DECIMAL.fullmatch(text):
        return whole[1]
    if parts := _SCIENTIFIC.fullmatch(text):
        if len(parts[2]) != int(parts[3]):
            raise PhoneError("rounded")
        return parts[1] + parts[2]
    return text


def _without_letters(text: str) -> str:
    """Take away words such as "tel" and "Zalo"; an O among digits is a zero."""
    digits = sum(map(str.isdecimal, text))

    def read(word: re.Match[str]) -> str:
        if _bare(word[0]) in _LABELS:
            return " "
        if digits < _FEWEST_DIGITS:
            raise PhoneError("unreadable")
        figures = word[0].translate(_LOOK_LIKE_DIGITS)
        if not figures.isdecimal():
            raise PhoneError("letters")
        return figures

    return _WORD.sub(read, text)


def _bare(word: str) -> str:
    split = unicodedata.normalize("NFD", word.casefold().replace("đ", "d"))
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _numbers(parts: list[str]) -> list[str]:
    """Give the whole numbers that the parts make one after the other; none if any is left over."""
    numbers, begun = [], ""
    for part in parts:
        begun += part
        if _is_whole(begun):
            numbers.append(begun)
            begun = ""
    return [] if begun else list(map(_international, numbers))


def _is_whole(dialled: str) -> bool:
    try:
        return bool(_read(dialled))
    except PhoneError as error:
        is_fixed = error.code == "no-sms" and _exists(_international(dialled))
        return is_fixed or error.code == "renumbered"


def _read(dialled: str) -> str:
    if not _DIALLED.fullmatch(dialled):
        raise PhoneError("unreadable")
    international = _international(dialled)
    if not international.startswith("+84"):
        raise PhoneError("foreign" if _exists(international) else "unreadable")
    subscriber = international.removeprefix("+84")
    _refuse_renumbered(subscriber)
    # The library alone is too lenient: it calls 0121 123 456 and 0160 123 456 mobile.
    if _MOBILE.fullmatch(international) and _is_mobile(international):
        return international
    raise _fault(subscriber, _kind(international))


def _is_mobile(international: str) -> bool:
    """Whether the library, or the profile for newer prefixes than it has, knows the number."""
    newer = tuple("+84" + prefix[1:] for prefix in settings.PHONE_PREFIXES)
    return international.startswith(newer) or _kind(international) == PhoneNumberType.MOBILE


def _international(dialled: str) -> str:
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    # The country's code with a zero before it, as the operator's code has one.
    elif _ZERO_BEFORE_CODE.fullmatch(dialled):
        dialled = "+" + dialled[1:]
    # Nine digits from 84 are a VinaPhone number whose zero a spreadsheet ate.
    elif dialled.startswith("84") and len(dialled) > _SUBSCRIBER_DIGITS:
        dialled = "+" + dialled
    elif not dialled.startswith("+"):
        dialled = "+84" + dialled
    # Both +84 912… and +84 (0)912… are written; the zero is of the national form.
    return re.sub(r"^\+840", "+84", dialled)


def _refuse_renumbered(subscriber: str) -> None:
    prefix = _RENUMBERED.get(subscriber[:3], "")
    if prefix and len(subscriber) == _SUBSCRIBER_DIGITS + 1:
        raise PhoneError("renumbered", suggestion="0" + prefix + subscriber[3:])


def _fault(subscriber: str, kind: int) -> PhoneError:
    if kind not in (PhoneNumberType.MOBILE, PhoneNumberType.UNKNOWN) or subscriber[:1] == "2":
        return PhoneError("no-sms")
    missing = _SUBSCRIBER_DIGITS - len(subscriber)
    if subscriber[:1] not in tuple("35789") or missing == 0:
        return PhoneError("unreadable")
    return PhoneError("short" if missing > 0 else "long", difference=abs(missing))


def _kind(international: str) -> int:
    number = _parsed(international)
    return PhoneNumberType.UNKNOWN if number is None else phonenumbers.number_type(number)


def _exists(international: str) -> bool:
    number = _parsed(international)
    return number is not None and phonenumbers.is_valid_number(number)


def _parsed(international: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        return None
