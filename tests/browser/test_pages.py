"""Every page and every error state, as people with any eyes, hands and screens meet it."""

from contextlib import ExitStack

from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts.access import login
from accounts.credentials import hashers
from otp.counting import limits
from tests.support import cast, inspection
from tests.support.browser import BrowserTestCase
from tests.support.cast import ASK, LOGIN, NEW, PASSWORD, newest_code, wrong_code
from tests.support.clock import let_pass

MENU = "/cau-hinh/"
PROFILE = "/cau-hinh/thong-tin/"
PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
PHONE_CODE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/"
CHANGE = "/cau-hinh/mat-khau/"

ASK_HEADING = "Nhập địa chỉ thư điện tử công vụ"
CODE_HEADING = "Nhập mã xác thực"
NEW_HEADING = "Nhập mật khẩu mới"
PHONE_HEADING = "Cập nhật số điện thoại"


def hour_of_the_same_day():
    """Give an hour that can pass, and a code of now still is one of today."""
    return 1 if timezone.localtime().hour < 23 else -1


class InspectedTestCase(BrowserTestCase):
    maxDiff = None

    def inspect(self, heading):
        """Look the page over, once it is the one with this heading."""
        self.heading(heading)
        self.assertEqual("\n".join(inspection.faults(self.page)), "")

    def is_refused(self, sentence):
        """Wait for the page that says what is wrong."""
        self.page.get_by_text(sentence).first.wait_for()


class PublicPageTests(InspectedTestCase):
    def test_log_in(self):
        self.go(LOGIN)

        self.inspect("Đăng nhập")

    def test_an_empty_log_in(self):
        self.go(LOGIN)
        self.press("Đăng nhập")

        self.is_refused("Hãy nhập tên đăng nhập.")
        self.inspect("Đăng nhập")

    def test_a_wrong_password(self):
        self.log_in_in_browser(password="khong-phai", then=LOGIN)

        self.is_refused("Tên đăng nhập hoặc mật khẩu chưa đúng")
        self.inspect("Đăng nhập")

    def test_a_held_log_in(self):
        for _ in range(login.FAILURES.count):
            limits.charge(login.FAILURES, self.an.address)
        self.log_in_in_browser(then=LOGIN)

        self.is_refused("Đã nhập sai nhiều lần.")
        self.inspect("Đăng nhập")

    def test_after_log_out(self):
        self.log_in_in_browser()
        self.press("Đăng xuất")

        self.is_refused("Bạn đã đăng xuất.")
        self.inspect("Đăng nhập")

    def test_words(self):
        for path, heading in (
            ("/huong-dan/", "Hướng dẫn sử dụng"),
            ("/huong-dan/cap-nhat-so-dien-thoai/", "Hướng dẫn cập nhật số điện thoại"),
            ("/huong-dan/lay-lai-mat-khau/", "Hướng dẫn lấy lại mật khẩu người dùng"),
            ("/huong-dan/cai-dat-thu/", "Hướng dẫn cài đặt với Outlook và điện thoại"),
            ("/quyen-rieng-tu/", "Quyền riêng tư"),
            ("/kha-nang-tiep-can/", "Khả năng tiếp cận"),
        ):
            with self.subTest(path):
                self.go(path)

                self.inspect(heading)


class RecoveryPageTests(InspectedTestCase):
    def test_step_1(self):
        self.go(ASK)

        self.inspect(ASK_HEADING)

    def test_step_1_empty_and_elsewhere(self):
        self.go(ASK)
        self.press("Tiếp tục")
        self.is_refused("Hãy nhập địa chỉ thư điện tử công vụ của bạn.")
        self.inspect(ASK_HEADING)

        self.fill("Địa chỉ thư điện tử công vụ", "an@gmail.com")
        self.press("Tiếp tục")

        self.is_refused("Chỉ nhận địa chỉ thư công vụ có đuôi")
        self.inspect(ASK_HEADING)

    def test_a_code_was_asked_for_elsewhere(self):
        self.ask()
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.press("Tiếp tục")

        self.is_refused("Một mã vừa được yêu cầu.")
        self.inspect(ASK_HEADING)

    def test_no_code_is_left_today(self):
        self.ask()
        let_pass(self, hours=hour_of_the_same_day())
        self.ask(client=Client())
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.press("Tiếp tục")

        self.is_refused("Hôm nay đã hết lượt gửi mã.")
        self.inspect(ASK_HEADING)

    def test_step_2(self):
        self.ask_in_browser()

        self.inspect(CODE_HEADING)
        self.page.set_viewport_size({"width": 360, "height": 740})
        self.page.reload()
        for part in (self.page.locator("[name=code]"), self.button("Xác thực")):
            box = part.bounding_box()
            self.assertLessEqual(box["y"] + box["height"], 740)
        self.assertEqual(self.page.evaluate("scrollY"), 0)

    def test_step_2_of_the_last_code_today(self):
        self.ask()
        let_pass(self, hours=hour_of_the_same_day())
        self.ask_in_browser()

        self.sees("Hôm nay đã hết lượt gửi mã.")
        self.inspect(CODE_HEADING)

    def test_too_few_digits_and_wrong_ones(self):
        self.ask_in_browser()
        self.enter_code("12345")
        self.is_refused("Mã xác thực gồm đúng 6 chữ số.")
        self.inspect(CODE_HEADING)

        self.enter_code(wrong_code())

        self.is_refused("còn 4 lần nhập")
        self.inspect(CODE_HEADING)

    def test_a_code_that_has_run_out(self):
        self.ask_in_browser()
        let_pass(self, minutes=6)
        self.enter_code(newest_code())

        self.is_refused("Mã này đã hết hiệu lực")
        self.inspect(CODE_HEADING)

    def test_a_code_that_was_guessed_at_too_often(self):
        self.ask_in_browser()
        for left in (4, 3, 2, 1):
            self.enter_code(wrong_code())
            self.is_refused(f"còn {left} lần nhập")
        self.enter_code(wrong_code())

        self.is_refused("Đã nhập sai 5 lần")
        self.inspect(CODE_HEADING)

    def test_a_session_that_has_run_out(self):
        self.ask_in_browser()
        let_pass(self, minutes=31)
        self.enter_code("123456")

        self.is_refused("Hãy bắt đầu lại từ đây.")
        self.inspect(ASK_HEADING)

    def test_step_3(self):
        self.reach_step_3()

        self.inspect(NEW_HEADING)

    def test_a_weak_password(self):
        self.reach_step_3()
        self.fill("Nhập mật khẩu", "Hagiang@2021")
        self.fill("Nhập lại mật khẩu", "Hagiang@2022")
        self.press("Đổi mật khẩu")

        self.is_refused("Hai mật khẩu chưa giống nhau.")
        self.sees("dễ bị đoán")
        self.inspect(NEW_HEADING)

    def test_step_4(self):
        self.reach_step_3()
        self.fill("Nhập mật khẩu", cast.NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", cast.NEW_PASSWORD)
        self.press("Đổi mật khẩu")

        self.is_refused("Đã đổi mật khẩu.")
        self.inspect("Đăng nhập")

    def reach_step_3(self):
        self.ask_in_browser()
        self.enter_code(newest_code())
        self.is_at(NEW)


class PrivatePageTests(InspectedTestCase):
    def test_home_and_settings(self):
        self.log_in_in_browser()
        for path, heading in (
            ("/", "Trang chủ"),
            (MENU, "Thiết lập cấu hình"),
            (PROFILE, "Thông tin người dùng"),
            ("/cau-hinh/hoat-dong/", "Hoạt động gần đây"),
            ("/cau-hinh/du-lieu/", "Dữ liệu của tôi"),
            ("/cau-hinh/du-lieu/yeu-cau/", "Yêu cầu về dữ liệu của tôi"),
            (CHANGE, "Đổi mật khẩu"),
            (PHONE, PHONE_HEADING),
        ):
            with self.subTest(path):
                self.go(path)

                self.inspect(heading)
        self.go("/cau-hinh/du-lieu/yeu-cau/")
        self.press("Gửi yêu cầu")
        self.is_refused("Hãy chọn điều bạn yêu cầu.")
        self.inspect("Yêu cầu về dữ liệu của tôi")

    @override_settings(APP_PASSWORDS="on")
    def test_a_password_for_a_mail_program(self):
        self.log_in_in_browser()
        self.go("/cau-hinh/mat-khau-ung-dung/")
        self.inspect("Mật khẩu ứng dụng")
        self.press("Tạo mật khẩu ứng dụng")
        self.is_refused("Hãy nhập tên, ví dụ: Điện thoại.")
        self.inspect("Mật khẩu ứng dụng")
        self.fill("Tên của thiết bị hoặc phần mềm", "Điện thoại")
        self.fill("Mật khẩu hiện tại", cast.PASSWORD)

        self.press("Tạo mật khẩu ứng dụng")

        self.inspect("Mật khẩu ứng dụng mới")
        self.follow("Tôi đã nhập mật khẩu")
        self.sees("Điện thoại")

    def test_nobody_told_the_portal_a_number(self):
        self.log_in_in_browser("binh")
        self.sees("Chưa có số điện thoại.")
        self.inspect("Trang chủ")

        self.go(PROFILE)

        self.inspect("Thông tin người dùng")

    def test_the_default_password_must_go(self):
        self.log_in_in_browser("em", then=CHANGE)

        self.sees("Tài khoản đang dùng mật khẩu mặc định.")
        self.inspect("Đổi mật khẩu")

    def test_a_change_of_password_that_is_refused(self):
        self.log_in_in_browser()
        self.go(CHANGE)
        self.fill("Mật khẩu hiện tại", "khong-phai")
        self.fill("Nhập mật khẩu", cast.NEW_PASSWORD)
        self.fill("Nhập lại mật khẩu", cast.NEW_PASSWORD)
        self.press("Đổi mật khẩu")

        self.is_refused("Mật khẩu hiện tại chưa đúng.")
        self.inspect("Đổi mật khẩu")

    def test_a_phone_that_is_refused(self):
        self.log_in_in_browser()
        self.go(PHONE)
        for typed, sentence in (
            ("", "Hãy nhập số điện thoại di động của bạn."),
            ("0219 350 1038", "Số này không nhận được SMS."),
            ("0169 567 8945", "hãy dùng 0395678945"),
            ("0987 466 981", "Số này đang được dùng và đã xác thực"),
        ):
            with self.subTest(typed):
                self.fill("Số điện thoại", typed)
                self.press("Lưu")

                self.is_refused(sentence)
                self.inspect(PHONE_HEADING)

    def test_a_phone_needs_the_password_again(self):
        self.log_in_in_browser()
        let_pass(self, minutes=11)
        self.go(PHONE)
        self.inspect(PHONE_HEADING)
        self.fill("Số điện thoại", "0912 345 678")
        self.press("Lưu")

        self.is_refused("Hãy nhập mật khẩu hiện tại để đổi số điện thoại.")
        self.inspect(PHONE_HEADING)

    def test_a_new_phone_waits_for_its_code(self):
        self.save_phone("0912 345 678")
        self.inspect(CODE_HEADING)
        self.enter_code(wrong_code())
        self.is_refused("còn 4 lần nhập")
        self.inspect(CODE_HEADING)

        self.go("/")

        self.sees("chưa được xác thực nên chưa dùng được")
        self.inspect("Trang chủ")

    def test_another_phone_too_soon(self):
        self.save_phone("0912 345 678")
        self.go(PHONE)
        self.fill("Số điện thoại", "0912 345 679")
        self.press("Lưu")

        self.is_refused("Một mã vừa được yêu cầu.")
        self.inspect(PHONE_HEADING)

    def test_the_code_of_a_new_phone_has_run_out(self):
        self.save_phone("0912 345 678")
        let_pass(self, minutes=6)
        self.enter_code(newest_code())

        self.is_refused("Mã này đã hết hiệu lực")
        self.inspect(CODE_HEADING)

    def test_a_new_phone_is_in_force(self):
        self.save_phone("0912 345 678")
        self.enter_code(newest_code())

        self.is_refused("Đã cập nhật số điện thoại.")
        self.inspect("Thông tin người dùng")

    def test_the_second_factor(self):
        cast.make_staff("quan.tri")
        self.log_in_in_browser("quan.tri")
        self.go("/quan-tri/")
        self.inspect("Xác thực hai lớp")
        self.fill("Mã xác thực hoặc mã dự phòng", "123456")
        self.press("Xác thực")

        self.is_refused("Mã chưa đúng hoặc đã dùng.")
        self.inspect("Xác thực hai lớp")

    def save_phone(self, number):
        self.log_in_in_browser()
        self.go(PHONE)
        self.fill("Số điện thoại", number)
        self.press("Lưu")
        self.is_at(PHONE_CODE)


class ErrorPageTests(InspectedTestCase):
    def test_400_too_many_fields(self):
        self.go(LOGIN)
        self.page.evaluate(
            """() => { for (let i = 0; i < 60; i++)
              document.forms[0].append(document.forms[0].elements[0].cloneNode()); }"""
        )
        self.press("Đăng nhập")

        self.inspect("Chưa hiểu yêu cầu này")

    def test_403_not_for_this_person(self):
        hotline = cast.make_staff("ho.tro", "hotline")
        self.log_in_in_browser("ho.tro")
        self.show_second_factor(hotline)
        self.go("/quan-tri/accounts/account/")

        self.inspect("Bạn chưa được mở trang này")

    def test_403_csrf(self):
        self.go(LOGIN)
        self.context.clear_cookies()
        self.press("Đăng nhập")

        self.inspect("Trang đã mở quá lâu")

    def test_404(self):
        self.go("/khong-co/")

        self.inspect("Không tìm thấy trang này")

    def test_413(self):
        self.go(LOGIN)
        self.fill("Tên đăng nhập", "a" * 70_000)
        self.press("Đăng nhập")

        self.inspect("Nội dung gửi lên quá lớn")

    def test_429(self):
        self.go(ASK)
        for _ in range(20):
            self.ask("")
        self.press("Tiếp tục")

        self.inspect("Hãy chờ một lát")

    @override_settings(PHONE_MASK_DIGITS="six")
    def test_500(self):
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.press("Tiếp tục")

        self.inspect("Hệ thống đang gặp sự cố")

    @override_settings(HASH_QUEUE=0)
    def test_503_while_all_places_are_taken(self):
        self.go(LOGIN)
        self.fill("Tên đăng nhập", "an")
        self.fill("Mật khẩu", PASSWORD)
        with ExitStack() as others:
            for _ in range(settings.HASHES_AT_ONCE):
                others.enter_context(hashers._places)
            self.press("Đăng nhập")
            self.heading("Hệ thống đang tạm nghỉ")

        self.inspect("Hệ thống đang tạm nghỉ")
