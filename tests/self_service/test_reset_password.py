"""Get a lost password back: the memo's second procedure, and what follows from it."""

from django.conf import settings
from django.test import Client, TestCase

from accounts.credentials.locks import lock
from accounts.models import AuditEvent, Session
from otp.models import Code, Message
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import let_pass

PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
OVER = "Lần lấy lại mật khẩu trước đã hết thời gian hoặc đã xong"

# The memo's own words: what people have on paper in front of them.
LOGIN_WORDS = (
    "Tên đăng nhập",
    "Mật khẩu",
    "Đăng nhập",
    "Quên mật khẩu",
    "Hướng dẫn sử dụng",
    "Hướng dẫn cài đặt với Outlook",
    "Thông báo:",
    "Hotline: 0219.350 1038 ( Phòng kỹ thuật nghiệp vụ - Trung tâm CNTT&amp;TT)",
)
ASK_WORDS = (
    "Nhập địa chỉ thư điện tử công vụ",
    "dia_chi_mail@hagiang.gov.vn",
    "Mã xác nhận gửi cách nhau 5 phút, tối đa 2 lần 1 ngày!",
    "Tiếp tục",
    "Quay lại mail",
)
CODE_WORDS = (
    "Nhập mã xác thực",
    "Mã xác nhận đã được gửi về số điện thoại ***466981",
    "Xác thực",
)
NEW_WORDS = ("Nhập mật khẩu", "Nhập lại mật khẩu", "Đổi mật khẩu")


class ResetPasswordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_the_memo_in_full(self):
        self.assertEqual(self.ask("an").url, CODE)
        self.assertContains(self.client.get(CODE), "***466981")
        self.assertEqual(self.guess(newest_code()).url, NEW)
        self.assertEqual(self.choose().url, LOGIN)
        self.assertContains(self.client.get(LOGIN), "Đã đổi mật khẩu")

        self.assertEqual(self.log_in(password=NEW_PASSWORD).url, "/")

    def test_step_4_says_so_in_its_title_and_has_the_name_filled_in(self):
        self.ask("An@hagiang.gov.vn")
        self.guess(newest_code())
        self.choose()

        r = self.client.get(LOGIN)

        self.assertContains(r, "<title>Đăng nhập - Đã đổi mật khẩu")
        self.assertEqual(r.context["form"]["username"].value().lower(), "an@hagiang.gov.vn")

    def test_the_old_password_stops(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        r = self.log_in(password=PASSWORD)

        self.assertContains(r, "Tên đăng nhập hoặc mật khẩu chưa đúng")

    def test_the_pages_speak_the_words_of_the_memo(self):
        for page, go_on, words in (
            (LOGIN, lambda: None, LOGIN_WORDS),
            (ASK, self.ask, ASK_WORDS),
            (CODE, lambda: self.guess(newest_code()), CODE_WORDS),
            (NEW, self.choose, NEW_WORDS),
        ):
            r = self.client.get(page)
            for word in words:
                with self.subTest(page=page, word=word):
                    self.assertContains(r, word)
            go_on()

    def test_nobody_is_logged_in_by_it(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.assertRedirects(self.client.get("/"), f"{LOGIN}?next=/")

    def test_a_refused_password_costs_nothing(self):
        self.ask()
        self.guess(newest_code())

        for password, sentence in (
            ("", "Hãy nhập mật khẩu mới."),
            ("ngan", "Cần ít nhất 8 ký tự"),
            ("Hagiang@2021", "Mật khẩu dựa trên tên hoặc từ quen thuộc của địa phương (hagiang)"),
            ("Mậtkhẩu@1", "hãy tắt bộ gõ tiếng Việt"),
            ("Lyvanan@1990", "Mật khẩu dựa trên tên, địa chỉ thư hoặc đơn vị của bạn"),
            ("Xa-466981-Yen", "Mật khẩu chứa số điện thoại của bạn"),
            ("xK9$mQ2v" * 16 + "x", "Mật khẩu dài quá 128 ký tự"),
        ):
            with self.subTest(password=password):
                r = self.choose(password)

                self.assertContains(r, sentence)
                self.assertContains(r, "<title>Lỗi: Nhập mật khẩu mới")
                self.assertTrue(not password or password not in r.content.decode())
        self.assertRedirects(self.choose(), LOGIN)

    def test_all_broken_rules_are_named_at_once(self):
        self.ask()
        self.guess(newest_code())

        r = self.choose("â")

        for rule in ("8 ký tự", "1 chữ in hoa", "1 chữ thường", "1 chữ số", "1 ký tự đặc biệt"):
            with self.subTest(rule=rule):
                # In the list of rules, in the summary and at the field.
                self.assertContains(r, f"Cần ít nhất {rule}", count=3)

    def test_two_different_passwords_are_refused(self):
        self.ask()
        self.guess(newest_code())

        r = self.client.post(NEW, {"new_password1": NEW_PASSWORD, "new_password2": PASSWORD})

        self.assertContains(r, "Hai mật khẩu chưa giống nhau")
        self.assertRedirects(self.choose(), LOGIN)

    def test_a_double_click_does_no_harm(self):
        self.ask()
        self.guess(newest_code())

        for _ in range(2):
            self.assertRedirects(self.choose(), LOGIN)

        self.assertEqual(AuditEvent.objects.filter(event="password-reset").count(), 1)
        self.assertEqual(Message.objects.filter(code=None).count(), 2)
        self.assertContains(self.client.get(LOGIN), "Quên mật khẩu")

    def test_a_used_grant_sets_no_second_password(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        r = self.choose("Mot-cau-khac-han-8")

        self.assertRedirects(r, ASK, fetch_redirect_response=False)
        self.assertContains(self.client.get(ASK), OVER)
        self.assertEqual(self.log_in(password=NEW_PASSWORD).url, "/")

    def test_back_to_a_step_that_is_done_does_nothing(self):
        self.ask()
        self.guess(newest_code())
        self.assertRedirects(self.client.get(CODE), NEW)
        self.assertRedirects(self.ask(), NEW)
        self.choose()

        self.assertRedirects(self.client.get(NEW), LOGIN)

    def test_the_account_is_the_one_the_code_was_asked_for_whatever_the_form_says(self):
        edits = {
            "address": "binh@hagiang.gov.vn",
            "email": "binh@hagiang.gov.vn",
            "user_id": self.binh.pk,
            "account": self.binh.pk,
            "is_staff": "1",
        }
        self.ask()
        self.client.post(CODE, {"code": newest_code()} | edits)

        self.client.post(
            NEW, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD} | edits
        )

        self.an.refresh_from_db()
        self.binh.refresh_from_db()
        self.assertTrue(self.an.check_password(NEW_PASSWORD))
        self.assertFalse(self.an.is_staff)
        self.assertTrue(self.binh.check_password(PASSWORD))

    def test_an_account_that_is_closed_on_the_way_keeps_its_password(self):
        def disable():
            self.an.is_active = False
            self.an.save()

        for name, close in (("locked", lambda: lock(self.an, actor=self.binh)), ("off", disable)):
            with self.subTest(name):
                self.ask()
                self.guess(newest_code())
                close()

                r = self.choose()

                self.assertRedirects(r, ASK, fetch_redirect_response=False)
                self.assertContains(self.client.get(ASK), OVER)
                self.an.refresh_from_db()
                self.assertTrue(self.an.check_password(PASSWORD))
                # And the next try is a new one, not the same dead end again.
                let_pass(self, minutes=6)
                self.assertRedirects(self.ask(), CODE)
            self.set_up_again()

    def set_up_again(self):
        let_pass(self, days=2)
        self.client = Client()
        type(self.an).objects.filter(pk=self.an.pk).update(locked_at=None, is_active=True)
        self.an.refresh_from_db()

    def test_it_replaces_a_default_password(self):
        type(self.an).objects.update(has_default_password=True)
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.log_in(password=NEW_PASSWORD)

        self.assertContains(self.client.get("/"), "Trang chủ")

    def test_somebody_who_is_logged_in_can_do_it_too_and_is_logged_out(self):
        self.log_in()
        self.ask()
        self.guess(newest_code())

        r = self.choose()

        self.assertRedirects(r, LOGIN)
        self.assertEqual(self.log_in(password=NEW_PASSWORD).url, "/")

    def test_the_session_gets_a_new_key_with_the_right_code(self):
        self.ask()
        stolen = Client()
        stolen.cookies[settings.SESSION_COOKIE_NAME] = self.client.cookies[
            settings.SESSION_COOKIE_NAME
        ].value

        self.guess(newest_code())

        self.assertRedirects(self.choose(client=stolen), ASK, fetch_redirect_response=False)
        self.assertRedirects(self.choose(), LOGIN)


class AfterAResetTests(cast.Cast, TestCase):
    """PR-01 to PR-06."""

    def setUp(self):
        self.set_up_people()

    def reset(self, client=None):
        self.ask("an", client)
        self.guess(newest_code(), client)
        return self.choose(client=client)

    def test_every_session_ends(self):
        phone, office = Client(), Client()
        for browser in (phone, office):
            self.log_in(client=browser)

        self.reset()

        self.assertFalse(Session.objects.filter(account=self.an).exists())
        for browser in (phone, office):
            self.assertRedirects(browser.get("/"), f"{LOGIN}?next=/")

    def test_a_stranger_s_session_goes_on(self):
        other = Client()
        self.log_in("binh", client=other)

        self.reset()

        self.assertEqual(other.get("/").status_code, 200)

    def test_the_person_is_told_by_sms_and_by_mail(self):
        self.reset()

        sms, mail = Message.objects.filter(code=None).order_by("-channel")
        self.assertEqual((sms.channel, sms.to), ("sms", "+84987466981"))
        self.assertIn("Mat khau thu dien tu cua ban vua duoc thay doi luc", sms.text)
        self.assertIn("0219.350 1038", sms.text)
        self.assertEqual((mail.channel, mail.to), ("mail", "an@hagiang.gov.vn"))
        self.assertIn("Mật khẩu của hộp thư này vừa được thay đổi lúc", mail.text)
        self.assertIn("quy tắc chuyển tiếp thư", mail.text)
        for message in (sms, mail):
            self.assertIn("khong phai ban" if message is sms else "không phải bạn", message.text)
            self.assertNotIn("://", message.text)
            self.assertNotIn(NEW_PASSWORD, message.text)

    def test_the_notice_is_no_code_and_takes_no_place_in_the_day(self):
        self.ask("an", Client())
        let_pass(self, minutes=5, seconds=1)

        self.reset()

        self.assertEqual(Code.objects.count(), 2)
        self.assertEqual(Message.objects.filter(code=None, state="queued").count(), 2)

    def test_a_recovery_begun_elsewhere_ends(self):
        elsewhere = Client()
        self.ask("an", elsewhere)
        self.guess(newest_code(), elsewhere)
        let_pass(self, minutes=5, seconds=1)

        self.reset()

        self.assertRedirects(
            self.choose("Mot-cau-khac-han-8", elsewhere), ASK, fetch_redirect_response=False
        )
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(NEW_PASSWORD))

    def test_a_code_that_was_not_typed_yet_dies_too(self):
        self.reset()
        let_pass(self, minutes=5, seconds=1)
        self.ask("an", elsewhere := Client())
        code = newest_code()
        self.log_in(password=NEW_PASSWORD)
        data = {"new_password1": PASSWORD, "new_password2": PASSWORD}
        self.client.post("/cau-hinh/mat-khau/", data | {"password": NEW_PASSWORD})

        r = elsewhere.post(CODE, {"code": code}, follow=True)

        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng")

    def test_a_change_of_phone_under_way_is_called_off(self):
        thief = Client()
        self.log_in(client=thief)
        thief.post(PHONE, {"phone": "0912 345 671"})
        code = newest_code()

        self.reset()

        self.log_in(client=thief, password=NEW_PASSWORD)
        thief.post(f"{PHONE}xac-thuc/", {"code": code})
        self.an.refresh_from_db()
        self.assertEqual((self.an.phone, self.an.new_phone), ("+84987466981", ""))

    def change_phone(self):
        self.log_in()
        self.client.post(PHONE, {"phone": "0912 345 671"})
        self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()})
        self.client = Client()
        Message.objects.all().delete()

    def test_soon_after_a_change_of_phone_the_old_number_is_warned_too(self):
        self.change_phone()
        let_pass(self, hours=71, minutes=59)

        self.reset()

        told = Message.objects.filter(code=None, channel="sms").order_by("pk")
        self.assertEqual([message.to for message in told], ["+84912345671", "+84987466981"])
        self.assertIn("duoc dat lai", told[1].text)
        self.assertIn("so dien thoai moi cap nhat", told[1].text)
        alert = AuditEvent.objects.get(event="reset-after-phone")
        self.assertEqual(alert.account, self.an)

    def test_after_three_days_only_the_new_number_is_told(self):
        self.change_phone()
        let_pass(self, hours=72, minutes=1)

        self.reset()

        told = Message.objects.filter(code=None, channel="sms")
        self.assertEqual([message.to for message in told], ["+84912345671"])
        self.assertFalse(AuditEvent.objects.filter(event="reset-after-phone").exists())

    def test_it_is_on_record_with_its_method_and_caller(self):
        self.reset()

        event = AuditEvent.objects.get(event="password-reset")
        self.assertEqual((event.account, event.actor, event.ok), (self.an, self.an, True))
        self.assertEqual(event.client, "127.0.0.1")
        self.assertTrue(event.request_id)
        self.assertNotIn(NEW_PASSWORD, str(event.detail))
