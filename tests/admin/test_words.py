"""The administration speaks Vietnamese, in words that officials use."""

import re
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib import admin
from django.test import SimpleTestCase
from django.urls import reverse

from accounts.models import Account, FactorDemand, LoginNotice, Unit
from accounts.pages.parts import PARTS
from accounts.upkeep import schedule
from otp import outbox
from otp.models import GatewayState
from tests.admin.test_staff_sending import StaffTestCase
from tests.support.forms import Page
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
    "Bất kì",
    "Chào mừng bạn",
    "Hoán đổi",
    "Không thể xóa",
    "Thay đổi tài khoản",
    "Trường này",
    "Trường ẩn",
    "chỉnh sửa",
    "khả thi",
    "lựa chọn hợp lệ",
    "hoạt động nào được lựa chọn",
    "lịch sử thay đổi. Nó",
    "thành công.",
    "với ID",
)
# Words without an accent that are no English: names, and what is the same in both languages.
SAME = re.compile(
    r"(English|SMS|Menu|Hotline|twilio|\S+@hagiang\.gov\.vn|[\da-f-]{16,64}|SMS \d+|[\W\d]*)"
)
LIST = "/quan-tri/accounts/account/"


class Words(HTMLParser):
    """What a page says: its text, and what is read out of its pictures, boxes and buttons."""

    def __init__(self, page):
        super().__init__()
        self.said, self._inside = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        attrs = dict(attrs)
        names = ["alt", "title", "placeholder", "aria-label"]
        if attrs.get("type") == "submit":
            names.append("value")
        self.said |= {attrs[name].strip() for name in names if attrs.get(name)}

    def handle_data(self, text):
        if self._inside not in ("script", "style"):
            self.said.add(text.strip())


class WordsTests(StaffTestCase):
    def assert_good(self, r):
        page = r.content.decode()
        found = [words for words in (*ENGLISH, *ODD) if words in page]
        self.assertEqual(found, [], r.request["PATH_INFO"])

    def test_no_page_says_it_in_english_or_oddly(self):
        one = f"{LIST}{self.an.pk}/"
        for path in ("/quan-tri/", LIST, f"{LIST}add/", f"{one}change/", f"{one}history/"):
            self.assert_good(self.client.get(path))

    def test_nor_does_any_page_of_any_kind_of_row(self):
        self.rows_of_every_kind()
        pages = [
            self.client.get(f"{LIST}999999/change/", follow=True),
            self.client.post(LIST, {"action": "", "_selected_action": "1"}, follow=True),
        ]
        for model in admin.site._registry:
            rows = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            of_one = f"{rows}{model._default_manager.first().pk}/"
            pages += [self.client.get(f"{rows}?o=1.-2")]
            pages += [self.client.get(f"{of_one}{page}/") for page in ("change", "history")]
            if model in (Account, FactorDemand, LoginNotice, Unit):
                pages += [self.client.post(page) for page in (f"{rows}add/", f"{of_one}change/")]
                pages += [self.client.get(f"{of_one}delete/")]
        for r in pages:
            with self.subTest(r.request["PATH_INFO"]):
                self.assert_vietnamese(r)

    def rows_of_every_kind(self):
        LoginNotice.objects.create(text="Bảo trì", shown_until="2099-01-01T00:00:00Z")
        self.an.unit = Unit.objects.create(name="Sở Y tế")
        self.an.save(update_fields=["unit"])
        FactorDemand.objects.create(unit=self.an.unit, from_day="2099-01-01")
        GatewayState.objects.create(name="twilio")
        outbox.queue_sms("an", to="+84912466981", text="x")
        self.ask("an")

    def assert_vietnamese(self, r):
        self.assert_good(r)
        commands = {task.name for task in schedule.tasks()}
        said = {
            words
            for words in Words(r.content.decode()).said - commands
            if words.isascii() and not SAME.fullmatch(words)
        }
        self.assertEqual(said, set())

    def test_no_part_and_no_page_of_a_notice_does(self):
        notice = LoginNotice.objects.create(text="x", shown_until="2099-01-01T00:00:00Z")
        one = f"/quan-tri/accounts/loginnotice/{notice.pk}/"
        below = [f"{one}{page}/" for page in ("change", "delete", "history")]
        for path in (*(part.href for part in PARTS), *below):
            self.assert_good(self.client.get(path, follow=True))

    def test_the_title_says_what_was_done(self):
        notice = LoginNotice.objects.create(text="x", shown_until="2099-01-01T00:00:00Z")
        path = f"/quan-tri/accounts/loginnotice/{notice.pk}/change/"
        page = Page(self.client, path)

        r = self.client.post(path, page.fields, follow=True)

        title = re.search("<title>(.*?)</title>", r.content.decode(), re.DOTALL)[1]
        self.assertIn("| Đã lưu thông báo ở trang đăng nhập “", title)
        self.assertNotIn("href", title)

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
