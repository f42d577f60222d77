"""One edit changes a number of a rule everywhere: in the rule, on pages, in guides and scripts."""

import datetime as dt
import html
import io
import re
from unittest import mock

import time_machine
from django.conf import settings
from django.core.management import call_command
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.utils import timezone

from accounts.models import Account, Campaign, PhoneProposal
from otp.counting.limits import Limit
from otp.models import Brakes, Code, GatewayState, Message
from otp.outbox import alerts
from otp.outbox.queue import ERASED
from otp.sentences import duration
from tests.support import cast
from tests.support.campaigning import CAMPAIGNS, REPORTS, Office
from tests.support.cast import ASK, CODE, NEW, newest_code, wrong_code
from tests.support.clock import Clock
from tests.support.constants import change
from tests.support.forms import drawn_from
from tests.support.loading import LOAD

GUIDES = ("/huong-dan/lay-lai-mat-khau/", "/huong-dan/cap-nhat-so-dien-thoai/")
OWN = "/cau-hinh/mat-khau/"
GROUND = {"why": "người gọi báo không nhận được tin", "ticket": "P-1"}


class DurationTests(SimpleTestCase):
    def test_a_span_is_said_in_its_largest_whole_unit(self):
        for span, words in (
            (dt.timedelta(seconds=90), "90 giây"),
            (dt.timedelta(minutes=1), "1 phút"),
            (dt.timedelta(minutes=5), "5 phút"),
            (dt.timedelta(minutes=90), "90 phút"),
            (dt.timedelta(hours=1), "1 giờ"),
            (dt.timedelta(days=1), "24 giờ"),
            (dt.timedelta(hours=36), "36 giờ"),
            (dt.timedelta(days=3), "3 ngày"),
        ):
            with self.subTest(words):
                self.assertEqual(duration(span), words)


class NumbersTestCase(cast.Cast, TestCase):
    """The day is an ordinary one; Mai sits at the hotline, Lan is IT of the province."""

    def setUp(self):
        self.clock = Clock(self, 2026, 11, 23, 9, 0)
        self.set_up_people()
        self.mai = cast.make_staff("mai", "hotline")
        self.lan = cast.make_staff("lan", "province-it")
        self.desk = Client()

    def inside(self, staff):
        self.come_in(staff, self.desk)
        return self.desk

    def page_of_an(self, action=""):
        address = f"/ho-tro/tai-khoan/{self.an.pk}/{action}"
        return self.inside(self.mai).get(address)

    def sentence(self):
        return self.page_of_an().context["overview"].sentence

    def guess_wrong(self, times):
        for _ in range(times):
            r = self.guess(wrong_code())
        return r

    def assert_all_say(self, pages, sentence):
        for page in pages:
            with self.subTest(page):
                self.assertContains(Client().get(page), sentence)


class CodeTests(NumbersTestCase):
    def test_the_gap(self):
        change(self, "otp.models", "GAP", dt.timedelta(minutes=7))

        self.ask()

        self.assert_all_say((ASK, *GUIDES), "Mã xác nhận gửi cách nhau 7 phút, tối đa 2 lần")
        self.assertIn("chưa đủ 7 phút", self.sentence())
        self.clock.forward(minutes=6, seconds=59)
        self.assertContains(self.ask(client=Client()), "Một mã vừa được yêu cầu")
        self.clock.forward(seconds=1)
        self.assertRedirects(self.ask(client=Client()), CODE)

    def test_the_codes_of_a_day(self):
        change(self, "otp.models", "CODES_A_DAY", 1)

        self.ask()

        self.assert_all_say((ASK, *GUIDES), "Mã xác nhận gửi cách nhau 5 phút, tối đa 1 lần 1 ngày")
        self.clock.forward(minutes=6)
        self.assertContains(self.ask(client=Client()), "Hôm nay đã hết lượt gửi mã")
        self.assertIn("Đã dùng hết 1 mã trong ngày", self.sentence())
        self.assertContains(self.page_of_an("cap-them-ma/"), "vẫn cách mã trước 5 phút")

    def test_the_life_of_a_code(self):
        with override_settings(OTP_LIFETIME=120):
            self.ask()

            self.assert_all_say(GUIDES[:1], "Mã có hiệu lực 2 phút,")
            self.assertIn("Hieu luc 2 phut", Message.objects.get().text)
            self.assertContains(self.client.get(CODE), "09:02")
            self.clock.forward(minutes=2)
            self.assertContains(self.client.get(CODE), "Mã đã gửi không dùng được nữa")
            self.assertNotEqual(self.guess(newest_code()).url, NEW)

    def test_the_guesses_at_a_code(self):
        change(self, "otp.models", "GUESSES", 3)
        self.ask()

        r = self.guess_wrong(3)

        self.assertContains(self.client.get(r.url), "Đã nhập sai 3 lần nên mã này")
        self.assertContains(self.client.get(CODE), "nhập sai tối đa 3 lần")
        self.assertContains(self.page_of_an(), "nhập sai 3 lần, không dùng được nữa")
        self.assertNotEqual(self.guess(newest_code()).url, NEW)

    def test_the_wrong_guesses_in_a_row(self):
        change(self, "otp.codes.rule", "STREAK", 4)
        self.ask()

        self.guess_wrong(4)

        self.assertIn("nhập sai mã 4 lần liên tiếp", self.sentence())
        self.assertContains(self.page_of_an("mo-lai/"), "nhập sai 4 lần liên tiếp")
        self.assertEqual(alerts.raise_due(), ["guessing"])

    @override_settings(ALERT_EMAILS=["it@example.gov.vn"])
    def test_the_wrong_guesses_in_a_row_of_which_it_is_told(self):
        change(self, "otp.codes.rule", "STREAK", 4)
        self.ask()
        self.guess_wrong(4)

        alerts.raise_due()

        self.assertIn("nhập sai mã 4 lần liên tiếp", Message.objects.latest("pk").text)

    @override_settings(ALERT_EMAILS=["it@example.gov.vn"])
    def test_the_codes_of_a_day_of_which_none_was_used(self):
        change(self, "otp.models", "CODES_A_DAY", 1)
        change(self, "otp.outbox.alerts", "UNUSED_ADDRESSES", 1)
        self.ask()
        Message.objects.update(state="accepted", **ERASED)
        self.clock.forward(minutes=11)

        self.assertIn("unused", alerts.raise_due())

    def test_the_codes_to_one_number(self):
        cap = Limit("sms-number", 1, dt.timedelta(hours=2))
        change(self, "otp.codes.rule", "NUMBER_CAP", cap)
        self.ask()
        self.clock.forward(minutes=6)
        self.assertIn("đã nhận đủ 1 mã trong 2 giờ", self.sentence())

        self.ask(client=Client())

        self.assertContains(self.page_of_an(), "đã nhận quá nhiều mã trong 2 giờ")

    def test_the_digits_of_a_code(self):
        change(self, "otp.codes.rule", "CODE_LENGTH", 8)

        self.ask()

        self.assertEqual(len(newest_code()), 8)
        self.assert_all_say(GUIDES[:1], "nhập đủ 8 số")
        self.assert_all_say(GUIDES[1:], "nhập 8 số vừa nhận")
        self.assertContains(self.client.get(CODE), "8 chữ số trong tin nhắn")
        self.assertContains(self.guess(""), "gồm 8 chữ số")
        self.assertContains(self.guess("123456"), "gồm đúng 8 chữ số")
        self.assertRedirects(self.guess(newest_code()), NEW)


class ProofTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        Brakes.objects.update(proof_of_work=True)

    def test_the_wait_without_a_script(self):
        change(self, "accounts.access.proof_of_work", "WAIT", dt.timedelta(minutes=2))
        r = self.client.get(ASK)
        ticket = re.search(r'name="ticket" value="([^"]+)"', r.content.decode())[1]
        fields = {"address": "an", "ticket": html.unescape(ticket)}

        self.assertContains(r, "hãy chờ 2 phút trên trang này")
        with time_machine.travel(timezone.now() + dt.timedelta(seconds=90)):
            self.assertContains(self.client.post(ASK, fields), "Hãy chờ 2 phút trên trang này")
        with time_machine.travel(timezone.now() + dt.timedelta(seconds=150)):
            self.assertRedirects(self.client.post(ASK, fields), CODE)


class PasswordTests(NumbersTestCase):
    def at_step_three(self):
        self.ask()
        self.guess(newest_code())
        return self.client.get(NEW)

    def test_the_shortest_password(self):
        change(self, "accounts.credentials.policy", "MIN_LENGTH", 10)

        r = self.at_step_three()

        self.assertContains(r, "Cần ít nhất 10 ký tự")
        self.assertContains(r, 'data-min-length="10"')
        self.assert_all_say(GUIDES[:1], "Mật khẩu mới có ít nhất 10 ký tự")
        self.assertContains(self.choose("Tre7-xanh"), "Cần ít nhất 10 ký tự", count=3)
        self.assertRedirects(self.choose("Tre7-xanhs"), "/dang-nhap/")

    def test_the_longest_password(self):
        change(self, "accounts.credentials.policy", "MAX_LENGTH", 18)

        r = self.at_step_three()

        self.assertContains(r, 'data-max-length="18"')
        self.assertContains(self.choose("Cay-khe-truoc-san-9"), "dài quá 18 ký tự")
        self.assertRedirects(self.choose("Cay-khe-truoc-sa-9"), "/dang-nhap/")

    def test_the_password_that_is_advised(self):
        change(self, "accounts.credentials.policy", "ADVISED_LENGTH", 14)

        self.assertContains(self.at_step_three(), "nên dùng từ 14 ký tự")

    def test_the_shortest_password_of_the_staff(self):
        change(self, "accounts.credentials.policy", "STAFF_MIN_LENGTH", 18)
        passwords = {"password": cast.PASSWORD, "new_password1": "Tre7-xanh", "new_password2": ""}

        self.log_in("mai")

        self.assertContains(self.client.get(OWN), "cần mật khẩu ít nhất 18 ký tự. Hãy đổi")
        self.assertContains(self.client.post(OWN, passwords), "cần mật khẩu ít nhất 18 ký tự</")

    def test_the_script_is_told(self):
        script = (settings.BASE_DIR / "static/js/passwords.js").read_text()

        self.assertIn("minLength", script)
        self.assertIn("maxLength", script)
        self.assertNotRegex(script, r"length\s*[<>=!]=*\s*\d")

    def test_the_digits_of_an_app(self):
        change(self, "accounts.credentials.second_factor", "APP_DIGITS", 8)
        Account.objects.create_superuser("an.moi", cast.PASSWORD)
        self.log_in("an.moi")

        r = self.client.get("/dang-nhap/yeu-to-thu-hai/cai-dat/")

        self.assertContains(r, "Nhập mã 8 chữ số")
        self.assertContains(r, "Mã 8 chữ số đang hiện")
        self.assertEqual(self.totp("an.moi").digits, 8)

    def totp(self, name):
        return Account.objects.get(address__startswith=name).totpdevice_set.get()


class DeskTests(NumbersTestCase):
    def test_the_days_of_a_proposal(self):
        self.enterContext(mock.patch.object(PhoneProposal, "LIFE", dt.timedelta(days=2)))
        page = f"/ho-tro/tai-khoan/{self.an.pk}/de-nghi-doi-so/"
        data = {"phone": "0912345678", "evidence": "đã đối chiếu giấy tờ", "ticket": "P-1"}

        lan = self.inside(self.lan)
        r = lan.post(page, data | drawn_from(lan, page), follow=True)

        self.assertContains(r, "Một cán bộ khác phải duyệt trong 2 ngày.")
        self.assertEqual(PhoneProposal.objects.open().count(), 1)
        self.clock.forward(days=2)
        self.assertFalse(PhoneProposal.objects.open().exists())

    @override_settings(ALERT_EMAILS=["it@example.gov.vn"])
    def test_the_look_ups_of_one_person(self):
        many = Limit("lookups", 1, dt.timedelta(hours=2))
        change(self, "accounts.hotline.views", "MANY_LOOKUPS", many)
        self.inside(self.mai)

        for _ in range(2):
            self.desk.post("/ho-tro/", {"words": "nobody at all"})

        self.assertIn("đã tra cứu hơn 1 lần trong 2 giờ", Message.objects.latest("pk").text)

    def test_the_seconds_of_a_whole_number(self):
        change(self, "accounts.hotline.views", "SHOWN_FOR", 45)

        self.assertContains(self.page_of_an("hien-so/"), "hiện trong 45 giây")
        r = self.desk.post(f"/ho-tro/tai-khoan/{self.an.pk}/hien-so/", GROUND)
        self.assertContains(r, "45 giây")
        self.assertTrue(r.headers["Refresh"].startswith("45;"))

    def test_the_digits_of_a_number_that_are_looked_for(self):
        change(self, "accounts.hotline.search", "FEWEST_DIGITS", 5)

        self.assertContains(self.inside(self.mai).get("/ho-tro/"), "cần ít nhất 5 số cuối")
        r = self.desk.post("/ho-tro/", {"words": "6981"})
        self.assertContains(r, "Cần nhập ít nhất 5 số cuối")


class OfficeTests(Office, TestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()
        self.come_in(self.province)

    def plan_of(self, *units, in_days=0):
        day = f"{timezone.localdate() + dt.timedelta(days=in_days):%d/%m/%Y}"
        fields = {"name": "Quý IV", "basis": "Công văn", "first_day": day}
        return self.client.post(
            f"{CAMPAIGNS}moi/", fields | {"units": [unit.pk for unit in units]}, follow=True
        )

    def test_the_units_of_a_campaign(self):
        change(self, "accounts.campaigns.forms", "UNITS_AT_ONCE", 1)

        self.assertContains(self.client.get(f"{CAMPAIGNS}moi/"), "được nhiều nhất 1 đơn vị")
        self.assertContains(self.plan_of(self.department, self.other), "Chọn nhiều nhất 1 đơn vị")
        self.assertFalse(Campaign.objects.exists())

    def test_the_days_of_a_campaign(self):
        change(self, "accounts.models.campaign", "WARNED_BEFORE", (20, 8, 2))

        self.assertContains(
            self.client.get(f"{CAMPAIGNS}moi/"),
            "Nhắc lần hai sau 12 ngày, lần cuối sau 18 ngày, khóa sau 20 ngày.",
        )
        self.assertEqual(Campaign(first_day=dt.date(2026, 11, 1)).lock_day, dt.date(2026, 11, 21))

    def test_how_far_off_a_campaign_may_begin(self):
        change(self, "accounts.campaigns.forms", "FURTHEST", dt.timedelta(days=3))

        self.assertContains(self.plan_of(self.other, in_days=5), "Hãy chọn trong vòng 3 ngày")
        self.assertFalse(Campaign.objects.exists())

    def test_the_size_of_a_file(self):
        change(self, "accounts.spreadsheets.reading", "LARGEST", 1024**2)

        self.assertContains(self.client.get(LOAD), "60000 dòng, 1 MB.")
        file = io.BytesIO(b"a" * (1024**2 + 1))
        file.name = "tai-khoan.csv"
        self.assertContains(self.client.post(LOAD, {"file": file}), "Tệp lớn hơn 1 MB")

    def test_the_spans_of_the_reports(self):
        change(self, "otp.models", "LATELY", dt.timedelta(hours=2))
        change(self, "accounts.reports.codes", "ERRORS_OF", dt.timedelta(days=5))
        change(self, "accounts.reports.help", "WEEKS", 6)
        GatewayState.objects.create(name="a")
        page = f"/ho-tro/tai-khoan/{self.an.pk}/khoa/"
        self.client.post(page, GROUND | drawn_from(self.client, page))

        r = self.client.get(f"{REPORTS}ma/")

        self.assertContains(r, "Lỗi trong 2 giờ qua")
        self.assertContains(r, "Lỗi gửi nhiều nhất trong 5 ngày")
        self.assertContains(self.client.get(f"{REPORTS}ho-tro/"), "6 tuần qua")


class PrivacyTests(NumbersTestCase):
    @override_settings(RETENTION_CODES_DAYS=30)
    def test_the_days_for_which_codes_are_kept(self):
        self.ask()

        self.assert_all_say(["/quyen-rieng-tu/"], "được giữ 30 ngày rồi xóa")
        self.clock.forward(days=31)
        call_command("prune", stdout=io.StringIO())
        self.assertFalse(Code.objects.exists())
