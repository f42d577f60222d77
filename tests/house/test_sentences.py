"""Sentences have one word for one thing, and no number of a rule: it is put in from there."""

import ast
import re
from functools import cache

from django.conf import settings
from django.test import SimpleTestCase

from mailportal.numbers import numbers
from tests.support.constants import APPS

# Digits that are no number of a rule of ours, and why.
OTHER_DIGITS = (
    r"lần 1 ngày",  # the day of the calendar, as the office words it
    r"ít nhất 1 (con số|chữ)|1 ký tự đặc biệt",  # one of each kind: the rule knows no number
    r"trong vòng 1 phút",  # what an SMS takes
    r"3–4 từ|4 từ",  # advice
    r"2 ngày làm việc",  # the law's
    r"[Bb]ước [1-5]",  # a step's own number
    r"nhắc lần [12]",  # the same
    r"Số điện thoại 11 số|Số 11 chữ số|10 (chữ )?số|1 hoặc 0",  # how numbers and cells are written
    r"\(0–9\)|\(12345,|@ # ! -",  # characters
    r"0912\s345\s678|0987 466 981",  # examples
    r"10\.1\.\d\.\d(/24)?",  # examples
    r"\d\d/\d\d/\d{4}( 17:00)?|Công văn 123/",  # examples
    r"Outlook 2007",
    r"TRUSTED_PROXY_COUNT=0",  # a setting, as it is written
    r"0123456789:;",  # the alphabet of GSM-7
)
# The same in words. What is counted by the hour and by the day has columns of that name.
OTHER_WORDS = (
    r"trong một (giờ|ngày)",
    r"số điện thoại trong một phút",  # a permission, whose name is kept in the database
)
DIGITS = re.compile(r"(?<![\w/-])\d+")
WORDS = re.compile(
    r"\b(một|hai|ba|bốn|năm|sáu|bảy|tám|chín|mười)"
    r" (giây|phút|giờ|ngày|tuần|tháng|năm|ký tự|chữ số)\b"
)
# What is not said, and what is said instead.
OTHER_WORDS_FOR = {
    r"[Pp]hanh|^Trần\b": "giới hạn",
    r"\b[Nn]ạp\b": "nhập",
    r"[Mm]ã (được|bị) hỏi|[Nn]gười hỏi mã": "yêu cầu mã",
    r"[Mm]áy gửi tin|[Cc]hương trình gửi": "tiến trình gửi tin",
    r"bước hai": "xác thực hai lớp",
    r"địa chỉ mạng": "địa chỉ IP",
    r"[Nn]hân viên": "cán bộ",
    r"[Tt]hôi miễn": "bỏ miễn",
    r"hết dùng được": "không còn dùng được",
    r"không làm gì": "Hủy bỏ",
    r"[Tt]rang đầu": "trang chủ",
}
VIETNAMESE = re.compile("[à-ỹđ]")
TRANSLATED = re.compile(
    r"{% translate (\"[^\"]*\"|'[^']*')|{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}",
    re.DOTALL,
)


class SentenceTests(SimpleTestCase):
    def assert_no_number(self, sentence):
        for found, others in ((DIGITS, OTHER_DIGITS), (WORDS, OTHER_WORDS)):
            rest = re.sub("|".join(others), "", sentence)
            self.assertIsNone(found.search(rest), sentence)

    def test_templates(self):
        for file, sentence in _of_templates():
            with self.subTest(file.name):
                self.assert_no_number(re.sub(r"{{.*?}}", "", sentence))

    def test_code(self):
        for file, sentence in _of_code():
            with self.subTest(str(file)):
                self.assert_no_number(re.sub(r"%\(\w+\)[sd]", "", sentence))

    def test_there_is_one_word_for_one_thing(self):
        other = re.compile("|".join(OTHER_WORDS_FOR))
        found = [said for said in (*_of_templates(), *_of_code()) if other.search(said[1])]
        self.assertEqual(found, [])

    def test_what_pages_say_of_the_numbers_is_there(self):
        known = numbers()
        for file in (settings.BASE_DIR / "templates").rglob("*.*"):
            for name in re.findall(r"\bnumbers\.(\w+)", file.read_text(encoding="utf-8")):
                with self.subTest(f"{file.name} {name}"):
                    self.assertIn(name, known)

    def test_scripts(self):
        for name in ("passwords", "webotp", "proof"):
            script = (settings.BASE_DIR / f"static/js/{name}.js").read_text(encoding="utf-8")
            with self.subTest(name):
                self.assertNotRegex(script, r"[<>=]=?\s*[2-9]\d*\b")


@cache
def _of_templates():
    return tuple(_read_templates())


@cache
def _of_code():
    return tuple(_read_code())


def _read_templates():
    for file in (settings.BASE_DIR / "templates").rglob("*.*"):
        for found in TRANSLATED.finditer(file.read_text(encoding="utf-8")):
            yield file, (found[1] or found[2]).strip("\"'")


def _read_code():
    for app in APPS:
        for file in (settings.BASE_DIR / app).rglob("*.py"):
            if "migrations" not in file.parts:
                for text in _texts(file):
                    yield file, text


def _texts(file):
    """Give the Vietnamese texts of a file, but not what explains the code."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    explained = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in explained and VIETNAMESE.search(node.value):
            yield node.value
