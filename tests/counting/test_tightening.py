"""Under guessing the portal tightens by steps; callers with a clean history go on throughout."""

import datetime as dt
import io
import re
from ipaddress import ip_network

from django.core.management import call_command
from django.test import Client, TestCase, override_settings
from django.utils import timezone

from otp.counting import tightening
from otp.counting.tightening import Step
from otp.models import GAP, GUESSES, Brakes, Code, Meter
from tests.support import cast
from tests.support.cast import ASK, CODE, NEW
from tests.support.clock import Clock, let_pass

PAUSED = "Hệ thống tạm dừng gửi mã"
OFFICE = ip_network("203.113.0.0/24")
AN_HOUR = 600  # wrong guesses


class TighteningTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.clock = Clock(self, 2026, 11, 26, 9, 0)
        self.asked = 0

    def guessed(self, percent):
        """Have so much of the hour's budget used up, by who is nowhere near."""
        Meter.objects.filter(key__startswith="ceiling:guesses").delete()
        count = AN_HOUR * percent // 100
        Meter.objects.create(
            key="ceiling:guesses:now", count=count, until=self.now() + self.days(1)
        )

    def now(self):
        return timezone.now()

    def days(self, count):
        return dt.timedelta(days=count)

    def somebody(self):
        """Make one more person with a number, of whom nobody has asked."""
        self.asked += 1
        cast.make(f"n{self.asked}", phone=f"+8491{self.asked:07}", phone_confirmed_at=self.now())
        return f"n{self.asked}"

    def guess_wrong(self, client):
        """Guess once at a new code of somebody; give the status of both answers."""
        asked = self.ask(self.somebody(), client)
        return asked.status_code, self.guess(cast.wrong_code(), client).status_code

    def ticket(self, client):
        """Give the ticket for the slow lane, where the page asks for work."""
        found = re.search(r'name="ticket" value="([^"]+)"', client.get(ASK).content.decode())
        return found[1] if found else ""

    def recover(self, name="an", client=None):
        """Walk through a recovery, with the work that the page may ask for."""
        client = client or Client(REMOTE_ADDR="192.0.2.200")
        ticket = self.ticket(client)
        self.clock.forward(minutes=2)
        r = client.post(ASK, {"address": name, "ticket": ticket})
        self.assertRedirects(r, CODE, msg_prefix=r.content.decode()[-500:])
        self.assertRedirects(self.guess(cast.newest_code(), client), NEW)
        return client


class StepTests(TighteningTestCase):
    def test_each_share_of_the_budget_brings_one_more_step(self):
        for step, at in zip(Step, (0, *tightening.STEPS_AT), strict=True):
            self.guessed(at)

            self.assertEqual(tightening.situation().step, step)

    def test_at_the_first_step_the_pages_ask_for_work_by_themselves(self):
        self.assertNotContains(self.client.get(ASK), "data-proof")

        self.guessed(10)

        self.assertContains(self.client.get(ASK), "data-proof")
        for name in ("an", "khong.co"):
            self.assertContains(self.ask(name), "data-proof")
        self.assertFalse(Code.objects.exists())
        self.recover()

    def test_a_code_has_five_guesses_then_two_then_one(self):
        for percent, guesses in ((0, GUESSES), (20, 2), (30, 1)):
            for name in (self.somebody(), f"khong.co{percent}"):
                client = Client(REMOTE_ADDR=f"192.0.2.{percent}")
                self.guessed(0)
                self.ask(name, client)
                self.guessed(percent)
                wrong = cast.wrong_code()
                with self.subTest(percent, name=name):
                    answers = [self.guess(wrong, client) for _ in range(guesses)]

                    self.assertEqual(
                        [r.status_code for r in answers], [200] * (guesses - 1) + [302]
                    )
                    self.assertEqual(Code.objects.latest("issued_at").attempts, guesses)
                    self.assertEqual(self.guess(wrong, client).status_code, 302)
                    self.assertEqual(Code.objects.latest("issued_at").attempts, guesses)
                let_pass(self, minutes=6)

    def test_the_first_guess_is_looked_at_at_every_step(self):
        for percent in (0, *tightening.STEPS_AT):
            client = Client(REMOTE_ADDR=f"198.51.100.{percent}")
            self.guessed(0)
            self.clock.forward(seconds=1)  # so that it is clear which code is the newest
            self.ask(self.somebody(), client)
            self.guessed(percent)

            with self.subTest(percent):
                self.assertRedirects(self.guess(cast.newest_code(), client), NEW)

    def test_then_who_has_guessed_waits_and_nobody_else(self):
        guesser, network = "198.51.100.1", "198.51.100.2"
        client = Client(REMOTE_ADDR=guesser)
        for _ in range(2):
            self.guess_wrong(client)
        self.guessed(50)

        held = [self.ask(name, Client(REMOTE_ADDR=guesser)) for name in ("an", "khong.co")]

        self.assertEqual([r.status_code for r in held], [429, 429])
        self.recover(client=Client(REMOTE_ADDR=network))
        let_pass(self, days=1, minutes=10)
        self.guessed(50)
        self.recover(self.somebody(), Client(REMOTE_ADDR=guesser))

    def test_then_only_those_who_are_known_get_codes(self):
        self.guessed(85)

        with override_settings(OFFICE_NETWORKS=[OFFICE]):
            for name in ("an", "khong.co"):
                self.assertContains(self.ask(name), PAUSED)
            self.recover(client=Client(REMOTE_ADDR="203.113.0.9"))

    def test_a_browser_that_logged_in_before_is_known_for_its_own_account(self):
        client = Client(REMOTE_ADDR="198.51.100.7")
        self.log_in("an", client=client)
        client.post("/dang-xuat/")
        self.guessed(85)

        self.assertContains(self.ask("em", client), PAUSED)
        self.recover("an", client)

    def test_who_guesses_at_its_address_holds_a_known_browser_out_of_nothing(self):
        client = Client(REMOTE_ADDR="198.51.100.7")
        self.log_in("an", client=client)
        client.post("/dang-xuat/")
        for _ in range(3):
            self.guess_wrong(Client(REMOTE_ADDR="198.51.100.7"))
        self.guessed(50)

        self.assertEqual(self.ask("em", Client(REMOTE_ADDR="198.51.100.7")).status_code, 429)
        self.recover("an", client)

    def test_everybody_is_stopped_last(self):
        self.guessed(100)

        with override_settings(OFFICE_NETWORKS=[OFFICE]):
            for address in ("203.113.0.9", "192.0.2.1"):
                self.assertContains(self.ask("an", Client(REMOTE_ADDR=address)), PAUSED)

    def test_a_day_later_all_is_calm(self):
        for _ in range(2):
            self.guess_wrong(self.client)
        self.guessed(100)

        let_pass(self, days=1, minutes=10)

        self.assertEqual(tightening.situation(), tightening.Situation(Step.CALM, 0, False, False))


class GuesserTests(TighteningTestCase):
    """Each attacks as fast as it can, with the names of all; somebody elsewhere recovers."""

    def attack(self, *addresses, rounds):
        """Ask in turn from these addresses, doing the work, and use every guess there is."""
        clients = [Client(REMOTE_ADDR=address) for address in addresses]
        for _ in range(rounds):
            tickets = [self.ticket(client) for client in clients]
            self.clock.forward(minutes=2)
            for client, ticket in zip(clients, tickets, strict=True):
                self.strike(client, ticket)
            self.clock.forward(minutes=2)

    def strike(self, client, ticket):
        asked = client.post(ASK, {"address": self.somebody(), "ticket": ticket})
        if asked.status_code != 302:
            return
        wrong = cast.wrong_code()
        while self.guess(wrong, client).status_code == 200:
            pass

    @override_settings(OFFICE_NETWORKS=[OFFICE])
    def test_one_address_of_an_office(self):
        self.attack("203.113.0.7", rounds=10)

        self.assertLessEqual(self.wrong(), tightening.CALLER_GUESSES)
        self.assertEqual(tightening.situation().step, Step.CALM)
        self.recover()
        self.recover(self.somebody(), Client(REMOTE_ADDR="203.113.0.8"))

    def test_one_48_of_ipv6(self):
        addresses = [f"2001:db8:1:{n:x}::1" for n in range(40)]

        self.attack(*addresses, rounds=2)

        self.assertLessEqual(self.wrong(), tightening.NETWORK_GUESSES)
        self.recover()
        self.recover(self.somebody(), Client(REMOTE_ADDR="2001:db8:2:1::1"))

    def test_one_64_of_ipv6(self):
        self.attack(*(f"2001:db8:1:1::{n:x}" for n in range(10)), rounds=2)

        self.assertLessEqual(self.wrong(), tightening.CALLER_GUESSES)

    def test_a_held_guess_costs_nothing_and_is_not_looked_at(self):
        client = Client(REMOTE_ADDR="203.113.0.7")
        for _ in range(tightening.CALLER_GUESSES // GUESSES):
            self.ask(self.somebody(), client)
            wrong = cast.wrong_code()
            answers = [self.guess(wrong, client).status_code for _ in range(GUESSES)]
            self.assertEqual(answers, [200] * (GUESSES - 1) + [302])
        self.guessed(0)
        elsewhere = self.recover()
        code = Code.objects.latest("issued_at")
        Code.objects.filter(pk=code.pk).update(attempts=0, verified_at=None)

        r = self.guess(cast.newest_code(), client)

        self.assertIsNotNone(elsewhere)
        self.assertEqual(r.status_code, 429)
        self.assertEqual(self.ask("an", client).status_code, 429)
        self.assertEqual(self.wrong(), 0)

    def test_a_hundred_addresses(self):
        addresses = [f"198.51.{n}.1" for n in range(100)]

        self.attack(*addresses, rounds=3)

        self.assertGreater(tightening.situation().step, Step.TWO)
        self.assertLess(tightening.situation().step, Step.KNOWN)
        self.recover()

    def test_wrong_guesses_are_forgiven_to_who_then_types_it_right(self):
        client = Client(REMOTE_ADDR="203.113.0.7")
        for _ in range(2 * tightening.CALLER_GUESSES // GUESSES):
            self.ask(self.somebody(), client)
            for _ in range(GUESSES - 1):
                self.guess(cast.wrong_code(), client)
            self.assertRedirects(self.guess(cast.newest_code(), client), NEW)
            client.cookies.clear()
            self.clock.forward(minutes=5)

        self.assertEqual(self.wrong(), 0)

    def wrong(self):
        return tightening.situation().guessing * AN_HOUR


class ShareTests(TighteningTestCase):
    """Codes: no network gets more than its fair share, and some are kept for who is known."""

    def sent(self, count, key="ceiling:codes"):
        Meter.objects.filter(key=f"{key}:now").delete()
        Meter.objects.create(key=f"{key}:now", count=count, until=self.now() + self.days(1))

    def asked_by(self, address, count):
        """Ask by one address, slowly enough for what it may post."""
        answers = []
        for _ in range(count):
            answers.append(self.ask(self.somebody(), Client(REMOTE_ADDR=address)).status_code)
            self.clock.forward(seconds=31)
        return answers

    def test_one_caller_gets_so_many_and_the_next_goes_on(self):
        share = 300 * tightening.CALLER_SHARE // 100

        answers = self.asked_by("198.51.100.1", share + 1)

        self.assertEqual(answers, [302] * share + [429])
        self.assertEqual(self.asked_by("198.51.100.2", 1), [302])

    def test_decoys_use_up_a_share_as_codes_do(self):
        Brakes.objects.update(codes_an_hour=200)
        client = Client(REMOTE_ADDR="198.51.100.1")

        answers = []
        for n in range(21):
            answers.append(self.ask(f"khong.co{n}", client).status_code)
            self.clock.forward(seconds=31)

        self.assertEqual(answers, [302] * 20 + [429])

    def test_one_network_gets_so_many_however_many_addresses_it_has(self):
        share = 300 * tightening.NETWORK_SHARE // 100
        for address in ("2001:db8:7:{:x}::1", "198.51.100.{}"):
            Meter.objects.all().delete()
            clients = [Client(REMOTE_ADDR=address.format(n)) for n in range(share + 1)]

            answers = [self.ask(self.somebody(), client).status_code for client in clients]

            self.assertEqual(answers, [302] * share + [429])
        self.recover()

    def test_once_they_are_scarce_each_gets_one_and_whoever_has_had_none_goes_on(self):
        self.sent(300 * tightening.SCARCE // 100)

        self.assertEqual(self.asked_by("198.51.100.1", 2), [302, 429])
        self.recover()

    @override_settings(OFFICE_NETWORKS=[OFFICE])
    def test_the_last_codes_are_kept_for_offices_and_known_browsers(self):
        self.sent(300 * tightening.STRANGERS // 100)

        for name in ("an", "khong.co"):
            self.assertContains(self.ask(name), PAUSED)
        self.assertEqual(self.asked_by("203.113.0.1", 1), [302])
        self.sent(300)
        self.assertEqual(self.asked_by("203.113.0.1", 1), [200])


class SizeTests(TestCase):
    """Ceilings follow from the accounts and from last weeks' use, where IT has not set them."""

    def sizes(self):
        return Brakes.objects.values_list(
            "codes_a_day", "codes_an_hour", "guesses_a_day", "guesses_an_hour"
        ).get()

    def test_they_follow_the_accounts(self):
        for accounts, codes in ((300, 1_000), (20_000, 1_000), (2_500_000, 125_000)):
            with self.subTest(accounts):
                tightening.size(accounts)

                self.assertEqual(self.sizes(), (codes, codes * 3 // 10, 1_000, 600))

    def test_they_follow_the_codes_used_and_not_those_asked_for(self):
        Clock(self, 2026, 11, 26, 9, 0)
        now = timezone.now()
        for n in range(400):
            at = now - dt.timedelta(days=8, seconds=n)
            Code.objects.create(
                address_key=f"{n:064}", purpose="recovery", pepper_id="p", browser_key="b",
                issued_at=at, gap_until=at + GAP, expires_at=at, ordinal=1,
                verified_at=at if n < 300 else None, used_at=at if n < 300 else None,
            )  # fmt: skip

        tightening.size(500)

        self.assertEqual(self.sizes()[0], 4 * 300)

    def test_the_guesses_follow_from_the_chance_that_is_accepted(self):
        with override_settings(DAYS_TO_A_HIT=5_000):
            tightening.size(500)

        self.assertEqual(self.sizes()[2:], (200, 120))

    def test_what_it_has_set_stays(self):
        Brakes.objects.update(set_by_hand=True, codes_a_day=77)

        tightening.size(2_500_000)

        self.assertEqual(self.sizes()[0], 77)

    def test_every_night(self):
        cast.make("an")
        Brakes.objects.update(codes_a_day=77)

        call_command("snapshot", verbosity=0, stdout=io.StringIO())

        self.assertEqual(self.sizes()[0], tightening.FEWEST_CODES)
