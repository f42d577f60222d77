"""One navigation and one "?" on every page of the staff, and the same words in docs/can-bo.md."""

import re

from django.test import Client, SimpleTestCase, TestCase

from accounts.organisation.roles import RIGHTS, Role
from accounts.pages.parts import PARTS, handbook, part_of
from tests.support import cast
from tests.support.programs.deployment import ROOT

ROLES = {
    "hotline": Role.HOTLINE,
    "unit-it": Role.UNIT_IT,
    "province-it": Role.PROVINCE_IT,
    "auditor": Role.AUDITOR,
}
NAVIGATION = re.compile(r'<nav class="parts".*?</nav>', re.DOTALL)


def navigation(r):
    """Give the links of the navigation, each with how it is marked."""
    found = NAVIGATION.search(r.content.decode())
    if not found:
        return {}
    links = re.findall(r'href="([^"]+)"(?: aria-current="(\w+)")?', found[0])
    return dict(links)


class PartsTests(cast.Cast, TestCase):
    def come_in_as(self, role, place):
        client = Client(REMOTE_ADDR=f"192.0.2.{place}")
        self.come_in(cast.make_staff(role.replace("-", "."), role), client=client)
        return client

    def test_each_role_is_led_to_what_it_may_open_and_to_nothing_else(self):
        for place, (name, role) in enumerate(ROLES.items()):
            client = self.come_in_as(name, place)
            r = client.get("/quan-tri/")
            led = navigation(r)
            expected = {p.href for p in PARTS if p.right is None or role in RIGHTS[p.right]}
            with self.subTest(name):
                self.assertEqual(set(led), expected)
            for href in led:
                with self.subTest(name, href=href):
                    r = client.get(href, follow=True)

                    self.assertEqual(r.status_code, 200)
                    here = [link for link, mark in navigation(r).items() if mark]
                    self.assertEqual(here, [href])
                    self.assertEqual(r.content.decode().count('<details class="about"'), 1)
                    self.assertContains(r, part_of(href).not_this)

    def test_many_are_folded_for_phones_and_few_are_not(self):
        for place, (name, folds) in enumerate({"hotline": 0, "province-it": 1}.items()):
            r = self.come_in_as(name, place).get("/ho-tro/")
            with self.subTest(name):
                self.assertEqual(r.content.decode().count('<details class="parts__fold"'), folds)

    def test_others_see_neither(self):
        self.set_up_people()
        self.log_in("an")

        for path in ("/", "/quan-tri/x/", "/dang-nhap/"):
            r = self.client.get(path)
            with self.subTest(path):
                self.assertEqual(navigation(r), {})
                self.assertNotContains(r, 'class="about"', status_code=r.status_code)


class PagesBelowTests(SimpleTestCase):
    def test_a_page_belongs_to_the_part_above_it(self):
        for path, name in (
            ("/quan-tri/", "Tổng quan"),
            ("/quan-tri/accounts/account/7/change/", "Tài khoản"),
            ("/quan-tri/accounts/account/nap/", "Nhập từ tệp"),
            ("/quan-tri/bao-cao/ma/", "Báo cáo"),
            ("/quan-tri/xoa/7/xac-nhan/", "Xóa tài khoản"),
            ("/quan-tri/yeu-cau-du-lieu/3/", "Yêu cầu về dữ liệu"),
            ("/ho-tro/tai-khoan/7/khoa/", "Hỗ trợ"),
            ("/ho-tro/doi-so/7/", "Đề nghị chờ duyệt"),
        ):
            with self.subTest(path):
                self.assertEqual(part_of(path).name, name)


class HandbookTests(SimpleTestCase):
    def test_the_document_says_what_the_pages_say(self):
        self.assertEqual(
            (ROOT / "docs" / "can-bo.md").read_text(),
            handbook(),
            "docs/can-bo.md: write it anew with accounts.pages.parts.handbook()",
        )
