"""While nothing can be sent, step 1 says so and charges nothing; what never left is given back."""

from django.core.management import call_command
from django.test import Client, TestCase, override_settings

from otp import gateways, outbox
from otp.models import Code, GatewayState, Message
from tests.support import cast
from tests.support.cast import ASK, CODE
from tests.support.clock import Clock
from tests.support.sending import let_a_sender_live, let_the_sender_fall_silent

PAUSED = "Hệ thống tạm dừng gửi mã"
NAMES = ("an", "khong.co", "binh", "chi")
PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"


class SilentTests(cast.Cast, TestCase):
    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()

    def pause_every_gateway(self):
        for name in gateways.in_use():
            GatewayState.objects.update_or_create(
                pk=name, defaults={"paused_until": self.clock._now() + outbox.ABANDONED}
            )

    def assert_refused_and_free(self):
        for name in NAMES:
            with self.subTest(name):
                r = self.ask(name, Client())

                self.assertContains(r, PAUSED)
                self.assertContains(r, "không tính vào lượt trong ngày")
        self.assertEqual((Code.objects.count(), Message.objects.count()), (0, 0))

    def test_a_sender_that_died_is_said_to_everybody_and_costs_nothing(self):
        let_the_sender_fall_silent()

        self.assert_refused_and_free()

        let_a_sender_live()
        self.assertEqual(self.ask().url, CODE)

    def test_so_are_gateways_that_are_all_paused(self):
        self.pause_every_gateway()

        self.assert_refused_and_free()

        self.clock.forward(minutes=3)
        self.assertEqual(self.ask().url, CODE)

    @override_settings(SMS_GATEWAY="file,console")
    def test_one_gateway_of_two_is_enough(self):
        GatewayState.objects.create(pk="file", paused_until=self.clock._now() + outbox.ABANDONED)

        self.assertEqual(self.ask().url, CODE)

    def test_a_new_phone_is_not_asked_for_either(self):
        self.log_in()
        let_the_sender_fall_silent()

        self.assertContains(self.client.post(PHONE, {"phone": "0912 345 671"}), PAUSED)
        self.assertFalse(Code.objects.exists())

    def test_whoever_has_a_good_code_goes_on(self):
        self.ask()
        let_the_sender_fall_silent()

        self.assertEqual(self.ask().url, CODE)

    def test_a_caller_is_charged_nothing_meanwhile(self):
        let_the_sender_fall_silent()

        answers = {self.ask(name).status_code for name in ("an", "khong.co") * 15}
        words = {
            self.client.post(ASK, {"address": "an", "word": "sai"}).status_code for _ in range(11)
        }

        self.assertEqual((answers, words), ({200}, {200}))
        let_a_sender_live()
        self.assertEqual(self.ask().url, CODE)

    def test_nor_for_a_new_phone(self):
        self.log_in()
        let_the_sender_fall_silent()

        answers = {
            self.client.post(PHONE, {"phone": "0912 345 671"}).status_code for _ in range(31)
        }

        self.assertEqual(answers, {200})

    def test_the_hotline_is_told(self):
        from accounts.hotline.overview import overview_of

        let_the_sender_fall_silent()

        self.assertIn("không gửi được tin nhắn nào", overview_of(self.an.address, self.an).sentence)


class GivenBackTests(cast.Cast, TestCase):
    """Known and unknown addresses get their places back alike."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()

    def ask_twice(self, name):
        for n in range(2):
            self.assertEqual(self.ask(name, Client(REMOTE_ADDR=f"10.2.{len(name)}.{n}")).url, CODE)
            self.clock.forward(minutes=6)

    def test_what_never_left_does_not_count(self):
        for name in ("an", "khong.co"):
            self.ask_twice(name)
        outbox.sweep()

        for name in ("an", "khong.co"):
            with self.subTest(name):
                browser = Client(REMOTE_ADDR=f"10.3.{len(name)}.1")
                self.assertEqual(self.ask(name, browser).url, CODE)
                self.assertContains(browser.get(CODE), "còn 1 lần hôm nay")

    def test_the_page_of_the_code_says_that_the_place_is_back(self):
        for name in ("an", "khong.co"):
            self.clock.to(2026, 3, 2, 9, 0)
            browser = Client(REMOTE_ADDR=f"10.3.{len(name)}.1")
            for _ in range(2):
                self.ask(name, browser)
                self.clock.forward(minutes=6)
            with self.subTest(name):
                self.assertContains(browser.get(CODE), "Hôm nay đã hết lượt gửi mã")
                outbox.sweep()
                self.assertContains(browser.get(CODE), "Gửi lại được ngay bây giờ.")

    def test_what_left_counts_and_so_does_a_decoy_beside_it(self):
        for name in ("an", "khong.co"):
            self.clock.to(2026, 3, 2, 9, 0)
            for n in range(2):
                self.ask(name, Client(REMOTE_ADDR=f"10.2.{len(name)}.{n}"))
                call_command("deliver_messages", "--once")
                self.clock.forward(seconds=10)
                outbox.sweep()
                self.clock.forward(minutes=6)
            outbox.sweep()

            with self.subTest(name):
                r = self.ask(name, Client(REMOTE_ADDR=f"10.3.{len(name)}.1"))
                self.assertContains(r, "Hôm nay đã hết lượt gửi mã")


class WordingTests(cast.Cast, TestCase):
    """What the page says of the message is the same for everybody at the same moment."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()

    def states(self, *, works):
        said = {}
        browsers = {name: Client(REMOTE_ADDR=f"10.4.0.{n}") for n, name in enumerate(NAMES)}
        for name, browser in browsers.items():
            self.ask(name, browser)
            said[name] = [self.state(browser)]
        if works:
            call_command("deliver_messages", "--once")
        for seconds in (3, 5, 5, 5, 60):
            self.clock.forward(seconds=seconds)
            outbox.sweep()
            for name, browser in browsers.items():
                said[name].append(self.state(browser))
        return said

    def state(self, browser):
        page = browser.get(CODE).content.decode()
        for words in ("đang gửi.", "nhà mạng đã nhận, đang", "vẫn đang gửi lại"):
            if f"Tình trạng tin nhắn: {words}" in page or words in page:
                return words
        return ""

    def test_sent_messages_and_decoys_are_said_to_be_taken_at_the_same_time(self):
        sending_, taken = "đang gửi.", "nhà mạng đã nhận, đang"

        for name, said in self.states(works=True).items():
            with self.subTest(name):
                self.assertEqual(said, [sending_] * 4 + [taken] * 2)

    def test_how_far_it_is_stands_before_that_it_was_sent(self):
        for name in NAMES:
            browser = Client(REMOTE_ADDR=f"10.4.1.{len(name)}")
            self.ask(name, browser)
            page = browser.get(CODE).content.decode()
            with self.subTest(name):
                self.assertLess(page.index("Tình trạng tin nhắn"), page.index("đã được gửi về số"))

    def test_where_nothing_leaves_nothing_is_said_to_be_taken(self):
        sending_, delayed = "đang gửi.", "vẫn đang gửi lại"

        for name, said in self.states(works=False).items():
            with self.subTest(name):
                self.assertEqual(said, [sending_] * 4 + [delayed] * 2)
