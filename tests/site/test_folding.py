"""Accents are taken away in one way, by the portal and by the database."""

import string
import unicodedata

from django.db import connection
from django.test import TestCase

from accounts.folding import fold, words

TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VOWELS = [unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in TONES]
SMALL = [*VOWELS, "đ", *string.ascii_lowercase, *string.digits]
LETTERS = [*SMALL, *(letter.upper() for letter in SMALL)]


class FoldingTests(TestCase):
    def test_the_database_folds_every_vietnamese_letter_as_the_portal_does(self):
        with connection.cursor() as cursor:
            for letter in LETTERS:
                with self.subTest(letter):
                    cursor.execute("SELECT accounts_fold(%s)", [letter])

                    self.assertEqual(cursor.fetchone()[0], fold(letter))

    def test_every_vietnamese_letter_becomes_one_of_a_to_z(self):
        for letter in LETTERS:
            with self.subTest(letter):
                self.assertRegex(fold(letter), "^[a-z0-9]$")

    def test_it_does_not_matter_how_a_letter_is_composed(self):
        for letter in LETTERS:
            with self.subTest(letter):
                self.assertEqual(fold(unicodedata.normalize("NFD", letter)), fold(letter))

    def test_a_text_is_its_words_without_signs(self):
        self.assertEqual(words("  Trần-ĐỨC  Hoà (2), ℡"), ["tran", "duc", "hoa", "2", "tel"])
        self.assertEqual(words("' & :* !"), [])
