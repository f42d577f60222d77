"""The memo's two procedures by keyboard alone."""

from tests.support.browser import BrowserTestCase, check
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD

AN = "+84987466981"
SETTINGS = "/cau-hinh/"
PROFILE = "/cau-hinh/thong-tin/"
PHONE = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"
PHONE_CODE = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/xac-thuc/"


class KeyboardTests(BrowserTestCase):
    def test_a_lost_password_comes_back_by_keyboard_alone(self):
        self.go(LOGIN)
        self.tab_to("Quên mật khẩu")
        self.type_keys("Enter")
        self.is_at(ASK)
        self.tab_to("Địa chỉ thư điện tử công vụ")
        self.page.keyboard.type("an")
        self.type_keys("Enter")
        self.is_at(CODE)
        self.page.keyboard.type(self.code_on_the_phone(AN))  # the only field has the focus
        self.type_keys("Enter")
        self.is_at(NEW)
        for label in ("Nhập mật khẩu", "Nhập lại mật khẩu"):
            self.tab_to(label)
            self.page.keyboard.type(NEW_PASSWORD)
        self.tab_to("Đổi mật khẩu")
        self.type_keys("Space")

        self.is_at(LOGIN)
        self.sees("Đã đổi mật khẩu.")

    def test_a_phone_is_updated_by_keyboard_alone(self):
        self.log_in_in_browser("binh")
        self.tab_to("Thiết lập cấu hình")
        self.type_keys("Enter")
        self.is_at(SETTINGS)
        self.tab_to("Thông tin người dùng")
        self.type_keys("Enter")
        self.is_at(PROFILE)
        self.tab_to("binh@hagiang.gov.vn")
        self.type_keys("Enter")
        self.is_at(PHONE)
        self.tab_to("Số điện thoại")
        self.page.keyboard.type("0912345678")
        self.type_keys("Enter")
        self.is_at(PHONE_CODE)
        self.page.keyboard.type(self.code_on_the_phone("+84912345678"))
        self.type_keys("Enter")

        self.is_at(PROFILE)
        self.sees("Đã cập nhật số điện thoại.")

    def test_the_skip_link_leads_past_the_menu(self):
        self.log_in_in_browser()
        self.go(PROFILE)
        self.type_keys("Tab", "Enter", "Tab")

        self.assertEqual(self.focused(), "Thiết lập cấu hình")

    def test_a_faulty_field_is_one_key_away(self):
        self.go(LOGIN)
        self.press("Đăng nhập")
        # The script that gives it the focus runs after it can be seen.
        check(self.page.locator(".error-summary")).to_be_focused()
        self.type_keys("Tab", "Enter")

        self.assertEqual(self.focused(), "Tên đăng nhập")

    def tab_to(self, name):
        """Press Tab until what has this name has the focus, and can be seen to have it."""
        for _ in range(30):
            self.type_keys("Tab")
            if self.focused() == name:
                ring = "getComputedStyle(document.activeElement).outlineStyle"
                self.assertEqual(self.page.evaluate(ring), "solid")
                return
        self.fail(f"Tab never reaches {name}")

    def focused(self):
        return self.page.evaluate(
            """() => {
              const has = document.activeElement;
              return ((has.labels && has.labels[0]) || has).innerText.trim();
            }"""
        )

    def type_keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
