"""Keep the phone number current: the memo's first procedure, and the code that completes it."""

import re

from django.test import Client, TestCase, override_settings

from accounts.models import Account, AuditEvent
from accounts.self_service.phone_change import AlreadyInForce, PhoneChange
from otp.models import Code, Message
from tests.support import cast
from tests.support.cast import CODE, PASSWORD, newest_code, queued, wrong_code
from tests.support.clock import Clock, let_pass

PROFILE = "/cau-hinh/thong-tin/"
AN = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
AN_CODE = f"{AN}xac-thuc/"
BINH = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"

NEW_PHONE = "+84912345671"


class Caller(cast.Cast):
    """An, who has a number and is logged in."""

    def setUp(self):
        self.set_up_people()
        self.log_in()

    def save(self, phone="0912 345 671", **data):
        return self.client.post(AN, {"phone": phone, **data})

    def confirm(self, code=None):
        return self.client.post(AN_CODE, {"code": code or newest_code()})

    def assert_phone(self, phone, new=""):
        self.an.refresh_from_db()
        self.assertEqual((self.an.phone, self.an.new_phone), (phone, new))


class UpdatePhoneTests(Caller, TestCase):
    def test_the_memo_in_full(self):
        self.assertContains(self.client.get("/"), "Thiết lập cấu hình")
        self.assertContains(self.client.get("/cau-hinh/"), "Thông tin người dùng")
        self.assertContains(self.client.get(PROFILE), f'href="{AN}"')
        page = self.client.get(AN)
        self.assertContains(page, "Số điện thoại")
        self.assertContains(page, "Lưu")
        self.assertRedirects(self.save(), AN_CODE)
        page = self.client.get(AN_CODE)
        self.assertContains(page, "Mã xác nhận đã được gửi về số điện thoại ***345671")
        self.assertContains(page, "Xác thực")

        r = self.client.post(AN_CODE, {"code": newest_code()}, follow=True)

        self.assertContains(r, "Đã cập nhật số điện thoại")
        self.assertContains(r, "***345671")
        self.assert_phone(NEW_PHONE)

    def test_the_code_goes_to_the_new_number(self):
        self.save()

        (message,) = Message.objects.filter(state="queued")
        self.assertEqual(message.to, NEW_PHONE)
        self.assertIn("Ma xac thuc so dien thoai", message.text)

    def test_until_the_code_came_back_the_old_number_stays_in_force(self):
        self.save()

        self.assert_phone("+84987466981", new=NEW_PHONE)
        for page in ("/", "/cau-hinh/", PROFILE):
            r = self.client.get(page)
            self.assertContains(r, "***345671</span> chưa được xác thực")
            self.assertContains(r, "***466981</span> vẫn còn hiệu lực")
        self.ask("an", browser := Client())
        self.assertContains(browser.get(CODE), "***466981")
        self.assertEqual(Message.objects.latest("pk").to, "+84987466981")

    def test_the_new_number_gets_the_next_recovery(self):
        self.save()
        self.confirm()

        self.ask("an", browser := Client())

        self.assertContains(browser.get(CODE), "***345671")
        self.assertEqual(Message.objects.latest("pk").to, NEW_PHONE)

    def test_a_recovery_begun_with_the_old_number_ends(self):
        self.ask("an", browser := Client())
        self.guess(newest_code(), browser)
        self.save()
        self.confirm()

        self.choose(client=browser)

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_the_old_number_and_the_mailbox_are_told(self):
        self.save()
        self.confirm()

        sms, mail = Message.objects.filter(code=None).order_by("-channel")
        self.assertEqual((sms.channel, sms.to), ("sms", "+84987466981"))
        self.assertIn("So dien thoai nhan ma", sms.text)
        self.assertIn("Neu khong phai ban, goi ngay 0219.350 1038", sms.text)
        self.assertEqual((mail.channel, mail.to), ("mail", "an@hagiang.gov.vn"))
        self.assertIn("***345671", mail.text)
        self.assertIn("Nếu không phải bạn làm, hãy gọi ngay 0219.350 1038", mail.text)

    def test_a_first_number_is_told_to_the_mailbox_and_listed(self):
        binh = Client()
        self.log_in("binh", client=binh)
        self.assertContains(binh.get("/"), "Chưa có số điện thoại")
        binh.post(BINH, {"phone": "0912 345 671"})

        binh.post(f"{BINH}xac-thuc/", {"code": newest_code()})

        (told,) = Message.objects.filter(code=None)
        self.assertEqual((told.channel, told.to), ("mail", "binh@hagiang.gov.vn"))
        self.assertEqual(AuditEvent.objects.get(event="phone-first").account, self.binh)
        self.assertNotContains(binh.get("/"), "Chưa có số điện thoại")

    def test_an_unconfirmed_number_is_confirmed_by_typing_it_again(self):
        Account.objects.filter(pk=self.an.pk).update(phone_confirmed_at=None)
        self.assertContains(self.client.get("/"), "***466981</span> chưa được xác thực")
        self.save("0987 466 981")

        self.confirm()

        self.an.refresh_from_db()
        self.assertTrue(self.an.phone_is_confirmed)
        self.assertIsNone(self.an.phone_changed_at)
        self.assertFalse(Message.objects.filter(code=None).exists())
        self.assertNotContains(self.client.get("/"), "chưa được xác thực")

    def test_the_number_in_force_need_not_be_saved_again(self):
        r = self.save("+84 987.466.981")

        self.assertContains(r, "Số này đang được dùng và đã xác thực, không cần nhập lại.")
        self.assertFalse(Code.objects.exists())

    def test_a_change_is_on_record_without_the_number(self):
        self.save()
        self.confirm()

        events = AuditEvent.objects.filter(account=self.an, event__startswith="phone")
        self.assertEqual(
            list(events.order_by("pk").values_list("event", flat=True)),
            ["phone-asked", "phone-changed"],
        )
        for event in AuditEvent.objects.all():
            self.assertNotIn("345671", str(event.detail) + event.reason)

    def test_the_number_before_two_quick_changes_is_still_warned(self):
        self.save()
        self.confirm()
        let_pass(self, minutes=6)
        self.save("0912 345 679")
        self.confirm()

        self.an.refresh_from_db()
        self.assertEqual((self.an.old_phone, self.an.phone), ("+84987466981", "+84912345679"))

    def test_typing_the_old_number_calls_a_change_off(self):
        self.save()

        with self.assertRaises(AlreadyInForce):
            PhoneChange.start(self.client.session, self.an, "+84987466981")

        self.assert_phone("+84987466981")


@override_settings(PHONE_CONFIRMATION=False)
class WithoutConfirmationTests(Caller, TestCase):
    """The memo's own, shorter way."""

    def test_the_number_counts_at_once(self):
        r = self.client.post(AN, {"phone": "0912 345 671"}, follow=True)

        self.assertContains(r, "Đã lưu số điện thoại.")
        self.assert_phone(NEW_PHONE)
        self.assertFalse(Code.objects.exists())
        self.ask("an", browser := Client())
        self.assertRedirects(self.guess(newest_code(), browser), "/quen-mat-khau/mat-khau-moi/")

    def test_the_old_number_and_the_mailbox_are_told_all_the_same(self):
        self.save()

        told = Message.objects.filter(code=None).order_by("-channel")
        self.assertEqual([each.to for each in told], ["+84987466981", "an@hagiang.gov.vn"])

    def test_nobody_has_confirmed_it(self):
        self.save()

        self.an.refresh_from_db()
        self.assertFalse(self.an.phone_is_confirmed)
        self.assertNotContains(self.client.get("/"), "chưa được xác thực")


class SpellingTests(Caller, TestCase):
    """facts.md's table, through the page."""

    def test_any_spelling_of_a_mobile_number_is_understood(self):
        for typed, phone in (
            ("0912466981", "+84912466981"),
            ("+84 912.466.981", "+84912466981"),
            ("84912466981", "+84912466981"),
            ("0084912466981", "+84912466981"),
            ("0912-466-981", "+84912466981"),
            (" (0912) 466 981 ", "+84912466981"),
            ("０９１２４６６９８１", "+84912466981"),
            ("0528123456", "+84528123456"),
            ("0559123456", "+84559123456"),
            ("0871234567", "+84871234567"),
            ("0599123456", "+84599123456"),
            ("0993123456", "+84993123456"),
        ):
            with self.subTest(typed=typed):
                Code.objects.all().delete()

                self.assertRedirects(self.save(typed), AN_CODE)

                self.assert_phone("+84987466981", new=phone)

    def test_what_cannot_be_used_is_refused_with_the_reason(self):
        sms = "Số này không nhận được SMS. Hãy nhập số điện thoại di động."
        foreign = "Chỉ gửi mã đến số di động Việt Nam."
        mobile = "Số này không phải số di động Việt Nam."
        for typed, sentence in (
            ("", "Hãy nhập số điện thoại di động của bạn."),
            ("091246698", "Số điện thoại còn thiếu 1 chữ số."),
            ("09124669811", "Số điện thoại thừa 1 chữ số."),
            ("02193866999", sms),
            ("19001234", sms),
            ("1800123456", sms),
            ("0672012345", sms),
            ("+85512345678", foreign),
            ("+12025550123", foreign),
            ("0160123456", mobile),
            ("121012345", mobile),
            ("số của tôi", mobile),
            ("0" * 100, mobile),
        ):
            with self.subTest(typed=typed[:20]):
                r = self.save(typed)

                self.assertContains(r, sentence, count=2)
                self.assertContains(r, "<title>Lỗi: Cập nhật số điện thoại")
        self.assertFalse(Code.objects.exists())

    def test_an_old_number_is_offered_in_its_new_form(self):
        page = self.save("0169 567 8945")

        self.assertContains(page, "hãy dùng 0395678945", count=2)
        self.assertContains(page, "Dùng số 0395678945")
        # The button stands in the same form: the browser sends the typed number first.
        r = self.client.post(AN, {"phone": ["0169 567 8945", "0395678945"]})
        self.assertRedirects(r, AN_CODE)
        self.assert_phone("+84987466981", new="+84395678945")

    def test_what_was_typed_stays_to_be_mended(self):
        self.assertContains(self.save("091246698"), 'value="091246698"')


class PhoneCodeTests(Caller, TestCase):
    def test_saving_twice_sends_one(self):
        for _ in range(3):
            self.assertRedirects(self.save(), AN_CODE)

        self.assertEqual(queued(), 1)

    def test_another_number_within_five_minutes_is_told_when(self):
        clock = Clock(self, 2026, 3, 2, 9, 30)
        self.log_in()
        self.save()
        clock.to(2026, 3, 2, 9, 34, 59)

        r = self.save("0912 345 672")

        self.assertContains(r, '<strong class="nowrap">09:35</strong>')
        self.assert_phone("+84987466981", new=NEW_PHONE)
        clock.to(2026, 3, 2, 9, 35)
        self.assertRedirects(self.save("0912 345 672"), AN_CODE)
        clock.to(2026, 3, 2, 9, 40)
        r = self.save("0912 345 673")
        self.assertContains(r, "Hôm nay đã hết lượt gửi mã")
        self.assertContains(r, '<strong class="nowrap">00:00</strong>')
        self.assertContains(r, "03/03/2026")

    def test_recovery_and_phone_are_counted_apart(self):
        self.save()

        self.assertRedirects(self.ask(), CODE)
        self.assertEqual(queued(), 2)

    def test_wrong_codes_are_counted_and_the_sixth_fails_even_if_right(self):
        self.save()
        for left in (4, 3, 2, 1):
            self.assertContains(self.confirm(wrong_code()), f"còn {left} lần nhập")
        self.confirm(wrong_code())

        self.client.post(AN_CODE, {"code": newest_code()})

        self.assert_phone("+84987466981", new=NEW_PHONE)
        self.assertContains(self.client.get(AN_CODE), "Nhập lại số để gửi mã mới")

    def test_a_code_used_up_by_wrong_tries_does_not_come_back(self):
        self.save()
        for _ in range(5):
            self.confirm(wrong_code())

        self.assertContains(self.save(), "Chưa gửi mã mới")
        self.assertContains(self.client.get(AN_CODE), "Nhập lại số để gửi mã mới")

    def test_a_code_that_ran_out_does_not_count(self):
        self.save()
        let_pass(self, minutes=5, seconds=1)

        r = self.client.post(AN_CODE, {"code": newest_code()}, follow=True)

        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng")
        self.assert_phone("+84987466981", new=NEW_PHONE)

    def test_a_code_works_only_in_the_browser_that_asked(self):
        self.save()
        self.log_in(client=(other := Client()))

        r = other.post(AN_CODE, {"code": newest_code()})

        self.assertRedirects(r, AN)
        self.assert_phone("+84987466981", new=NEW_PHONE)

    def test_what_is_not_six_digits_costs_no_try(self):
        self.save()

        for typed in ("", "12345", "1234567", "abcdef"):
            self.confirm(typed or " ")

        self.assertEqual(Code.objects.get().attempts, 0)

    def test_a_second_number_replaces_the_first_in_another_tab(self):
        self.save()
        code, step = newest_code(), self.step()
        let_pass(self, minutes=5, seconds=1)
        self.save("0912 345 672")

        r = self.client.post(AN_CODE, {"code": code, "step": step})

        self.assertContains(r, "Bạn đã thực hiện một yêu cầu khác")
        self.assert_phone("+84987466981", new="+84912345672")

    def step(self):
        return re.search(r'name="step" value="([^"]+)"', self.client.get(AN_CODE).content.decode())[
            1
        ]

    def test_a_code_confirms_only_the_number_it_went_to(self):
        self.save()
        Account.objects.filter(pk=self.an.pk).update(new_phone="+84912345679")

        self.confirm()

        self.assert_phone("+84987466981", new="+84912345679")
