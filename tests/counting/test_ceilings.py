"""What bounds the whole portal, however many ask: ceilings, the pause page, the switch."""

import re

from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext

from otp.counting import ceilings
from otp.models import Brakes, Code, Message, Meter
from tests.support import cast
from tests.support.clock import let_pass
from tests.support.crowd import at_once

PAUSED = "Hệ thống tạm dừng gửi mã"
PHONE_PAGE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
State = Message.State


class BrakesTestCase(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()

    def crowd(self, count, first=0):
        """Make people with a number each."""
        for n in range(first, first + count):
            cast.make(f"nguoi{n}", phone=f"+8491{n:07}", phone_confirmed_at=self.an.created_at)

    def ask_as(self, name, n=0):
        """Ask in a new browser, from an address of its own."""
        return self.ask(name, Client(REMOTE_ADDR=f"10.0.{n // 250}.{n % 250 + 1}"))

    def set(self, **columns):
        Brakes.objects.update(**columns)

    def count(self, what):
        return {reading.key: reading.count for reading in ceilings.readings()}[what]


class CodeCeilingTests(BrakesTestCase):
    def test_the_last_under_the_ceiling_is_sent_and_the_next_is_told_to_wait(self):
        self.crowd(4)
        for columns in ({"codes_an_hour": 3}, {"codes_a_day": 3, "codes_an_hour": 100}):
            Code.objects.all().delete()
            Meter.objects.all().delete()
            self.set(**columns)
            with self.subTest(columns):
                answers = [self.ask_as(f"nguoi{n}", n) for n in range(4)]

                self.assertEqual([r.status_code for r in answers], [302, 302, 302, 200])
                self.assertContains(answers[-1], PAUSED)
                self.assertEqual(cast.queued(), 3)

    def test_forty_at_once_are_all_counted(self):
        self.set(codes_an_hour=20)
        self.crowd(41)
        # The first is there already: from an empty table the race would not be seen.
        self.ask_as("an")

        at_once(lambda n: self.ask_as(f"nguoi{n}", n + 1), 40)

        self.assertEqual(self.count("ceiling:codes:hour"), cast.queued())
        self.assertGreaterEqual(cast.queued(), 20)
        self.assertContains(self.ask_as("nguoi40", 100), PAUSED)

    def test_known_and_unknown_see_the_same_pause(self):
        self.set(sending_stopped=True)

        pages = [self.ask_as(name).content.decode() for name in ("an", "xy", "chi", "binh")]

        same = {re.sub(r'value="(an|xy|chi|binh|[A-Za-z0-9]{64})"', "", page) for page in pages}
        self.assertEqual(len(same), 1)
        self.assertIn(PAUSED, same.pop())

    def test_decoys_neither_count_nor_pass(self):
        self.set(codes_an_hour=2)
        for n in range(5):
            self.assertEqual(self.ask_as(f"khong.co{n}", n).status_code, 302)
        self.assertEqual(self.count("ceiling:codes:hour"), 0)
        self.crowd(2)
        for n in range(2):
            self.ask_as(f"nguoi{n}", n)

        r = self.ask_as("khong.co9", 9)

        self.assertContains(r, PAUSED)
        self.assertEqual(cast.queued(), 2)

    def test_a_pause_costs_nobody_a_place_in_the_day(self):
        self.set(sending_stopped=True)
        self.ask()
        self.assertFalse(Code.objects.exists())

        self.set(sending_stopped=False)

        self.assertEqual(self.ask().status_code, 302)

    def test_an_hour_later_codes_go_out_again(self):
        self.set(codes_an_hour=1)
        self.ask()
        self.crowd(1)
        let_pass(self, minutes=59)
        self.assertContains(self.ask_as("nguoi0"), PAUSED)

        # The hour slides in spans of ten minutes.
        let_pass(self, minutes=11)

        self.assertEqual(self.ask_as("nguoi0").status_code, 302)
        self.assertEqual(self.count("ceiling:codes:hour"), 1)
        self.assertEqual(self.count("ceiling:codes:day"), 2)

    def test_a_good_code_can_still_be_typed_in(self):
        self.ask()
        self.set(sending_stopped=True)

        r = self.guess(cast.newest_code())

        self.assertRedirects(r, cast.NEW)

    def test_a_ceiling_of_none_lets_none_out(self):
        self.set(codes_an_hour=0)

        self.ask()

        self.assertEqual(cast.queued(), 0)


class GuessCeilingTests(BrakesTestCase):
    def test_wrong_guesses_over_all_addresses_stop_the_sending(self):
        for columns in ({"guesses_an_hour": 3}, {"guesses_a_day": 3, "guesses_an_hour": 100}):
            Code.objects.all().delete()
            Meter.objects.all().delete()
            self.client.cookies.clear()
            self.set(**columns)
            self.ask()
            wrong = cast.wrong_code()
            with self.subTest(columns):
                for _ in range(2):
                    self.guess(wrong)
                self.assertNotContains(self.ask_as("binh"), PAUSED, status_code=302)

                self.guess(wrong)

                self.assertContains(self.ask_as("em"), PAUSED)
                self.assertContains(self.ask_as("khong.co"), PAUSED)

    def test_what_was_typed_wrong_before_it_was_right_is_given_back(self):
        self.ask()
        for _ in range(4):
            self.guess(cast.wrong_code())
        self.assertEqual(self.count("ceiling:guesses:hour"), 4)

        self.guess(cast.newest_code())

        self.assertEqual(self.count("ceiling:guesses:hour"), 0)
        self.assertEqual(self.count("ceiling:guesses:day"), 0)

    def test_a_guess_at_a_decoy_counts_as_at_a_code(self):
        """Else a step that comes right after a guess tells whether there was a code."""
        counts = {}
        for n, name in enumerate(("an", "khong.co", "binh", "chi")):
            before = self.count("ceiling:guesses:hour")
            browser = Client(REMOTE_ADDR=f"10.7.0.{n + 1}")
            self.ask(name, browser)
            self.guess(cast.wrong_code(), browser)
            counts[name] = self.count("ceiling:guesses:hour") - before

        self.assertEqual(counts, dict.fromkeys(counts, 1))

    def test_right_and_wrong_guesses_at_once_are_all_counted_right(self):
        count = 20
        self.crowd(count)
        guesses = []
        for n in range(count):
            browser = Client(REMOTE_ADDR=f"10.1.0.{n + 1}")
            self.ask(f"nguoi{n}", browser)
            guesses.append((browser, cast.wrong_code() if n % 2 else cast.newest_code()))
        # The meters are there already: from an empty table the race would not be seen.
        self.guess(cast.wrong_code(), guesses[1][0])

        answers = at_once(lambda n: self.guess(guesses[n][1], guesses[n][0]).status_code, count)

        self.assertEqual(sorted(answers), [200] * (count // 2) + [302] * (count // 2))
        self.assertEqual(self.count("ceiling:guesses:day"), count // 2 + 1)


class SwitchTests(BrakesTestCase):
    def test_the_switch_stops_every_code(self):
        self.set(sending_stopped=True)

        for name in ("an", "binh", "khong.co"):
            with self.subTest(name):
                self.assertContains(self.ask_as(name), PAUSED)
        self.assertFalse(Code.objects.exists())

    def test_without_the_row_of_brakes_no_code_goes_out(self):
        Brakes.objects.all().delete()

        self.assertContains(self.ask(), PAUSED)

        self.assertFalse(Code.objects.exists())

    def test_emptying_the_database_brings_the_row_back(self):
        self.assertEqual(Brakes.objects.count(), 1)

    def test_a_change_of_phone_is_told_to_wait_too(self):
        self.log_in()
        self.set(sending_stopped=True)

        r = self.client.post(PHONE_PAGE, {"phone": "0912 000 999"})

        self.assertContains(r, PAUSED)
        self.an.refresh_from_db()
        self.assertEqual(self.an.new_phone, "")
        self.assertFalse(Code.objects.exists())

    def test_a_change_of_phone_counts_under_the_ceiling(self):
        self.log_in()
        self.client.post(PHONE_PAGE, {"phone": "0912 000 999"})

        self.assertEqual(self.count("ceiling:codes:hour"), 1)

    def test_the_page_says_how_to_be_helped(self):
        self.set(sending_stopped=True)

        r = self.ask()

        self.assertContains(r, "0219.350 1038")
        self.assertContains(r, "lần bấm này không tính vào lượt trong ngày")


class CostTests(BrakesTestCase):
    def statements(self, act):
        with CaptureQueriesContext(connection) as captured:
            act()
        return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in captured)

    def test_asking_and_checking_cost_few_statements_and_the_same_for_all(self):
        asking, checking = set(), set()
        for n, name in enumerate(("an", "khong.co", "binh")):
            browser = Client(REMOTE_ADDR=f"10.2.0.{n + 1}")
            asking.add(self.statements(lambda b=browser, a=name: self.ask(a, b)))
            wrong = cast.wrong_code()
            checking.add(self.statements(lambda b=browser, c=wrong: self.guess(c, b)))

        self.assertEqual((len(asking), len(checking)), (1, 1), (asking, checking))
        self.assertLessEqual(asking.pop(), 4)
        self.assertLessEqual(checking.pop(), 8)
