"""What the hotline sees of an account: one sentence to read out, and what lies behind it."""

from django.test import Client, TestCase
from django.utils import timezone

from accounts.access.login import FAILURES
from accounts.hotline import overview
from accounts.models import Account, Unit
from otp.codes import NUMBER_CAP
from otp.counting import limits
from otp.models import Brakes, Code, Message
from tests.hotline.test_desk import Desk
from tests.support import cast
from tests.support.cast import PASSWORD, newest_code, wrong_code
from tests.support.clock import Clock, let_pass


class SentenceTests(Desk, TestCase):
    """Each state of an account in one sentence to read out."""

    def setUp(self):
        self.clock = Clock(self, 2026, 11, 23, 9, 0)
        super().setUp()

    def test_all_is_well(self):
        self.assertIn("có thể yêu cầu mã ngay", self.sentence())

    def test_states_of_the_account(self):
        Account.objects.filter(pk=self.em.pk).update(phone="+84912000444")
        for account, words in (
            (self.binh, "chưa có số điện thoại"),
            (self.chi, "đang bị khóa từ 09:00 ngày 23/11/2026"),
            (self.chi, "Tôi mở khóa được sau khi đối chiếu"),
            (self.dung, "đã ngừng sử dụng"),
            (self.em, "chưa được xác thực"),
        ):
            with self.subTest(words):
                self.assertIn(words, self.sentence(account))

    def test_every_state_ends_with_what_the_caller_does_next(self):
        Account.objects.filter(pk=self.em.pk).update(phone="+84912000444")
        doubted = cast.make("doi.so", phone="+84912000555", phone_doubted_at=timezone.now())
        states = [self.sentence(who) for who in (self.an, self.binh, self.chi, self.em, doubted)]
        states.append(self.sentence(self.dung))
        self.guess_wrong(10)
        states.append(self.sentence())
        Brakes.objects.update(sending_stopped=True)
        Account.objects.filter(pk=self.em.pk).update(phone_confirmed_at=timezone.now())
        states.append(self.sentence(self.em))

        for sentence in states:
            with self.subTest(sentence):
                self.assertIn("đề nghị anh/chị", sentence.lower())
        self.assertEqual(len(set(states)), len(states))

    def test_a_code_was_just_asked_for(self):
        self.ask(client=self.caller)

        self.assertIn("từ 09:05 ngày 23/11/2026", self.sentence())

    def test_both_codes_are_used_up(self):
        self.ask(client=self.caller)
        self.clock.forward(minutes=6)
        self.ask(client=Client())

        self.assertIn("Đã dùng hết 2 mã trong ngày", self.sentence())
        self.assertIn("từ 00:00 ngày 24/11/2026", self.sentence())

    def test_closed_by_guessing(self):
        self.guess_wrong(10)

        self.assertIn("đang đóng đến 09:00 ngày 24/11/2026", self.sentence())

    def test_sending_is_stopped_for_everybody(self):
        Brakes.objects.update(sending_stopped=True)

        self.assertIn("tạm dừng gửi mã", self.sentence())


class OverviewTests(Desk, TestCase):
    def test_who_is_calling(self):
        top = Unit.objects.create(name="Sở Y tế")
        unit = Unit.objects.create(name="Văn phòng", parent=top)
        Account.objects.filter(pk=self.an.pk).update(unit=unit)

        r = self.see()

        self.assertContains(r, "<title>Lý Văn An - ")
        self.assertContains(r, "Sở Y tế › Văn phòng")
        self.assertContains(r, "cá nhân")
        self.assertContains(r, "mã hôm nay 0/2")
        self.assertNotContains(r, "Gọi hotline")
        act = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/khoa/")
        self.assertContains(act, "<title>Khóa tài khoản: Lý Văn An - ")

    def test_what_was_done_names_to_whom(self):
        self.assertContains(self.do("khoa"), "an@hagiang.gov.vn: Đã khóa tài khoản.")

    def test_the_fate_of_each_code(self):
        cases = {
            ("delivered", ""): "đã tới máy",
            ("rejected", "21614"): "nhà mạng từ chối (21614)",
            ("unknown", ""): "không rõ đã gửi hay chưa",
            ("expired", ""): "quá hạn, không gửi",
            ("skipped", "number-cap"): "đã nhận quá nhiều mã trong 24 giờ",
        }
        self.ask(client=self.caller)
        for (state, reason), words in cases.items():
            with self.subTest(state):
                Message.objects.update(state=state, reason=reason, to="", text="")

                self.assertContains(self.see(), words)

    def test_what_became_of_the_code_itself(self):
        self.ask(client=self.caller)
        self.assertContains(self.see(), "còn hiệu lực")
        self.guess(wrong_code(), self.caller)
        self.assertContains(self.see(), "nhập sai 1 lần")
        self.guess(newest_code(), self.caller)
        self.assertContains(self.see(), "đang ở bước tiếp theo")
        self.choose(client=self.caller)

        self.assertContains(self.see(), "đã nhập đúng và đã dùng")

    def test_an_expired_one_and_one_guessed_at_to_death(self):
        self.ask(client=self.caller)
        for _ in range(5):
            self.guess(wrong_code(), self.caller)
        self.assertContains(self.see(), "nhập sai 5 lần")
        let_pass(self, minutes=6)
        self.ask("binh", client=self.caller)
        let_pass(self, minutes=6)

        self.assertContains(self.see(self.binh), "hết hiệu lực")
        self.assertContains(self.see(self.binh), "không có số điện thoại để gửi tới")

    def test_no_code_no_password_and_no_number(self):
        self.ask(client=self.caller)
        page = self.see()

        for secret in (newest_code(), "466981", "argon2"):
            self.assertNotContains(page, secret)
        self.assertContains(page, "***981")

    def test_last_log_in_reset_and_change_of_phone(self):
        self.log_in(client=self.caller)
        self.ask(client=self.caller)
        self.guess(newest_code(), self.caller)
        self.choose(client=self.caller)

        seen = self.see().context["overview"]

        self.assertIsNotNone(seen.last_reset)
        self.assertIsNotNone(seen.account.last_login)
        self.assertEqual(seen.sessions, 0)


class RemarkTests(Desk, TestCase):
    def seen(self, account=None):
        account = account or self.an
        account.refresh_from_db()
        return overview.overview_of(account.address, account)

    def test_a_number_that_has_had_its_six(self):
        for _ in range(NUMBER_CAP.count):
            limits.charge(NUMBER_CAP, self.an.phone)

        self.assertIn("đã nhận đủ 6 mã trong 24 giờ", self.seen().sentence)

    def test_a_log_in_that_is_held(self):
        for _ in range(FAILURES.count):
            limits.charge(FAILURES, self.an.address)

        self.assertIn("Đăng nhập đang tạm dừng", self.seen().remarks[0])
        self.assertIn("yêu cầu mã ngay", self.seen().sentence)

    def test_a_default_password_that_opens_no_mail(self):
        Account.objects.filter(pk=self.em.pk).update(
            default_password_until=timezone.now(),
            phone="+84912000444",
            phone_confirmed_at=timezone.now(),
        )

        self.assertIn("không mở được thư nữa", self.seen(self.em).remarks[0])

    def test_a_new_number_that_is_closed_by_guessing(self):
        self.log_in(client=(an := Client()))
        page = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
        for _ in range(2):
            Code.objects.all().delete()
            an.post(page, {"phone": "0912 345 671", "password": PASSWORD})
            for _ in range(5):
                an.post(f"{page}xac-thuc/", {"code": wrong_code()})

        self.assertIn("xác thực số điện thoại mới đang đóng", self.seen().remarks[0])

    def test_looking_does_not_push_out_what_happened(self):
        self.do("khoa")
        for _ in range(25):
            self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")

        self.assertIn("locked", [event.event for event in self.seen().events])

    def test_sessions_can_be_ended_where_only_a_mail_program_is_open(self):
        r = self.client.get(f"/ho-tro/tai-khoan/{self.binh.pk}/")

        self.assertContains(r, "Kết thúc các phiên đăng nhập")
