"""How a mobile number is read, refused and hidden."""

import re
import unittest

from django.test import SimpleTestCase, override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from otp.phones import MAX_TYPED, PhoneError, mask, national, normalise

SPELLINGS = (
    "0912466981",
    "+84 912.466.981",
    "84912466981",
    "0084912466981",
    "0912-466-981",
    "0912 466 981",
    "0912.466.981",
    "(+84) 912 466 981",
    "+84 (0)912 466 981",
    "84 0912 466 981",
    "912466981",
    "  0912\u00a0466\u00a0981\r\n",
    "0912–466—981",
    "+84912466981",
    "\uff0b84 912 466 981",
    "٠912466981",
    "०९१२४६६९८१",
    "\u202e0912466981\u202c",
    "\u200b0912\u200d466\ufeff981",
    "0912466981\x00",
    "tel:0912466981",
    "tel:+84-912-466-981",
    "SĐT: 0912.466.981",
    "Di động 0912 466 981",
    "0912466981 (Zalo)",
    "0912466981 - Zalo",
    "0912466981 (anh An)",
    "0912,466,981",
    "0912/466/981",
    "0912·466·981",
    "0912_466_981",
    "[0912466981];",
    "'0912466981",
    "’0912466981",
    "“0912466981”",
    '="0912466981"',
    "+84912466981.0",
    "O912466981",
    "o9l2466981",
    "912466981.0",
    "0912466981,0",
    "9.12466981E+08",
    "9,12466981e8",
    "084912466981",
    "0840912466981",
    "084 (0)912 466 981",
    "0912466981 / 0912 466 981",
    "0912466981, +84912466981",
)

IN_USE = ("0528123456", "0559123456", "0871234567", "0599123456", "0993123456", "0849124669")

RENUMBERED = {
    "0120": "070",
    "0121": "079",
    "0122": "077",
    "0126": "076",
    "0128": "078",
    "0123": "083",
    "0124": "084",
    "0125": "085",
    "0127": "081",
    "0129": "082",
    "0162": "032",
    "0163": "033",
    "0164": "034",
    "0165": "035",
    "0166": "036",
    "0167": "037",
    "0168": "038",
    "0169": "039",
    "0186": "056",
    "0188": "058",
    "0199": "059",
}

# What was typed, the code, and how many digits are missing or left over.
REFUSED = (
    ("", "empty", 0),
    (" \t\u200b\x00", "empty", 0),
    ("091246698", "short", 1),
    ("+84 91246698", "short", 1),
    ("09", "short", 8),
    ("09124669811", "long", 1),
    ("849124669811", "long", 1),
    ("09" * 20, "long", 30),
    ("02193866999", "no-sms", 0),
    ("0219 3866 99", "no-sms", 0),
    ("19001234", "no-sms", 0),
    ("1800123456", "no-sms", 0),
    ("0672012345", "no-sms", 0),
    ("+85512345678", "foreign", 0),
    ("0085512345678", "foreign", 0),
    ("+1 202 555 0100", "foreign", 0),
    ("0121 123 456", "unreadable", 0),
    ("121012345", "unreadable", 0),
    ("0160123456", "unreadable", 0),
    ("0501234567", "unreadable", 0),
    ("+84", "unreadable", 0),
    ("+0912466981", "unreadable", 0),
    ("+", "unreadable", 0),
    ("abc", "unreadable", 0),
    ("0912466981a", "letters", 0),
    ("0912466981 máy lẻ 5", "letters", 0),
    ("0912466981;ext=5", "letters", 0),
    ("0912466981, 0987466981", "several", 0),
    ("0912466981/0987466981/0977466981", "several", 0),
    ("0912 466 981 0987 466 981", "several", 0),
    ("0912466981 hoặc +84987466981", "several", 0),
    ("0219 3866 999 - 0912466981", "several", 0),
    ("01695678945; 0912466981", "several", 0),
    ("9,12E+08", "rounded", 0),
    ("***981", "unreadable", 0),
    ("Zalo", "unreadable", 0),
    ("O", "unreadable", 0),
    ("084912466", "short", 1),
    ("++84912466981", "unreadable", 0),
    ("*)(uid=*", "unreadable", 0),
    ("{0.__class__}", "unreadable", 0),
    ("\ud800", "unreadable", 0),
    (" " * 9 + "0" * 10_000, "unreadable", 0),
)


def refusal(raw):
    try:
        normalise(raw)
    except PhoneError as error:
        return error
    return None


class NormaliseTests(unittest.TestCase):
    def test_every_spelling_gives_one_number(self):
        for raw in SPELLINGS:
            with self.subTest(raw=raw):
                self.assertEqual(normalise(raw), "+84912466981")

    def test_full_width_digits_are_read(self):
        raw = "".join(chr(0xFF10 + int(digit)) for digit in "0912466981")

        self.assertEqual(normalise(raw), "+84912466981")

    def test_newer_prefixes_are_accepted(self):
        for raw in IN_USE:
            with self.subTest(raw=raw):
                self.assertEqual(normalise(raw), "+84" + raw[1:])

    def test_a_vinaphone_number_without_its_zero_is_not_taken_for_a_country_code(self):
        self.assertEqual(normalise("849124669"), "+84849124669")

    def test_what_cannot_be_kept_is_refused_with_its_reason(self):
        for raw, code, difference in REFUSED:
            with self.subTest(raw=raw[:MAX_TYPED]):
                error = refusal(raw)

                self.assertIsNotNone(error)
                self.assertEqual((error.code, error.difference), (code, difference))
                self.assertEqual(error.suggestion, "")

    def test_a_refusal_does_not_carry_what_was_typed(self):
        self.assertNotIn("5678945", repr(refusal("01695678945")))

    def test_the_longest_text_read_is_the_limit(self):
        number = "0912466981"

        self.assertEqual(normalise(number.rjust(MAX_TYPED)), "+84912466981")
        self.assertEqual(refusal(number.rjust(MAX_TYPED + 1)).code, "unreadable")


class NewerPrefixTests(SimpleTestCase):
    def test_a_prefix_of_the_profile_counts_before_the_library_knows_it(self):
        self.assertEqual(refusal("0501234567").code, "unreadable")

        with override_settings(PHONE_PREFIXES=("050",)):
            self.assertEqual(normalise("0501 234 567"), "+84501234567")
            self.assertEqual(refusal("0541234567").code, "unreadable")
            self.assertEqual(refusal("05012345678").code, "long")

    def test_no_prefix_makes_a_mobile_of_what_the_database_refuses(self):
        with override_settings(PHONE_PREFIXES=("0219", "085")):
            self.assertEqual(refusal("02193866999").code, "no-sms")


class RenumberedTests(unittest.TestCase):
    def test_there_are_21_old_prefixes(self):
        self.assertEqual(len(RENUMBERED), 21)

    def test_every_old_prefix_is_offered_in_its_new_form(self):
        for old, new in RENUMBERED.items():
            with self.subTest(old=old):
                error = refusal(old + "5678945")

                self.assertEqual(error.code, "renumbered")
                self.assertEqual(error.suggestion, new + "5678945")

    def test_an_old_number_is_known_in_every_spelling(self):
        for raw in ("01695678945", "+84 169 567 8945", "841695678945", "0169.567.8945"):
            with self.subTest(raw=raw):
                self.assertEqual(refusal(raw).suggestion, "0395678945")

    def test_an_unknown_old_prefix_gets_no_offer(self):
        self.assertEqual(refusal("01615678945").code, "unreadable")

    @given(st.sampled_from(sorted(RENUMBERED)), st.text("0123456789", min_size=7, max_size=7))
    def test_every_offer_can_be_kept(self, old, rest):
        self.assertEqual(
            national(normalise(refusal(old + rest).suggestion)), RENUMBERED[old] + rest
        )


class AnyTextTests(unittest.TestCase):
    @given(st.text() | st.text("0123456789+ .-()٠०\u200b", max_size=20))
    @example("²" * 10)
    @example("+84" + "9" * 61)
    def test_any_text_is_read_or_refused(self, raw):
        try:
            phone = normalise(raw)
        except PhoneError:
            return

        self.assertRegex(phone, re.compile(r"\A\+84[35789][0-9]{8}\Z"))

    @given(st.from_regex(r"0(3[2-9]|7[06-9]|8[1-8]|9[0-46-8])[0-9]{7}", fullmatch=True))
    def test_a_kept_number_is_read_as_itself(self, raw):
        phone = normalise(raw)

        self.assertEqual(normalise(phone), phone)
        self.assertEqual(national(phone), raw)


class MaskTests(unittest.TestCase):
    def test_the_last_digits_are_shown(self):
        for digits, masked in ((6, "***466981"), (3, "***981"), (1, "***1"), (0, "***")):
            with self.subTest(digits=digits):
                self.assertEqual(mask("+84912466981", digits), masked)

    def test_six_digits_are_the_default_and_the_most(self):
        self.assertEqual(mask("+84912466981"), "***466981")
        self.assertEqual(mask("+84912466981", 12), "***466981")

    def test_a_negative_count_shows_nothing(self):
        self.assertEqual(mask("+84912466981", -3), "***")

    def test_no_number_is_masked_as_nothing(self):
        self.assertEqual(mask(""), "")
        self.assertEqual(mask("", 0), "")

    def test_no_number_is_written_as_nothing(self):
        self.assertEqual(national(""), "")
