"""The hotline before an account that is closed, and locked besides: what helps, and is said."""

import datetime as dt

from django.test import Client, TestCase
from django.utils import timezone

from accounts.credentials import locks
from accounts.leaving import rules as leaving
from accounts.models import Account, Departure
from tests.hotline.test_desk import Desk, page_of
from tests.support import cast


class ShutTests(Desk, TestCase):
    """An's account is closed, by a departure or otherwise, and is locked besides."""

    REMEDIES = ("mo-khoa", "khoa", "cap-them-ma", "mo-lai")

    def setUp(self):
        super().setUp()
        self.huong = cast.make_staff("huong", "province-it")
        self.page = page_of(self.an)
        locks.lock(self.an, actor=self.mai)

    def leave(self):
        leaving.plan(
            Account.objects.get(pk=self.an.pk),
            last_day=timezone.localdate() - dt.timedelta(days=1),
            forward_to=None,
            forward_days=0,
            sentence="x",
            why="x",
            by=self.huong,
        )

    def test_only_what_would_help_is_offered_and_it_is_said_what_does(self):
        self.spend_the_day()
        self.leave()

        r = self.client.get(self.page)

        for slug in self.REMEDIES:
            self.assertNotContains(r, f"{self.page}{slug}/")
        self.assertContains(r, "đã đóng vì nghỉ việc")
        self.assertContains(r, "hủy ngày nghỉ việc")
        self.assertContains(r, "mở khóa chỉ có ích sau khi tài khoản được mở lại")
        self.assertNotContains(r, "Mở lại ở danh sách nghỉ việc")
        self.assertContains(self.do("mo-khoa"), "mở khóa không có ích")
        self.assertTrue(Account.objects.get(pk=self.an.pk).is_locked)

    def test_it_is_led_to_where_the_departure_is_called_off_and_unlocks_afterwards(self):
        self.leave()
        self.come_in(self.huong, client=(it := Client()))
        self.assertContains(it.get(self.page), "Mở lại ở danh sách nghỉ việc")

        it.post(f"/quan-tri/nghi-viec/{Departure.objects.get().pk}/huy/")

        self.assertContains(self.client.get(self.page), f"{self.page}mo-khoa/")
        self.assertContains(self.do("mo-khoa"), "Đã mở khóa tài khoản.")

    def test_who_was_closed_otherwise_has_no_departure_to_call_off(self):
        Account.objects.filter(pk=self.an.pk).update(is_active=False)

        r = self.client.get(self.page)

        self.assertContains(r, "Tài khoản đã ngừng sử dụng.")
        self.assertNotContains(r, "nghỉ việc,")
        self.assertNotContains(r, "Mã tiếp theo: ngay bây giờ")
        self.assertNotContains(r, f"{self.page}mo-khoa/")
