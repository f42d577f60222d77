"""What a civil servant's pages say beside their fields: where one is, what to do, whom to ask."""

import dataclasses
import datetime as dt
import io

from django.conf import settings
from django.core.management import call_command
from django.test import Client, TestCase, override_settings
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Account
from accounts.models.account import WATCHED_AFTER_CHANGE
from mailportal.profile import load
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, newest_code

PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
PROFILE = "/cau-hinh/thong-tin/"
PRIVACY = "/quyen-rieng-tu/"
HOTLINE = "0219.350 1038"
NEVER_ASKED_FOR = "Cơ quan không bao giờ hỏi mã OTP qua điện thoại."


class RecoveryWordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def steps(self):
        """Walk to each step in turn, and give its page."""
        yield 1, self.client.get(ASK)
        self.ask("an")
        yield 2, self.client.get(CODE)
        self.guess(newest_code())
        yield 3, self.client.get(NEW)

    def test_each_step_says_which_it_is_and_leads_back(self):
        for number, page in self.steps():
            with self.subTest(number):
                self.assertContains(page, f"Bước {number}/3")
                self.assertContains(page, f'href="{LOGIN if number == 1 else ASK}"')

    def test_the_address_is_shown_again_and_can_be_mended(self):
        for number, page in list(self.steps())[1:]:
            with self.subTest(number):
                self.assertContains(page, '<span class="asked__value">an@hagiang.gov.vn</span>')
                self.assertContains(page, f'<a class="asked__edit" href="{ASK}">Sửa')

    def test_an_address_is_typed_without_help_that_harms(self):
        self.assertRegex(
            self.client.get(ASK).content.decode(),
            r'<input type="email" name="address"[^>]* spellcheck="false" autocapitalize="none"',
        )
        self.assertContains(self.client.get(ASK), "dia_chi_mail@hagiang.gov.vn")

    def test_a_number_that_is_not_ones_own_is_explained(self):
        self.ask("an")

        page = self.client.get(CODE)

        self.assertContains(page, "Nếu số này không phải của bạn")
        self.assertContains(page, "Không có gì thay đổi trong hộp thư khi chưa nhập đúng mã.")

    def test_who_gets_no_message_is_told_what_to_do(self):
        self.ask("an")
        self.log_in(client=(owner := Client()))
        owner.post(PHONE, {"phone": "0912 345 671"})

        for page in (self.client.get(CODE), owner.get(f"{PHONE}xac-thuc/")):
            for words in (
                "Chưa nhận được mã?",
                "Tin nhắn thường đến trong vòng 1 phút.",
                "xem máy có sóng",
                "những số cuối của số điện thoại ở trên",
                "hãy dùng mã mới nhất",
                f'hãy gọi hotline <span class="nowrap">{HOTLINE}</span> (7h30',
            ):
                self.assertContains(page, words)

    def test_nobody_asks_for_a_code_by_telephone(self):
        self.ask("an")
        self.log_in(client=(owner := Client()))
        owner.post(PHONE, {"phone": "0912 345 671"})

        for page in (self.client.get(CODE), owner.get(f"{PHONE}xac-thuc/")):
            self.assertContains(page, NEVER_ASKED_FOR)

    def test_the_end_says_what_else_needs_the_new_password(self):
        list(self.steps())
        self.choose()

        page = self.client.get(LOGIN)

        self.assertContains(page, "Đã đổi mật khẩu. Hãy đăng nhập bằng mật khẩu mới,")
        self.assertContains(page, "trên điện thoại và Outlook cũng vậy.")

    def test_what_has_happened_is_a_status(self):
        list(self.steps())
        self.choose()

        self.assertRegex(
            self.client.get(LOGIN).content.decode(),
            r'<div role="status">\s*<p class="banner banner--success">Đã đổi mật khẩu',
        )


class ProfileWordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.log_in()

    def test_the_page_of_a_person_says_what_is_known_and_whom_to_ask(self):
        page = self.client.get(PROFILE)

        for words in ("Lý Văn An", "kết thúc bằng 466981", "Đăng nhập gần nhất"):
            self.assertContains(page, words)
        self.assertContains(page, "Đổi số điện thoại gần nhất")
        self.assertContains(page, "Họ tên, đơn vị hoặc địa chỉ thư chưa đúng? Hãy báo")
        self.assertNotContains(page, 'name="full_name"')

    def test_where_a_number_is_asked_for_its_use_is_told(self):
        page = self.client.get(PHONE)

        self.assertContains(page, "Số điện thoại chỉ dùng để gửi mã")
        self.assertContains(page, f'<a href="{PRIVACY}">Quyền riêng tư</a>')


class PhoneWordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_a_first_number_replaces_none(self):
        for confirmation in (True, False):
            with self.subTest(confirmation), override_settings(PHONE_CONFIRMATION=confirmation):
                for name, has_old in (("an", True), ("binh", False)):
                    self.client.cookies.clear()
                    self.log_in(name)

                    page = self.client.get(PHONE.replace("an@", f"{name}@"))

                    self.assertIs("Số cũ và hộp thư của bạn" in page.content.decode(), has_old)
                    self.assertContains(page, "ộp thư của bạn sẽ nhận được thông báo.")


class PrivacyTests(TestCase):
    def test_the_notice_has_all_that_the_law_asks_for(self):
        page = self.client.get(PRIVACY)

        for heading in (
            "Ai xử lý dữ liệu của bạn",
            "Dữ liệu nào, để làm gì",
            "Căn cứ",
            "Ai được xem",
            "Lưu trong bao lâu",
            "Quyền của bạn",
            "Liên hệ",
        ):
            self.assertContains(page, f"<h2>{heading}</h2>")
        self.assertContains(page, "số 91/2025/QH15")
        self.assertContains(page, "số 356/2025/NĐ-CP")
        self.assertContains(page, "trong vòng 2 ngày làm việc")
        privacy = settings.PROFILE.privacy
        retention = privacy.retention.format(days=settings.RETENTION_CODES_DAYS)
        for words in (privacy.controller, retention, privacy.contact):
            self.assertContains(page, escape(words))


class PromiseTests(TestCase):
    """What the notice promises is what the code does: one edit changes both."""

    def test_how_long_is_what_is_in_force(self):
        for setting, value, words in (
            ("RETENTION_CODES_DAYS", 77, "tin nhắn được giữ 77 ngày"),
            ("AUDIT_RETENTION_DAYS", 1234, "việc cán bộ đã làm: 1234 ngày"),
            ("AUDIT_RETENTION_DAYS", 1234, "dữ liệu cá nhân: 1234 ngày kể từ khi kết thúc"),
            ("SESSION_LONGEST", 7 * 60 * 60, "lâu nhất 7 giờ"),
            ("ADDRESS_QUARANTINE_DAYS", 99, "cấp cho người khác trong 99 ngày"),
            ("BACKUP_KEEP_DAYS", 44, "Bản sao lưu: 44 ngày"),
        ):
            with self.subTest(words), override_settings(**{setting: value}):
                self.assertContains(self.client.get(PRIVACY), words)

    def test_each_province_says_its_own_days(self):
        for name in ("hagiang", "tuyenquang"):
            shipped = load(name)
            days = {"correct_days": 11, "erase_days": 12, "restrict_days": 13, "object_days": 14}
            privacy = dataclasses.replace(shipped.privacy, **days)
            profile = dataclasses.replace(shipped, privacy=privacy)
            with self.subTest(name), override_settings(PROFILE=profile):
                page = self.client.get(PRIVACY)

                self.assertContains(page, escape(shipped.privacy.controller))
                for words in ("trong 11 ngày", "(12 ngày)", "(13 ngày)", "(14 ngày)"):
                    self.assertContains(page, words)

    def test_it_leads_to_the_page_that_keeps_the_promise(self):
        self.assertContains(self.client.get(PRIVACY), '<a href="/cau-hinh/du-lieu/">')

    def test_a_replaced_number_is_erased_once_it_is_warned_no_more(self):
        hours = WATCHED_AFTER_CHANGE // dt.timedelta(hours=1)
        self.assertContains(self.client.get(PRIVACY), f"đã được thay: {hours // 24} ngày")
        now = timezone.now()
        for name, span in (("an", WATCHED_AFTER_CHANGE), ("binh", dt.timedelta(hours=hours - 1))):
            cast.make(
                name,
                phone="+84912345678",
                old_phone="+84987466981",
                phone_changed_at=now - span,
            )

        call_command("prune", stdout=io.StringIO())

        numbers = dict(Account.objects.values_list("address", "old_phone"))
        self.assertEqual(numbers, {"an@hagiang.gov.vn": "", "binh@hagiang.gov.vn": "+84987466981"})
