"""A page of a form that was opened before somebody else acted undoes nothing of theirs (GO-08)."""

import datetime as dt
from base64 import b64decode

from django.test import Client, TestCase, override_settings
from django.utils import timezone

from accounts.campaigns import password_rules
from accounts.credentials import locks
from accounts.models import Account, PhoneProposal
from accounts.models.unit import Unit
from otp.models import Code
from tests.support import cast
from tests.support.cast import PASSWORD
from tests.support.clock import let_pass
from tests.support.forms import Page

GROUND = {
    "why": "người gọi báo đã tìm lại được máy",
    "ticket": "P-2026-0017",
    "unchecked": "đã gặp trực tiếp",
}
CHANGED = "Từ khi bạn mở trang này"


class OldForms(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.huong = cast.make_staff("huong")
        self.one = Client()
        self.come_in(self.huong, client=self.one)


class HotlineTests(OldForms):
    def page(self, action):
        return Page(self.one, f"/ho-tro/tai-khoan/{self.an.pk}/{action}/")

    def test_a_lock_of_others_is_not_undone_by_a_page_from_before_it(self):
        locks.lock(self.an, actor=None)
        mine = self.page("mo-khoa")
        let_pass(self, minutes=5)
        locks.unlock(self.an, actor=None)
        locks.lock(self.an, actor=None)

        r = mine.save(**GROUND)

        self.assertContains(r, f"{CHANGED}, tài khoản đã đổi: lúc đó là “bị khóa từ")
        self.assertEqual(mine.fields["why"], GROUND["why"])
        self.an.refresh_from_db()
        self.assertTrue(self.an.is_locked)

        self.assertEqual(mine.save().status_code, 302)

        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_what_its_owner_did_meanwhile_is_told_before_anything_is_done(self):
        for action in ("khoa", "ket-thuc-phien", "mo-lai", "cap-them-ma"):
            mine = self.page(action)
            let_pass(self, minutes=1)
            Account.objects.filter(pk=self.an.pk).update(password_changed_at=timezone.now())
            with self.subTest(action):
                self.assertContains(mine.save(**GROUND), f"{CHANGED}, mật khẩu đã đổi")

    def test_what_a_page_does_not_say_was_not_seen_there(self):
        for version in ({"drawn_from": ""}, {"drawn_from": "W10="}, {"drawn_from": "{" * 999}):
            with self.subTest(version):
                r = self.one.post(f"/ho-tro/tai-khoan/{self.an.pk}/khoa/", GROUND | version)

                self.assertContains(r, "bây giờ tài khoản là “đang mở”")
                self.assertContains(r, GROUND["why"])
        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_who_opened_no_page_is_taken_at_their_word(self):
        r = self.one.post(f"/ho-tro/tai-khoan/{self.an.pk}/khoa/", GROUND)

        self.assertEqual(r.status_code, 302)
        self.an.refresh_from_db()
        self.assertTrue(self.an.is_locked)

    def test_a_number_is_not_proposed_over_one_that_came_meanwhile(self):
        mine = self.page("de-nghi-doi-so")
        Account.objects.filter(pk=self.an.pk).update(
            phone="+84912345679", phone_changed_at=timezone.now()
        )
        typed = {"phone": "0912 345 671", "evidence": "công văn", "ticket": "P-1"}

        r = mine.save(**typed)

        self.assertContains(r, f"{CHANGED}, số điện thoại đã đổi")
        self.assertFalse(PhoneProposal.objects.exists())
        self.assertEqual(mine.fields["phone"], typed["phone"])
        self.assertEqual(mine.save().status_code, 302)
        self.assertTrue(PhoneProposal.objects.exists())

    def test_a_factor_that_a_colleague_set_up_anew_stays(self):
        mai = cast.make_staff("mai", "hotline")
        self.come_in(mai, client=Client())
        mine = Page(self.one, f"/ho-tro/tai-khoan/{mai.pk}/dat-lai-xac-thuc/")
        mai.totpdevice_set.all().delete()

        self.assertContains(mine.save(**GROUND), "bây giờ là “chưa cài đặt”")


class CampaignTests(OldForms):
    def setUp(self):
        super().setUp()
        unit = Unit.objects.create(name="Sở Y tế")
        Account.objects.filter(pk=self.an.pk).update(unit=unit, has_default_password=True)
        day = timezone.localdate() + dt.timedelta(days=3)
        self.campaign = password_rules.plan(
            name="Đợt 1", basis="Công văn 1", first_day=day, units=[unit], by=self.huong
        )

    def page(self, act):
        return Page(self.one, f"/quan-tri/chien-dich/{self.campaign.pk}/{act}/")

    def test_a_consent_that_was_withdrawn_meanwhile_is_not_given_again(self):
        password_rules.start(self.campaign, by=self.huong)
        mine = self.page("dong-y-khoa")
        password_rules.approve_lock(self.campaign, by=self.huong, why="x")

        r = mine.save(why="Công văn 2")

        self.assertContains(r, f"{CHANGED}, việc đồng ý khóa đã đổi: lúc đó là “chưa có”")
        self.assertEqual(mine.fields["why"], "Công văn 2")

    def test_nor_is_one_taken_back_that_was_given_anew(self):
        password_rules.start(self.campaign, by=self.huong)
        password_rules.approve_lock(self.campaign, by=self.huong, why="x")
        mine = self.page("rut-dong-y")
        let_pass(self, minutes=1)
        password_rules.approve_lock(self.campaign, by=self.huong, why="y")

        self.assertContains(mine.save(why="Chờ thêm"), CHANGED)

        self.campaign.refresh_from_db()
        self.assertIsNotNone(self.campaign.lock_approved_at)

    def test_what_was_only_planned_is_not_stopped_once_it_runs(self):
        mine, start = self.page("dung"), self.page("bat-dau")
        password_rules.start(self.campaign, by=self.huong)

        for page, typed in ((mine, {"why": "nhầm"}), (start, {})):
            self.assertContains(page.save(**typed), "lúc đó là “đang soạn”, bây giờ là “đang chạy”")
        self.campaign.refresh_from_db()
        self.assertTrue(self.campaign.is_running)
        self.assertEqual(mine.save().status_code, 302)


class PhoneTests(OldForms):
    def setUp(self):
        super().setUp()
        self.log_in()
        self.path = f"/cau-hinh/thong-tin/{self.an.address}/"

    def change(self):
        Account.objects.filter(pk=self.an.pk).update(
            phone="+84912345679", phone_changed_at=timezone.now()
        )

    def test_a_number_that_came_meanwhile_is_told(self):
        mine = Page(self.client, self.path)
        self.change()

        r = mine.save(phone="0912 345 671")

        self.assertContains(r, f"{CHANGED}, số điện thoại đang dùng đã đổi")
        self.assertEqual(mine.fields["phone"], "0912 345 671")
        self.assertFalse(Code.objects.exists())
        self.assertEqual(mine.save().status_code, 302)

    def test_the_page_tells_no_whole_number(self):
        seen = b64decode(Page(self.client, self.path).fields["drawn_from"]).decode()

        self.assertIn("***", seen)
        self.assertNotIn("987466981", seen)

    @override_settings(PHONE_CONFIRMATION=False)
    def test_the_same_form_once_more_is_no_clash(self):
        mine = Page(self.client, self.path)
        for _ in range(2):
            self.assertEqual(mine.save(phone="0912 345 671", password=PASSWORD).status_code, 302)
