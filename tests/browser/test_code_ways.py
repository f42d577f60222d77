"""The choice of the way for codes in a real browser, on narrow and wide pages."""

from django.test import override_settings

from otp.suppliers.code_ways import CodeWays
from tests.browser.test_pages import InspectedTestCase
from tests.support import cast


@override_settings(CODE_WAYS=CodeWays(order=("zns", "sms", "voice")), PASSWORD_FRESH=-1)
class CodeWayTests(InspectedTestCase):
    def test_somebody_chooses_calls(self):
        self.log_in_in_browser()
        self.go("/cau-hinh/thong-tin/")
        self.inspect("Thông tin người dùng")
        self.follow("Đổi cách nhận mã")
        self.page.get_by_label("Cách muốn nhận mã trước").select_option("voice")

        self.press("Lưu")

        self.is_refused("Hãy nhập mật khẩu hiện tại để đổi cách nhận mã.")
        self.inspect("Cách nhận mã")
        self.fill("Mật khẩu hiện tại", cast.PASSWORD)
        self.press("Lưu")
        self.sees("Cuộc gọi đọc mã")
        self.inspect("Thông tin người dùng")
