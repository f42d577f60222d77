"""The extra code opens to whoever was told its word; who was told to wait is seen."""

from django.test import Client, TestCase

from accounts.hotline import remedies
from accounts.models import AuditEvent, DailyHelp
from accounts.models.audit_event import Ground
from otp.models import Code
from tests.hotline.test_desk import Desk
from tests.support import cast
from tests.support.clock import Clock, let_pass


class WordTests(Desk, TestCase):
    """QU-07: whoever burnt the two codes cannot take the third."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)  # on one day, whenever the tests run
        super().setUp()
        self.spend_the_day()

    def test_the_stranger_who_burnt_the_day_cannot_take_it(self):
        word = self.word_given()
        stranger = Client(REMOTE_ADDR="198.51.100.1")

        for tried in ("", "nui xanh 123", word[:-1], word.replace(" ", "")[1:]):
            with self.subTest(tried):
                self.assertContains(self.ask_with(tried, client=stranger), "Hôm nay đã hết lượt")
        self.assertContains(self.ask(client=stranger), "Hôm nay đã hết lượt")

        self.assertEqual(self.ask_with(word).status_code, 302)

    def test_it_works_once_and_for_one_address(self):
        word = self.word_given()
        for minutes in (0, 6):
            let_pass(self, minutes=minutes)
            self.ask("binh", Client(REMOTE_ADDR=f"203.0.113.{minutes}"))
        let_pass(self, minutes=6)

        self.assertContains(self.ask_with(word, "binh"), "Hôm nay đã hết lượt")
        self.assertEqual(self.ask_with(word).status_code, 302)
        let_pass(self, minutes=6)
        other = Client(REMOTE_ADDR="203.0.113.99")
        self.assertContains(self.ask_with(word, client=other), "Hôm nay đã hết lượt")

    def test_known_and_unknown_are_asked_for_it_alike(self):
        for minutes in (0, 6):
            let_pass(self, minutes=minutes)
            self.ask("khong.co", Client(REMOTE_ADDR=f"203.0.113.{minutes}"))
        let_pass(self, minutes=6)

        for address in ("an", "khong.co"):
            with self.subTest(address):
                r = self.ask(address, Client())
                self.assertContains(r, "Từ do hotline đọc")
                r = self.ask_with("nui xanh 123", address, Client())
                self.assertContains(r, "Hôm nay đã hết lượt")
                self.assertContains(r, "Từ này chưa đúng")
        self.assertNotContains(self.client.get(cast.ASK), "Từ do hotline đọc")

    def test_guesses_at_it_are_limited(self):
        word = self.word_given()
        stranger = Client(REMOTE_ADDR="198.51.100.1")
        for n in range(10):
            self.ask_with(f"nui xanh {n:03}", client=stranger)

        self.assertEqual(self.ask_with(word, client=stranger).status_code, 429)
        self.assertEqual(self.ask_with(word).status_code, 302)

    def test_it_is_shown_once_and_kept_nowhere(self):
        word = self.word_given()

        self.assertNotContains(self.see(), word)
        self.assertNotIn(word, str(list(DailyHelp.objects.values())))
        self.assertNotIn(word, str(list(AuditEvent.objects.values())))

    def test_a_word_that_nobody_saw_is_drawn_anew(self):
        """The answer with the first word may have been lost on its way."""
        first = self.word_given()
        self.assertContains(self.do("cap-them-ma"), "Vừa cấp thêm một mã")
        let_pass(self, minutes=2)

        self.assertContains(self.see(), "Đã cấp thêm một mã lúc")
        second = self.word_given()

        self.assertContains(self.ask_with(first, client=Client()), "Hôm nay đã hết lượt")
        self.assertEqual(self.ask_with(second).status_code, 302)
        self.assertEqual(AuditEvent.objects.filter(event="code-granted").count(), 2)

    def test_it_ends_with_the_day(self):
        clock = Clock(self, 2026, 11, 23, 23, 0)
        for minutes in (0, 6):
            clock.forward(minutes=minutes)
            self.ask(client=Client(REMOTE_ADDR=f"203.0.113.{minutes}"))
        clock.forward(minutes=6)
        word = remedies.give_extra_code(self.an, actor=self.mai, ground=Ground())
        clock.to(2026, 11, 24, 9, 0)
        for minutes in (0, 6):
            clock.forward(minutes=minutes)
            self.ask(client=Client(REMOTE_ADDR=f"203.0.113.{minutes}"))
        clock.forward(minutes=6)

        self.assertContains(self.ask_with(word, client=Client()), "Hôm nay đã hết lượt")


class RefusedAskTests(Desk, TestCase):
    def test_the_hotline_sees_that_somebody_was_told_to_wait(self):
        clock = Clock(self, 2026, 11, 23, 9, 0)
        self.come_in(self.mai)
        self.ask(client=self.caller)
        clock.forward(minutes=2)
        self.ask(client=Client())

        self.assertContains(self.see(), "09:02")
        self.assertContains(self.see(), "được báo phải chờ")

        clock.forward(minutes=1)
        self.ask(client=Client())

        self.assertContains(self.see(), "2 lần yêu cầu mã nữa")
        self.assertEqual(Code.objects.count(), 1)

    def test_so_it_is_where_the_day_is_used_up(self):
        self.clock = Clock(self, 2026, 11, 23, 9, 0)
        self.spend_the_day()
        for _ in range(3):
            self.ask(client=Client())

        newest = Code.objects.latest("issued_at")

        self.assertEqual(newest.refused, 3)
        self.assertContains(self.see(), "3 lần yêu cầu mã nữa")
        self.assertEqual(Code.objects.count(), 2)
