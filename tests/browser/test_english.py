"""English in a real browser: chosen by its link, with longer words, on narrow and wide pages."""

from tests.browser.test_pages import InspectedTestCase
from tests.support.cast import ASK, LOGIN, PASSWORD


class EnglishPageTests(InspectedTestCase):
    def setUp(self):
        super().setUp()
        self.go(f"{LOGIN}?next=/cau-hinh/")
        self.follow("English")
        self.heading("Log in")

    def test_the_way_in_and_back_to_vietnamese(self):
        self.press("Log in")
        self.is_refused("Enter your user name.")
        self.inspect("Log in")

        self.follow("Tiếng Việt")
        self.heading("Đăng nhập")
        self.follow("English")
        self.fill("User name", "an")
        self.fill("Password", PASSWORD)
        self.press("Log in")

        self.inspect("Settings")

    def test_words_of_strangers(self):
        for path, heading in (
            (ASK, "Enter your official e-mail address"),
            ("/kich-hoat/", "Activate an account"),
            ("/huong-dan/", "User guides"),
            ("/huong-dan/cap-nhat-so-dien-thoai/", "How to update your phone number"),
            ("/huong-dan/lay-lai-mat-khau/", "How to recover your password"),
            ("/huong-dan/cai-dat-thu/", "How to set up Outlook and phones"),
            ("/quyen-rieng-tu/", "Privacy"),
            ("/kha-nang-tiep-can/", "Accessibility"),
        ):
            with self.subTest(path):
                self.go(path)

                self.inspect(heading)

    def test_pages_of_ones_own(self):
        self.log_in_in_browser_in_english()
        for path, heading in (
            ("/", "Home"),
            ("/cau-hinh/thong-tin/", "User information"),
            ("/cau-hinh/thong-tin/an@hagiang.gov.vn/", "Update the phone number"),
            ("/cau-hinh/mat-khau/", "Change password"),
            ("/cau-hinh/hoat-dong/", "Recent activity"),
            ("/cau-hinh/xac-thuc-hai-lop/", "Two-factor authentication"),
        ):
            with self.subTest(path):
                self.go(path)

                self.inspect(heading)

    def log_in_in_browser_in_english(self):
        self.fill("User name", "an")
        self.fill("Password", PASSWORD)
        self.press("Log in")
        self.heading("Settings")
