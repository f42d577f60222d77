"""Passkeys in a real browser, with a device that Chromium plays (CDP: WebAuthn)."""

from accounts.credentials import second_factor
from accounts.models import Passkey
from tests.browser.test_pages import InspectedTestCase
from tests.support.browser import check
from tests.support.cast import ASK, FACTOR, NEW, NEW_PASSWORD

OWN = "/cau-hinh/xac-thuc-hai-lop/"
ADD = f"{OWN}passkey/"
MISSING = "dùng passkey cần JavaScript"


class Device(InspectedTestCase):
    """An's phone keeps passkeys and asks for a finger."""

    def setUp(self):
        super().setUp()
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        options |= {"hasUserVerification": True, "isUserVerified": True}
        options |= {"automaticPresenceSimulation": True}
        self.device = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def add(self, name="Điện thoại"):
        self.go(ADD)
        self.fill("Tên để nhận ra passkey này", name)
        self.press("Tạo passkey")

    def hides(self, text):
        check(self.page.get_by_text(text)).to_be_hidden()

    def log_out(self):
        self.context.clear_cookies()


class JourneyTests(Device):
    def test_it_is_added_and_opens_the_portal(self):
        self.log_in_in_browser()
        self.go(OWN)
        self.follow("Bật bằng passkey")
        self.hides("Trình duyệt này chưa dùng được passkey")
        self.inspect("Thêm passkey")
        self.add()
        self.heading("Mã dự phòng")
        self.go(OWN)
        self.sees("Điện thoại")
        self.inspect("Xác thực hai lớp")
        self.log_out()
        self.log_in_in_browser(then=FACTOR)
        self.hides(MISSING)
        self.inspect("Xác thực hai lớp")

        self.press("Dùng passkey")

        self.is_at("/")
        self.assertIsNotNone(Passkey.objects.get().last_used_at)

    def test_it_leads_to_a_new_password(self):
        self.log_in_in_browser()
        self.add()
        self.heading("Mã dự phòng")
        self.log_out()
        self.go(ASK)
        self.ask_in_browser()
        self.enter_code(self.code_on_the_phone(self.an.phone))
        self.inspect("Nhập mã xác thực hai lớp")

        self.press("Dùng passkey")

        self.is_at(NEW)
        self.fill("Nhập mật khẩu", NEW_PASSWORD)

    def test_the_same_device_is_not_added_twice(self):
        self.log_in_in_browser()
        self.add()
        self.heading("Mã dự phòng")

        self.add()

        self.sees("máy này đã có passkey")
        self.assertEqual(Passkey.objects.count(), 1)

    def test_who_declines_may_press_again(self):
        self.log_in_in_browser()
        self.add()
        self.heading("Mã dự phòng")
        self.log_out()
        self.log_in_in_browser(then=FACTOR)
        self.cdp.send("WebAuthn.removeVirtualAuthenticator", self.device)
        self.device = self.cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {"protocol": "ctap2", "transport": "internal"}},
        )

        self.press("Dùng passkey")

        self.sees("Chưa dùng được passkey. Hãy bấm lại, hoặc nhập mã ở dưới.")

    def test_removing_one_asks_for_the_password(self):
        self.log_in_in_browser()
        self.add()
        self.heading("Mã dự phòng")
        self.go(f"{ADD}{Passkey.objects.get().pk}/bo/")
        self.fill("Mật khẩu hiện tại", "sai")
        self.press("Bỏ passkey")

        self.sees("chưa đúng")
        self.inspect("Bỏ passkey")


class WithoutJavaScriptTests(InspectedTestCase):
    java_script = False

    def test_the_pages_say_so_and_offer_what_else_there_is(self):
        [code, *_] = second_factor.make_recovery_codes(self.an)
        Passkey.objects.create(user=self.an, name="x", credential_id=b"x", public_key=b"x")
        self.log_in_in_browser(then=FACTOR)
        self.sees(MISSING)
        self.fill("Mã xác thực hoặc mã dự phòng", code)
        field = self.page.get_by_label("Mã xác thực hoặc mã dự phòng", exact=True)
        self.assertTrue(field.evaluate("field => field.scrollWidth <= field.clientWidth"), code)
        self.press("Xác thực")
        self.is_at("/")

        self.go(ADD)

        self.sees("Trình duyệt này chưa dùng được passkey")
        self.press("Tạo passkey")
        self.sees("Hãy bật JavaScript rồi bấm lại")
