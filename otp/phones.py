"""Vietnamese mobile numbers: read any spelling, keep one."""

import re
import unicodedata
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

Fault = Literal["empty", "short", "long", "renumbered", "no-sms", "foreign", "unreadable"]

MAX_TYPED = 64  # characters; more than this is not a phone number
MASK_DIGITS = 6  # the most of a number that a mask leaves readable
STAFF_DIGITS = 3  # of them that staff and logs see (LG-07)

_MOBILE = re.compile(r"\+84[35789][0-9]{8}")
_DIALLED = re.compile(r"\+?[0-9]+")
_SUBSCRIBER_DIGITS = 9

# Marks people put between digits. Controls, joiners and every kind of dash and
# space are told by their Unicode category instead.
_PUNCTUATION = frozenset(".()")
_SILENT = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp", "Pd"))

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

    Raises PhoneError, and nothing else, for text that is not a mobile number of Vietnam.
    """
    international = _international(_dialled(raw))
    if not international.startswith("+84"):
        raise PhoneError("foreign" if _exists(international) else "unreadable")
    subscriber = international.removeprefix("+84")
    _refuse_renumbered(subscriber)
    # The library alone is too lenient: it calls 0121 123 456 and 0160 123 456 mobile.
    if _kind(international) == PhoneNumberType.MOBILE and _MOBILE.fullmatch(international):
        return international
    raise _fault(subscriber, _kind(international))


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


def _dialled(raw: str) -> str:
    if len(raw) > MAX_TYPED:
        raise PhoneError("unreadable")
    text = "".join(map(_ascii_digit, unicodedata.normalize("NFKC", raw)))
    if not text:
        raise PhoneError("empty")
    if not _DIALLED.fullmatch(text):
        raise PhoneError("unreadable")
    return text


def _ascii_digit(character: str) -> str:
    if character in _PUNCTUATION or unicodedata.category(character) in _SILENT:
        return ""
    # Arabic, Devanagari and the other scripts' digits count as what they mean.
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _international(dialled: str) -> str:
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
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
