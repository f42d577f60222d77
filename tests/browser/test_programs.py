"""Programs of IT's in a browser: a token made, shown once and ended."""

from django.utils import timezone

from accounts.models import Unit
from tests.support import cast, inspection
from tests.support.browser import BrowserTestCase


class ProgramTests(BrowserTestCase):
    def setUp(self):
        super().setUp()
        Unit.objects.create(name="Sở Y tế")
        self.staff = cast.make_staff("lan", "province-it")
        self.log_in_in_browser("lan")
        self.show_second_factor(self.staff)

    def test_a_token_is_made_shown_and_ended(self):
        self.go("/quan-tri/chuong-trinh/")
        self.sees("API chưa mở")
        self.follow("Cấp khóa cho chương trình")
        self.press("Cấp khóa")
        self.sees("Hãy đặt tên cho chương trình.")
        self.assertEqual("\n".join(inspection.found_by_axe(self.page)), "")
        self.fill("Tên chương trình", "Quản lý cán bộ")
        self.page.get_by_label("Xem tài khoản", exact=True).check()
        self.fill("Gọi từ địa chỉ hoặc mạng nào", "127.0.0.1")
        self.fill("Dùng được đến hết ngày", "2099-01-01")
        self.press("Cấp khóa")
        self.sees("Hãy chọn từ hôm nay trở đi")
        self.fill("Dùng được đến hết ngày", f"{timezone.localdate():%d/%m/%Y}")
        self.press("Cấp khóa")
        self.sees("trang này không hiện lại khóa nữa")
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, self.width)
        self.assertEqual("\n".join(inspection.found_by_axe(self.page)), "")

        self.follow("Tôi đã lưu khóa")
        self.assertEqual("\n".join(inspection.found_by_axe(self.page)), "")
        self.press("Hủy khóa Quản lý cán bộ")

        self.sees("chương trình không gọi được nữa")
