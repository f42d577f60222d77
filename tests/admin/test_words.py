"""The administration speaks Vietnamese, in words that officials use."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from django.test import SimpleTestCase

from tests.admin.test_staff_sending import StaffTestCase
from tests.support.programs.deployment import ROOT

CATALOGUE = ROOT / "locale" / "vi" / "LC_MESSAGES"
ENGLISH = ("Skip to main content", "Toggle theme", "Show counts", "Please correct", "Breadcrumbs")
# Django's own, which read wrong.
ODD = (
    "Bởi ",
    "Đi đến",
    "Hoạt động:",
    "Bản ghi nhớ",
    "được chọn",
    "để thay đổi",
    "Thoát",
    "Thêm vào",
)
LIST = "/quan-tri/accounts/account/"


class WordsTests(StaffTestCase):
    def assert_good(self, r):
        page = r.content.decode()
        found = [words for words in (*ENGLISH, *ODD) if words in page]
        self.assertEqual(found, [], r.request["PATH_INFO"])

    def test_no_page_says_it_in_english_or_oddly(self):
        one = f"{LIST}{self.an.pk}/"
        for path in ("/quan-tri/", LIST, f"{LIST}add/", f"{one}change/", f"{one}history/"):
            self.assert_good(self.client.get(path))

    def test_what_is_wrong(self):
        r = self.client.post(f"{LIST}add/", {"address": "a..b", "full_name": "x\0"})

        self.assertContains(r, "Hãy sửa lỗi ở dưới rồi lưu lại.")
        self.assertNotContains(r, "Null characters")
        self.assert_good(r)


@pytest.mark.program("msgfmt")
class CatalogueTests(SimpleTestCase):
    def test_it_is_compiled_as_it_is_written(self):
        with tempfile.NamedTemporaryFile() as made:
            command = ["msgfmt", "--check-format", "-o", made.name, CATALOGUE / "django.po"]
            subprocess.run(command, check=True)

            self.assertEqual(Path(made.name).read_bytes(), (CATALOGUE / "django.mo").read_bytes())
