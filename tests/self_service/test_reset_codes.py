"""The code of a recovery: who may type it in, how often, until when, and when there is another."""

from django.test import Client, TestCase, override_settings

from accounts.models import AuditEvent
from otp.models import Code, Message, Meter
from tests.support import cast
from tests.support.cast import (
    ASK,
    CODE,
    LOGIN,
    NEW,
    PASSWORD,
    PASTED,
    newest_code,
    queued,
    wrong_code,
)
from tests.support.clock import Clock, let_pass

REFUSED = "Chưa gửi mã mới"
SPENT = "Hôm nay đã hết lượt gửi mã"


class AskingTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_any_spelling_of_the_address_is_the_same_address(self):
        for typed in ("an", " An ", "AN@HAGIANG.GOV.VN", "an@hagiang.gov.vn", "ａｎ", PASTED):
            with self.subTest(typed=typed):
                browser = Client()
                let_pass(self, days=2)

                self.ask(typed, browser)

                self.assertContains(browser.get(CODE), "***466981")
                self.assertContains(browser.get(CODE), "an@hagiang.gov.vn")

    def test_what_is_no_address_of_the_office_is_said_and_asks_for_nothing(self):
        for typed, sentence in (
            ("", "Hãy nhập địa chỉ thư điện tử công vụ của bạn."),
            ("   ", "Hãy nhập địa chỉ thư điện tử công vụ của bạn."),
            ("an@", "Địa chỉ thư điện tử viết chưa đúng."),
            ("a n", "Địa chỉ thư điện tử viết chưa đúng."),
            ("an@hagiang.gov.vn@x", "Chỉ nhận địa chỉ thư công vụ có đuôi @hagiang.gov.vn."),
            ("an@gmail.com", "Chỉ nhận địa chỉ thư công vụ có đuôi @hagiang.gov.vn."),
            ("аn", "Địa chỉ thư điện tử viết chưa đúng."),  # a Cyrillic а
            ("an\x00", "Địa chỉ thư điện tử viết chưa đúng."),
            ("an\r\nBcc: x", "Địa chỉ thư điện tử viết chưa đúng."),
            ("a" * 10_000, "Địa chỉ thư điện tử viết chưa đúng."),
        ):
            with self.subTest(typed=typed[:20]):
                r = self.ask(typed)

                self.assertContains(r, sentence)
                self.assertContains(r, "<title>Lỗi: Nhập địa chỉ thư điện tử công vụ")
        self.assertFalse(Code.objects.exists())

    def test_a_machine_that_fills_in_every_field_asks_for_nothing(self):
        r = self.client.post(ASK, {"address": "an", "website": "https://example.com"})

        self.assertContains(r, "Hãy tải lại trang và nhập lại")
        self.assertFalse(Code.objects.exists())

    def test_looking_at_a_page_sends_nothing_and_checks_nothing(self):
        self.ask()
        code = newest_code()

        for page in (ASK, CODE, NEW):
            for look in (self.client.get, self.client.head):
                look(page, {"address": "binh", "code": code, "new_password1": PASSWORD})

        self.assertEqual(Code.objects.get().attempts, 0)
        self.assertEqual(queued(), 1)

    def test_asking_again_in_the_same_browser_shows_step_2_again_and_sends_nothing(self):
        self.ask()
        code = newest_code()

        for _ in range(10):
            self.assertEqual(self.ask().url, CODE)
            self.client.get(CODE)

        self.assertEqual(queued(), 1)
        self.assertRedirects(self.guess(code), NEW)

    def test_back_to_step_1_loses_nothing(self):
        self.ask()

        r = self.client.get(ASK)

        self.assertContains(r, 'value="an@hagiang.gov.vn"')

    def test_another_browser_is_told_exactly_when(self):
        clock = Clock(self, 2026, 3, 2, 9, 30)
        self.ask()
        clock.to(2026, 3, 2, 9, 34, 59)

        r = self.ask("an", Client())

        self.assertContains(r, REFUSED)
        self.assertContains(r, '<strong class="nowrap">09:35</strong>')
        self.assertContains(r, "02/03/2026")
        self.assertContains(r, "0219.350 1038")
        self.assertEqual(queued(), 1)

    def test_the_second_code_comes_after_five_minutes(self):
        clock = Clock(self, 2026, 3, 2, 9, 30)
        self.ask()
        clock.to(2026, 3, 2, 9, 35)

        r = self.ask("an", Client())

        self.assertRedirects(r, CODE, fetch_redirect_response=False)
        self.assertEqual(queued(), 2)

    def test_there_are_two_a_day_and_then_tomorrow(self):
        clock = Clock(self, 2026, 3, 2, 9, 30)
        for _ in range(2):
            self.assertEqual(self.ask("an", Client()).url, CODE)
            clock.forward(minutes=5)

        for hours in (0, 1, 14):
            with self.subTest(hours=hours):
                clock.to(2026, 3, 2, 9 + hours, 45)

                r = self.ask("an", Client())

                self.assertContains(r, SPENT)
                self.assertContains(r, '<strong class="nowrap">00:00</strong>')
                self.assertContains(r, "03/03/2026")
                self.assertContains(r, "0219.350 1038")
        clock.to(2026, 3, 3, 0, 0)
        self.assertEqual(self.ask("an", Client()).url, CODE)

    def test_the_five_minutes_hold_across_midnight(self):
        clock = Clock(self, 2026, 3, 2, 23, 50)
        self.ask("an", Client())
        clock.to(2026, 3, 2, 23, 56, 1)
        self.ask("an", Client())

        clock.to(2026, 3, 3, 0, 0, 30)
        r = self.ask("an", Client())

        self.assertContains(r, '<strong class="nowrap">00:01</strong>')
        self.assertContains(r, "03/03/2026")
        clock.to(2026, 3, 3, 0, 1, 1)
        self.assertEqual(self.ask("an", Client()).url, CODE)

    def test_step_2_says_until_when_and_when_again_and_how_many_are_left(self):
        clock = Clock(self, 2026, 3, 2, 23, 50)
        self.ask()

        r = self.client.get(CODE)

        self.assertContains(r, 'Mã có hiệu lực đến <strong class="nowrap">23:55</strong>')
        self.assertContains(r, '<strong class="nowrap">23:55</strong> (còn 1 lần hôm nay)')
        clock.to(2026, 3, 2, 23, 55)
        self.assertContains(self.client.get(CODE), "Gửi lại được ngay bây giờ")
        self.ask()
        r = self.client.get(CODE)
        self.assertContains(r, 'Mã có hiệu lực đến <strong class="nowrap">00:00</strong>')
        self.assertContains(r, SPENT)

    def test_after_midnight_step_2_counts_what_is_left_of_the_new_day(self):
        clock = Clock(self, 2026, 3, 2, 23, 50)
        self.ask()
        clock.to(2026, 3, 2, 23, 58)
        self.ask()
        self.assertContains(self.client.get(CODE), SPENT)

        clock.to(2026, 3, 3, 0, 1)

        r = self.client.get(CODE)
        self.assertContains(r, '<strong class="nowrap">00:03</strong> (còn 2 lần hôm nay)')

    def test_the_button_of_step_2_sends_another_when_it_is_time(self):
        self.ask()
        self.assertContains(self.client.get(CODE), "Gửi lại mã")
        let_pass(self, minutes=5, seconds=1)

        self.ask("an@hagiang.gov.vn")

        self.assertEqual(queued(), 2)
        self.assertRedirects(self.guess(newest_code()), NEW)

    def test_an_older_code_no_longer_works(self):
        self.ask()
        older = newest_code()
        let_pass(self, minutes=5, seconds=1)
        self.ask()

        r = self.guess(older)

        self.assertContains(r, "Hãy xem lại tin nhắn mới nhất; còn 4 lần nhập.")


class GuessingTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.ask()

    def ask_anew(self):
        Code.objects.all().delete()
        Meter.objects.all().delete()
        self.client = Client()
        self.ask()

    def test_a_code_may_be_typed_with_what_people_put_between_digits(self):
        for shape in (
            " {}{}{}-{}{}{} ",
            "{}{}{} {}{}{}",
            "{}{}.{}{}.{}{}",
            "\u202d{}{}{}{}{}{}\u202c",
        ):
            with self.subTest(shape=shape):
                self.assertRedirects(self.guess(shape.format(*newest_code())), NEW)
                self.ask_anew()

    def test_full_width_digits_are_digits(self):
        wide = "".join(chr(ord("０") + int(digit)) for digit in newest_code())

        self.assertRedirects(self.guess(f"{wide[:3]}\u3000{wide[3:]}"), NEW)

    @override_settings(RATELIMIT_ENABLE=False)
    def test_leading_zeros_count(self):
        for _ in range(500):
            if newest_code().startswith("0"):
                break
            self.ask_anew()
        code = newest_code()

        r = self.guess(code.lstrip("0"))

        self.assertContains(r, "Mã xác thực gồm đúng 6 chữ số")
        self.assertRedirects(self.guess(code), NEW)

    def test_what_is_not_six_digits_costs_no_try(self):
        for typed in (
            "",
            " ",
            "12345",
            "1234567",
            "12345a",
            "abcdef",
            "12 34",
            "１２３４５",
            "½23456",
        ):
            with self.subTest(typed=typed):
                r = self.guess(typed)

                self.assertContains(r, "<title>Lỗi: Nhập mã xác thực")
                self.assertContains(r, "Hãy nhập mã xác thực" if not typed.strip() else "6 chữ số")
        self.assertEqual(Code.objects.get().attempts, 0)

    def test_wrong_tries_are_counted_down_and_the_sixth_fails_even_if_right(self):
        right, wrong = newest_code(), wrong_code()

        for left in (4, 3, 2, 1):
            self.assertContains(
                self.guess(wrong),
                f"Mã chưa đúng. Hãy xem lại tin nhắn mới nhất; còn {left} lần nhập.",
            )
        r = self.client.post(CODE, {"code": wrong}, follow=True)

        self.assertContains(r, "Đã nhập sai 5 lần nên mã này không dùng được nữa")
        self.assertNotContains(r, 'name="code"')
        r = self.client.post(CODE, {"code": right}, follow=True)
        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng")
        self.assertEqual(self.client.get(NEW).url, CODE)

    def test_a_code_used_up_by_wrong_tries_does_not_come_back(self):
        for _ in range(5):
            self.guess(wrong_code())

        r = self.ask()

        self.assertEqual(r.status_code, 200)
        self.assertContains(r, "Chưa gửi mã mới")
        self.assertNotContains(self.client.get(CODE), 'name="code"')

    def test_the_fifth_try_may_be_right(self):
        for _ in range(4):
            self.guess(wrong_code())

        self.assertRedirects(self.guess(newest_code()), NEW)

    def test_a_code_works_once(self):
        code = newest_code()
        self.guess(code)
        self.choose()

        r = self.client.post(CODE, {"code": code}, follow=True)

        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng")
        self.assertEqual(self.client.get(NEW).url, LOGIN)

    def test_a_right_code_sent_twice_goes_on(self):
        code = newest_code()
        self.guess(code)

        self.assertRedirects(self.guess(code), NEW)

    def test_a_code_is_not_given_back_to_the_page(self):
        r = self.guess("123")

        self.assertNotContains(r, 'value="123"')

    def test_every_guess_is_on_record(self):
        self.guess(wrong_code())
        self.guess(newest_code())

        events = AuditEvent.objects.order_by("pk").values_list("event", "ok", "reason")
        self.assertEqual(
            list(events), [("code-wrong", False, "recovery"), ("code-right", True, "recovery")]
        )


class LifeOfACodeTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.clock = Clock(self, 2026, 3, 2, 9, 30)
        self.ask()

    def test_it_is_good_for_five_minutes(self):
        self.clock.to(2026, 3, 2, 9, 34, 59)

        self.assertRedirects(self.guess(newest_code()), NEW)

    def test_at_five_minutes_it_is_over_and_the_page_shows_the_way_on(self):
        self.clock.to(2026, 3, 2, 9, 35)

        r = self.client.post(CODE, {"code": newest_code()}, follow=True)

        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng. Hãy yêu cầu mã mới.")
        self.assertNotContains(r, 'name="code"')
        self.assertContains(r, "Gửi lại mã")
        self.assertEqual(self.client.get(NEW).url, CODE)

    def test_a_wrong_guess_is_told_the_same_by_then(self):
        self.clock.to(2026, 3, 2, 9, 35)

        r = self.client.post(CODE, {"code": wrong_code()}, follow=True)

        self.assertContains(r, "Mã này đã hết hiệu lực hoặc đã được dùng. Hãy yêu cầu mã mới.")
        self.assertEqual(Code.objects.get().attempts, 0)

    def test_the_page_of_a_code_that_is_over_says_so_before_anything_is_typed(self):
        self.clock.to(2026, 3, 2, 9, 36)

        r = self.client.get(CODE)

        self.assertContains(r, "Mã đã gửi không dùng được nữa")
        self.assertNotContains(r, 'name="code"')

    def test_the_page_of_a_code_used_up_by_wrong_tries_names_no_other_end(self):
        for _ in range(5):
            self.guess(wrong_code())
        self.client.get(CODE)  # says of the last try that it was wrong

        r = self.client.get(CODE)

        self.assertContains(r, "Mã đã gửi không dùng được nữa: mã chỉ có hiệu lực 5 phút")
        self.assertNotContains(r, "09:30")  # when the last try was made

    def test_a_right_code_is_good_for_ten_minutes(self):
        self.guess(newest_code())
        self.clock.forward(minutes=9, seconds=59)

        self.assertRedirects(self.choose(), LOGIN)

    def test_after_ten_minutes_it_starts_again_and_says_why(self):
        self.guess(newest_code())
        self.clock.forward(minutes=10)

        for step in (lambda: self.client.get(NEW), self.choose):
            self.assertRedirects(step(), ASK, fetch_redirect_response=False)
            page = self.client.get(ASK)
            self.assertContains(page, "Lần lấy lại mật khẩu trước đã hết thời gian")
            self.assertContains(page, 'value="an@hagiang.gov.vn"')
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_ten_wrong_guesses_in_a_row_close_it_for_a_day_but_not_the_log_in(self):
        for _ in range(2):
            for _ in range(5):
                self.guess(wrong_code())
            self.clock.forward(minutes=5)
            self.ask()

        self.clock.to(2026, 3, 3, 9, 0)
        self.assertRedirects(self.ask(), CODE)
        self.assertContains(self.client.get(CODE), "***466981")
        self.assertContains(self.guess(newest_code()), "còn 4 lần nhập")
        self.assertEqual(Message.objects.latest("pk").state, "skipped")
        self.assertRedirects(self.log_in(client=Client()), "/", fetch_redirect_response=False)
        self.clock.to(2026, 3, 3, 9, 36)
        self.ask()
        self.assertEqual(Message.objects.latest("pk").state, "queued")
        self.assertRedirects(self.guess(newest_code()), NEW)

    def test_a_right_code_ends_the_streak(self):
        for _ in range(4):
            self.guess(wrong_code())
        self.guess(newest_code())
        self.clock.forward(minutes=11)
        self.ask()
        for _ in range(5):
            self.guess(wrong_code())
        self.clock.to(2026, 3, 3, 9, 30)
        self.ask()

        self.guess(wrong_code())

        self.assertRedirects(self.guess(newest_code()), NEW)
