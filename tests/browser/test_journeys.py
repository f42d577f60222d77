"""The memo's two procedures in a browser, and everything that people do beside the path."""

import json
import tempfile
from pathlib import Path

from accounts.models import Account
from tests.support import browser
from tests.support.browser import NARROW, BrowserTestCase, check
from tests.support.cast import (
    ASK,
    CODE,
    LOGIN,
    NEW,
    NEW_PASSWORD,
    PASSWORD,
    newest_code,
    queued,
)
from tests.support.clock import let_pass

AN = "+84987466981"
SETTINGS = "/cau-hinh/"
PROFILE = "/cau-hinh/thong-tin/"
PHONE = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"
PHONE_CODE = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/xac-thuc/"
CHANGE = "/cau-hinh/mat-khau/"
ACTIVITY = "/cau-hinh/hoat-dong/"


class MemoTests(BrowserTestCase):
    def test_a_lost_password_comes_back(self):
        self.go(LOGIN)
        self.follow("Quên mật khẩu")
        self.heading("Nhập địa chỉ thư điện tử công vụ")
        self.sees("Mã xác nhận gửi cách nhau 5 phút, tối đa 2 lần 1 ngày!")
        self.fill("Địa chỉ thư điện tử công vụ", "an@hagiang.gov.vn")
        self.press("Tiếp tục")
        self.is_at(CODE)
        self.sees("Mã xác nhận đã được gửi về số điện thoại ***466981")
        self.enter_code(self.code_on_the_phone(AN))
        self.is_at(NEW)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", NEW_PASSWORD)
        self.press("Đổi mật khẩu")
        self.is_at(LOGIN)
        self.sees("Đã đổi mật khẩu.")

        self.log_in_in_browser(password=NEW_PASSWORD)

        self.sees("an@hagiang.gov.vn")

    def test_a_phone_is_updated(self):
        self.log_in_in_browser("binh")
        self.sees("Menu")
        self.follow("Thiết lập cấu hình")
        self.follow("Thông tin người dùng")
        self.follow("binh@hagiang.gov.vn")
        self.fill("Số điện thoại", "0912.345.678")
        self.press("Lưu")
        self.is_at(PHONE_CODE)
        self.sees("***345678")

        self.enter_code(self.code_on_the_phone("+84912345678"))

        self.is_at(PROFILE)
        self.sees("Đã cập nhật số điện thoại.")
        self.sees("***345678")

    def test_a_default_password_is_changed_first(self):
        self.log_in_in_browser("em", then=CHANGE)
        self.fill("Mật khẩu hiện tại", PASSWORD)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", NEW_PASSWORD)
        self.press("Đổi mật khẩu")

        self.is_at("/")
        self.sees("Đã đổi mật khẩu.")

    def test_an_old_number_is_offered_in_its_new_form(self):
        self.log_in_in_browser("binh")
        self.go(PHONE)
        self.fill("Số điện thoại", "0169 567 8945")
        self.press("Lưu")

        self.press("Dùng số 0395678945")

        self.is_at(PHONE_CODE)
        self.enter_code(self.code_on_the_phone("+84395678945"))
        self.sees("Đã cập nhật số điện thoại.")

    def test_a_double_click_does_no_harm(self):
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.button("Tiếp tục").dblclick()
        self.is_at(CODE)
        self.fill("Mã xác thực", self.code_on_the_phone(AN))
        self.button("Xác thực").dblclick()
        self.is_at(NEW)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", NEW_PASSWORD)
        self.button("Đổi mật khẩu").dblclick()
        self.is_at(LOGIN)
        self.fill("Tên đăng nhập", "an")
        self.fill("Mật khẩu", NEW_PASSWORD)
        self.button("Đăng nhập").dblclick()
        self.is_at("/")
        self.button("Đăng xuất").dblclick()

        self.is_at(LOGIN)
        self.heading("Đăng nhập")
        self.assertEqual(len(self.texts()), 2)  # the code, and the notice of the new password

    def test_a_double_click_on_the_private_pages_does_no_harm(self):
        self.log_in_in_browser("binh")
        self.go(PHONE)
        self.fill("Số điện thoại", "0912 345 678")
        self.button("Lưu").dblclick()
        self.is_at(PHONE_CODE)
        self.fill("Mã xác thực", self.code_on_the_phone("+84912345678"))
        self.button("Xác thực").dblclick()
        self.is_at(PROFILE)
        self.go(ACTIVITY)
        self.button("Đăng xuất các phiên khác").dblclick()
        self.sees("Đã đăng xuất các phiên khác.")
        self.go(CHANGE)
        self.fill("Mật khẩu hiện tại", PASSWORD)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", NEW_PASSWORD)
        self.button("Đổi mật khẩu").dblclick()

        self.is_at("/")
        self.heading("Trang chủ")
        # The code, and one notice of each change to the new number.
        self.assertLessEqual(len(self.texts()), 3)


class MemoWithoutJavaScriptTests(MemoTests):
    java_script = False


class BesideThePathTests(BrowserTestCase):
    def test_ten_reloads_send_nothing(self):
        self.ask_in_browser()
        self.reload_ten_times()
        self.heading("Nhập mã xác thực")
        self.enter_code("12345")
        self.sees("Có lỗi cần sửa")
        self.reload_ten_times()
        self.go(ASK)
        self.press("Tiếp tục")
        self.is_at(CODE)
        self.reload_ten_times()
        self.enter_code(self.code_on_the_phone(AN))
        self.is_at(NEW)
        self.reload_ten_times()

        self.heading("Nhập mật khẩu mới")
        self.assertEqual(len(self.texts()), 1)

    def test_back_sends_nothing(self):
        self.go(LOGIN)
        self.follow("Quên mật khẩu")
        self.heading("Nhập địa chỉ thư điện tử công vụ")
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.press("Tiếp tục")
        self.is_at(CODE)
        self.page.go_back()
        self.is_at(ASK)
        self.page.go_forward()
        self.is_at(CODE)
        self.follow("Về bước 1")
        self.is_at(ASK)
        self.press("Tiếp tục")
        self.is_at(CODE)
        self.enter_code(self.code_on_the_phone(AN))
        self.is_at(NEW)

        self.page.go_back()

        self.is_at(NEW)  # a right code is not asked for again
        self.assertEqual(len(self.texts()), 1)

    def test_back_on_the_private_pages_sends_nothing(self):
        self.log_in_in_browser("binh")
        self.go(PROFILE)
        self.follow("binh@hagiang.gov.vn")
        self.is_at(PHONE)
        self.fill("Số điện thoại", "0912 345 678")
        self.press("Lưu")
        self.is_at(PHONE_CODE)
        self.page.go_back()
        self.is_at(PHONE)
        self.page.go_forward()
        self.is_at(PHONE_CODE)
        self.enter_code(self.code_on_the_phone("+84912345678"))
        self.is_at(PROFILE)

        self.page.go_back()

        self.is_at(PHONE)  # there is no code to enter any more
        self.sees("đã xác thực")
        self.assertLessEqual(len(self.texts()), 2)  # the code, and perhaps a notice of the change

    def test_back_after_log_out_shows_nothing(self):
        self.log_in_in_browser()
        for path in (SETTINGS, PROFILE, ACTIVITY):
            self.go(path)
        self.press("Đăng xuất")
        self.is_at(LOGIN)

        for _ in range(3):
            self.page.go_back()

            self.heading("Đăng nhập")
            self.sees_nothing_of("an@hagiang.gov.vn")

    def test_a_session_that_ran_out_at_step_2(self):
        self.ask_in_browser()
        code = self.code_on_the_phone(AN)
        let_pass(self, minutes=31)

        self.enter_code(code)

        self.is_at(ASK)
        self.sees("Hãy bắt đầu lại từ đây.")

    def test_a_session_that_ran_out_on_the_private_pages(self):
        self.log_in_in_browser("binh")
        self.go(PHONE)
        let_pass(self, minutes=31)
        self.fill("Số điện thoại", "0912 345 678")
        self.press("Lưu")
        self.is_at(LOGIN)
        self.fill("Tên đăng nhập", "binh")
        self.fill("Mật khẩu", PASSWORD)

        self.press("Đăng nhập")

        self.is_at(PHONE)
        self.assertEqual(queued(), 0)

    def test_a_code_can_be_pasted_as_it_comes(self):
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.ask_in_browser()
        code = self.code_on_the_phone(AN)
        spelt = f" {code[:3]}-{code[3:]} "
        self.page.evaluate("(text) => navigator.clipboard.writeText(text)", spelt)
        self.page.get_by_label("Mã xác thực", exact=True).focus()
        self.page.keyboard.press("Control+V")
        self.press("Xác thực")

        self.is_at(NEW)

    def test_two_tabs_on_two_addresses_are_not_mixed(self):
        Account.objects.filter(pk=self.binh.pk).update(
            phone="+84912345678", phone_confirmed_at="2026-01-01T00:00Z"
        )
        self.ask_in_browser("an")
        code_of_an = self.code_on_the_phone(AN)
        first_tab, self.page = self.page, self.context.new_page()
        self.ask_in_browser("binh")
        self.sees("binh@hagiang.gov.vn")
        self.page = first_tab

        self.enter_code(code_of_an)

        self.sees("Bạn đã thực hiện một yêu cầu khác ở thẻ khác của trình duyệt.")
        self.sees("binh@hagiang.gov.vn")
        self.enter_code(newest_code())
        self.is_at(NEW)
        self.sees("binh@hagiang.gov.vn")

    def test_log_out_in_one_tab_ends_the_other(self):
        self.log_in_in_browser("binh")
        self.go(PHONE)
        first_tab, self.page = self.page, self.context.new_page()
        self.go("/")
        self.press("Đăng xuất")
        self.is_at(LOGIN)
        self.page = first_tab
        self.fill("Số điện thoại", "0912 345 678")

        self.press("Lưu")

        self.heading("Đăng nhập")
        self.assertEqual(queued(), 0)

    def test_the_answer_of_a_slow_server_is_waited_for(self):
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.page.evaluate(
            "document.forms[0].addEventListener('submit', (e) => e.preventDefault())"
        )
        self.press("Tiếp tục")

        button = self.page.locator("button[type=submit]").first
        check(button).to_have_text("Đang xử lý…")
        check(button).to_be_focused()

    def test_a_browser_without_cookies_is_told_so(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        preferences = Path(folder) / "Default" / "Preferences"
        preferences.parent.mkdir()
        blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
        preferences.write_text(json.dumps(blocked))
        context = browser.playwright().chromium.launch_persistent_context(
            folder,
            base_url=self.live_server_url,
            viewport={"width": NARROW, "height": browser.HEIGHT},
            **browser.how_to_start("chromium"),
        )
        self.watch(context)
        self.page = context.pages[0]
        self.go(ASK)
        check(self.page.get_by_text("Trình duyệt đang chặn cookie")).to_be_visible()
        self.fill("Địa chỉ thư điện tử công vụ", "an")

        self.press("Tiếp tục")

        self.heading("Trang đã mở quá lâu")
        self.sees("trình duyệt đang chặn cookie")

    def reload_ten_times(self):
        for _ in range(10):
            self.page.reload()
