"""The administration speaks Vietnamese, in words that officials use."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from django.test import SimpleTestCase

from accounts.models import LoginNotice
from accounts.pages.parts import PARTS
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

    def test_no_part_and_no_page_of_a_notice_does(self):
        notice = LoginNotice.objects.create(text="x", shown_until="2099-01-01T00:00:00Z")
        one = f"/quan-tri/accounts/loginnotice/{notice.pk}/"
        below = [f"{one}{page}/" for page in ("change", "delete", "history")]
        for path in (*(part.href for part in PARTS), *below):
            self.assert_good(self.client.get(path, follow=True))

    def test_what_its_scripts_say(self):
        r = self.client.get("/quan-tri/jsi18n/")

        self.assertContains(r, r"\u0110\u00e3 ch\u1ecdn %(sel)s/%(cnt)s")

    def test_every_page_leads_to_all_parts(self):
        for path in ("/quan-tri/", LIST, f"{LIST}nap/"):
            page = self.client.get(path).content.decode()
            for part in (LIST, f"{LIST}nap/", "/quan-tri/chien-dich/", "/quan-tri/bao-cao/"):
                with self.subTest(path, part=part):
                    self.assertIn(f'href="{part}"', page)

    def test_what_is_wrong(self):
        r = self.client.post(f"{LIST}add/", {"address": "a..b", "full_name": "x\0"})

        self.assertContains(r, "Hãy sửa lỗi ở dưới rồi lưu lại.")
        self.assertNotContains(r, "Null characters")
        self.assert_good(r)


@pytest.mark.program("msgfmt")
class CatalogueTests(SimpleTestCase):
    def test_it_is_compiled_as_it_is_written(self):
        for name in ("django", "djangojs"):
            with self.subTest(name), tempfile.NamedTemporaryFile() as made:
                written = CATALOGUE / f"{name}.po"
                subprocess.run(["msgfmt", "--check-format", "-o", made.name, written], check=True)

                compiled = (CATALOGUE / f"{name}.mo").read_bytes()
                self.assertEqual(Path(made.name).read_bytes(), compiled)
