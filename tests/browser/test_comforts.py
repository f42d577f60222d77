"""What the browser adds to the pages: help while typing, time, paper, and a light load."""

import re

from django.test import override_settings

from accounts.models import Unit
from mailportal import profile
from tests.support import cast
from tests.support.browser import WIDE, BrowserTestCase, check
from tests.support.cast import ASK, CODE, LOGIN, NEW, newest_code
from tests.support.clock import let_pass

PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
PHONE_CODE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/"
CHANGE = "/cau-hinh/mat-khau/"
GUIDES = (
    "/huong-dan/cap-nhat-so-dien-thoai/",
    "/huong-dan/lay-lai-mat-khau/",
    "/huong-dan/cai-dat-thu/",
)
HEAVIEST_LOG_IN = 40_000  # bytes over the wire, on a first visit
A4 = (595, 842)  # points

TOKENS = """() => Object.fromEntries(
  [...document.querySelectorAll("main input:not([type=hidden], [aria-hidden])")]
    .map((input) => [input.name, `${input.type} ${input.autocomplete} ${input.inputMode}`.trim()]))
"""

# A phone that has just received the code, as the browser would hand it over.
FAKE_SMS = """
  window.OTPCredential = class {};
  CredentialsContainer.prototype.get = () => Promise.resolve({ code: "%s" });
"""


class PasswordFieldTests(BrowserTestCase):
    def test_a_password_can_be_shown_and_is_hidden_again_when_it_is_sent(self):
        self.go(LOGIN)
        self.page.evaluate(
            "document.forms[0].addEventListener('submit', (e) => e.preventDefault())"
        )
        field = self.page.get_by_label("Mật khẩu", exact=True)
        check(field).to_have_attribute("type", "password")
        self.press("Hiện Mật khẩu")
        check(field).to_have_attribute("type", "text")
        self.press("Ẩn Mật khẩu")
        check(field).to_have_attribute("type", "password")
        self.press("Hiện Mật khẩu")

        self.press("Đăng nhập")

        check(field).to_have_attribute("type", "password")

    def test_rules_are_ticked_in_more_than_colour(self):
        self.log_in_in_browser()
        self.go(CHANGE)
        ticked = self.page.locator(".rules__item--met")
        for typed, count in (("", 0), ("abc", 2), ("Abc1", 4), ("Abc1@xyz", 6), ("Abc1@xyzấ", 5)):
            with self.subTest(typed):
                self.fill("Nhập mật khẩu", typed)

                check(ticked).to_have_count(count)
                said = self.page.locator("[data-met]:not([hidden])")
                check(said).to_have_count(count)

    def test_caps_lock_is_told(self):
        self.go(LOGIN)
        warning = self.page.get_by_text("Phím Caps Lock đang bật.")
        check(warning).to_be_hidden()
        self.strike_with_caps_lock("true")
        check(warning).to_be_visible()
        self.strike_with_caps_lock("false")
        check(warning).to_be_hidden()

    def test_a_vietnamese_letter_is_told(self):
        self.go(LOGIN)
        warning = self.page.get_by_text("đang bật bộ gõ tiếng Việt")
        self.fill("Mật khẩu", "mat khau")
        check(warning).to_be_hidden()
        self.fill("Mật khẩu", "mật khẩu")
        check(warning).to_be_visible()

    def strike_with_caps_lock(self, on):
        self.page.get_by_label("Mật khẩu", exact=True).evaluate(
            "(field) => field.dispatchEvent("
            f"new KeyboardEvent('keydown', {{ key: 'a', modifierCapsLock: {on} }}))"
        )


class CodeFieldTests(BrowserTestCase):
    def test_a_code_in_an_sms_is_filled_in_but_not_sent(self):
        self.page.add_init_script(FAKE_SMS % "012345")
        self.ask_in_browser()

        check(self.page.get_by_label("Mã xác thực", exact=True)).to_have_value("012345")
        check(self.page.get_by_label("Mã xác thực", exact=True)).to_be_focused()
        self.is_at(CODE)
        self.sees_nothing_of("Có lỗi cần sửa")

    def test_what_was_typed_stands(self):
        self.page.add_init_script(
            "const later = new Promise((go) => { window.smsComes = go; });"
            "window.OTPCredential = class {}; CredentialsContainer.prototype.get = () => later;"
        )
        self.ask_in_browser()
        self.fill("Mã xác thực", "999")
        self.page.evaluate("smsComes({ code: '012345' })")

        check(self.page.get_by_label("Mã xác thực", exact=True)).to_have_value("999")

    def test_the_time_left_is_shown_and_said_three_times(self):
        self.page.clock.install()
        self.ask_in_browser()
        shown, said = self.page.locator("[data-countdown]"), self.page.locator("[data-announcer]")
        pattern = re.compile(r"Mã còn hiệu lực [45] phút \d+ giây\.")
        check(shown).to_have_text(pattern)
        check(said).to_have_text(pattern)
        at_first = said.inner_text()
        self.page.clock.pause_at(self.page.evaluate("Date.now()") / 1000 + 1)
        left = self.seconds_in(shown.inner_text())
        self.page.clock.fast_forward(30_000)
        self.assertEqual(self.seconds_in(shown.inner_text()), left - 30)
        check(said).to_have_text(at_first)

        self.page.clock.fast_forward((left - 30 - 58) * 1000)
        check(said).to_have_text(re.compile(r"còn hiệu lực 0 phút 58 giây"))
        self.page.clock.fast_forward(60_000)
        check(shown).to_have_text("Mã đã hết hiệu lực.")
        check(said).to_have_text("Mã đã hết hiệu lực.")

    def seconds_in(self, text):
        minutes, seconds = re.search(r"(\d+) phút (\d+) giây", text).groups()
        return 60 * int(minutes) + int(seconds)


class TokenTests(BrowserTestCase):
    def test_browsers_and_phones_know_every_field(self):
        secret = "password {}-password"
        code = {"code": "text one-time-code numeric"}
        new = {f"new_password{n}": secret.format("new") for n in (1, 2)}
        current = {"password": secret.format("current")}

        self.go(LOGIN)
        self.fields_are({"username": "text username"} | current)
        self.go(ASK)
        self.fields_are({"address": "email username"})
        self.ask_in_browser()
        self.fields_are(code)
        self.enter_code(newest_code())
        self.is_at(NEW)
        self.fields_are(new)
        self.log_in_in_browser()
        self.go(CHANGE)
        self.fields_are(current | new)
        self.go(PHONE)
        self.fields_are({"phone": "tel tel tel"})
        let_pass(self, minutes=11)
        self.go(PHONE)
        self.fields_are({"phone": "tel tel tel"} | current)

    def test_password_managers_learn_whose_the_new_password_is(self):
        self.ask_in_browser()
        self.enter_code(newest_code())
        self.is_at(NEW)

        owner = self.page.locator("input[autocomplete=username]")
        check(owner).to_have_value("an@hagiang.gov.vn")

    def fields_are(self, expected):
        self.assertEqual(self.page.evaluate(TOKENS), expected)


class FieldTests(BrowserTestCase):
    """Every field of the memo's two procedures, one page after the other."""

    def pages(self):
        self.go(LOGIN)
        yield LOGIN
        self.go(ASK)
        yield ASK
        self.ask_in_browser()
        yield CODE
        self.go(CODE)
        self.enter_code(newest_code())
        self.is_at(NEW)
        yield NEW
        self.log_in_in_browser()
        self.go(CHANGE)
        yield CHANGE
        self.go(PHONE)
        yield PHONE

    def fields(self):
        return self.page.locator("main input:not([type=hidden], [aria-hidden])").all()

    def test_each_takes_what_is_pasted(self):
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        for path in self.pages():
            for field in self.fields():
                with self.subTest(path, field=field.get_attribute("name")):
                    self.page.evaluate("() => navigator.clipboard.writeText('0912 345-678')")
                    field.fill("")
                    field.focus()
                    self.page.keyboard.press("Control+V")

                    check(field).to_have_value("0912 345-678")

    def test_none_makes_a_telephone_zoom(self):
        for path in self.pages():
            for field in self.fields():
                with self.subTest(path, field=field.get_attribute("name")):
                    size = field.evaluate("(field) => parseFloat(getComputedStyle(field).fontSize)")

                    self.assertGreaterEqual(size, 16)

    def test_the_memos_address_is_seen_whole_on_a_small_telephone(self):
        self.go(ASK)
        field = self.page.get_by_label("Địa chỉ thư điện tử công vụ", exact=True)
        field.fill("dia_chi_mail@hagiang.gov.vn")

        shown, needed = field.evaluate("(field) => [field.clientWidth, field.scrollWidth]")

        self.assertEqual(shown, needed)

    def test_each_password_has_a_button_of_its_own(self):
        self.log_in_in_browser()
        self.go(CHANGE)

        for label in ("Mật khẩu hiện tại", "Nhập mật khẩu", "Nhập lại mật khẩu"):
            with self.subTest(label):
                check(self.button(f"Hiện {label}")).to_have_count(1)
                field = self.page.get_by_label(label, exact=True)
                check(field).to_have_attribute("spellcheck", "false")

    def test_the_ring_of_the_focus_is_two_pixels_wide(self):
        for path in self.pages():
            with self.subTest(path):
                self.page.keyboard.press("Tab")
                ring = "() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)"

                self.assertGreaterEqual(self.page.evaluate(ring), 2)


class PaperTests(BrowserTestCase):
    def test_each_guide_fits_on_one_sheet(self):
        for name in ("hagiang", "tuyenquang"):
            for path in GUIDES:
                with (
                    self.subTest(path, profile=name),
                    override_settings(PROFILE=profile.load(name)),
                ):
                    self.go(path)

                    self.assertEqual(self.sheets(), [A4])

    def test_paper_shows_where_the_guide_came_from_and_nothing_to_press(self):
        for path in GUIDES:
            with self.subTest(path):
                self.go(path)
                check(self.button("In hướng dẫn")).to_be_visible()
                self.page.emulate_media(media="print")

                check(self.page.get_by_text(self.live_server_url + path)).to_be_visible()
                for pressed in self.page.locator("nav, button, aside, footer").all():
                    check(pressed).to_be_hidden()
                self.page.emulate_media(media="screen")

    def sheets(self):
        """Print, and give the size of each sheet."""
        pdf = self.page.pdf(prefer_css_page_size=True)
        boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
        self.assertEqual(len(boxes), len(re.findall(rb"/Type\s*/Page\b", pdf)))
        return [(round(float(width)), round(float(height))) for width, height in boxes]


class WithoutJavaScriptTests(BrowserTestCase):
    java_script = False

    def test_no_button_is_shown_that_would_do_nothing(self):
        self.go(LOGIN)
        check(self.page.get_by_role("button")).to_have_count(1)
        self.go(GUIDES[0])
        check(self.page.get_by_role("button")).to_have_count(0)

    def test_the_time_is_told_by_the_server(self):
        self.ask_in_browser()

        check(self.page.locator(".validity")).to_have_text(
            re.compile(r"^\s*Mã có hiệu lực đến \d\d:\d\d\.\s*$"), use_inner_text=True
        )


class LoadTests(BrowserTestCase):
    def test_a_first_visit_is_light(self):
        sizes = []
        wire = self.context.new_cdp_session(self.page)
        wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        wire.send("Network.enable")

        self.page.goto(LOGIN, wait_until="networkidle")

        self.assertGreaterEqual(len(sizes), 5)  # the page, its style, scripts and pictures
        self.assertLessEqual(sum(sizes), HEAVIEST_LOG_IN)


class AdminTests(BrowserTestCase):
    width = WIDE

    def test_no_page_of_the_administration_breaks_the_csp(self):
        it = cast.make_staff("quan.tri")
        self.go("/quan-tri/")
        self.is_at(LOGIN)
        self.log_in_in_browser("quan.tri")
        self.show_second_factor(it)
        for path in (
            "/quan-tri/",
            "/quan-tri/accounts/account/",
            "/quan-tri/accounts/account/?q=an",
            "/quan-tri/accounts/account/add/",
            f"/quan-tri/accounts/account/{self.an.pk}/change/",
            f"/quan-tri/accounts/account/{self.an.pk}/history/",
            "/quan-tri/accounts/auditevent/",
            "/quan-tri/accounts/unit/",
            "/quan-tri/accounts/unit/add/",
        ):
            with self.subTest(path):
                answer = self.page.goto(path, wait_until="networkidle")

                self.assertEqual(answer.status, 200)
                self.assertEqual(self.complaints, [])

    def test_the_list_of_accounts_is_in_vietnamese_and_shows_three_digits(self):
        it = cast.make_staff("quan.tri")
        self.log_in_in_browser("quan.tri")
        self.show_second_factor(it)
        self.go("/quan-tri/accounts/account/")

        self.sees("***981")
        self.sees_nothing_of("466981")
        for heading in self.page.locator("#result_list th.column-masked_phone").all_inner_texts():
            self.assertEqual(heading.casefold(), "số điện thoại")
        self.sees_nothing_of("False")

    def test_a_unit_is_chosen_by_its_place_in_the_tree(self):
        for name in ("Sở Y tế", "Sở Tài chính"):
            Unit.objects.create(name="Văn phòng", parent=Unit.objects.create(name=name))
        it = cast.make_staff("quan.tri")
        self.log_in_in_browser("quan.tri")
        self.show_second_factor(it)
        self.go(f"/quan-tri/accounts/account/{self.an.pk}/change/")

        offered = self.page.locator("#id_unit option").all_inner_texts()

        self.assertIn("Sở Y tế/Văn phòng", offered)
        self.assertIn("Sở Tài chính/Văn phòng", offered)
