"""Webhooks in a browser: made, the secret shown once, tried, looked at, changed and ended."""

from django.test import override_settings

from accounts.hooks.sending import Webhooks
from accounts.models import Unit
from tests.hooks.hooks import LOOPBACK
from tests.hooks.receiver import Receiver
from tests.support import cast, inspection
from tests.support.browser import BrowserTestCase


@override_settings(WEBHOOK_NETWORKS=LOOPBACK)
class WebhookTests(BrowserTestCase):
    def setUp(self):
        super().setUp()
        Unit.objects.create(name="Sở Y tế")
        self.staff = cast.make_staff("lan", "province-it")
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.log_in_in_browser("lan")
        self.show_second_factor(self.staff)

    def test_one_is_made_tried_and_ended(self):
        self.go("/quan-tri/chuong-trinh/")
        self.follow("Webhook")
        self.sees("Chưa có webhook nào")
        self.follow("Tạo webhook")
        self.press("Tạo webhook")
        self.sees("Hãy đặt tên cho webhook.")
        self.is_fit()
        self.fill("Tên webhook", "Quản lý cán bộ")
        self.fill("Địa chỉ nơi nhận", self.receiver.address)
        self.page.get_by_label("Khóa tài khoản", exact=True).check()
        self.press("Tạo webhook")
        self.sees("trang này không hiện lại khóa nữa")
        self.is_fit()

        self.follow("Tôi đã lưu khóa")
        self.is_fit()
        self.receiver.plan = [500]
        self.press("Gửi tin thử")
        self.sees("Đã gửi thử")
        Webhooks.drain()
        self.go("/quan-tri/chuong-trinh/webhook/")
        self.sees("Máy nhận trả lời lỗi 500")
        self.is_fit()
        self.follow("Quản lý cán bộ")
        self.sees(self.receiver.ids[0])
        self.is_fit()
        self.follow("Sửa webhook")
        self.fill("Tên webhook", "Cán bộ tỉnh")
        self.page.get_by_label("Khóa tài khoản", exact=True).uncheck()
        self.press("Lưu")
        self.sees("Hãy chọn ít nhất một việc")
        self.is_fit()
        self.page.get_by_label("Mở khóa tài khoản", exact=True).check()
        self.press("Lưu")
        self.sees("Đã lưu webhook “Cán bộ tỉnh”")
        self.press("Hủy webhook")

        self.sees("không gửi gì nữa")

    def is_fit(self):
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, self.width)
        self.assertEqual("\n".join(inspection.found_by_axe(self.page)), "")
