"""The work asked of machines under attack, and the way through for those who cannot do it."""

import html
import json
import re
from base64 import b64encode
from ipaddress import ip_network
from unittest import mock

from altcha.v1 import ChallengeOptions, create_challenge, solve_challenge
from django.test import Client, TestCase

from accounts.access import proof_of_work
from accounts.access.limits import OFFICE_FACTOR
from otp.models import Brakes, Code
from tests.support import browser, cast
from tests.support.cast import ASK, CODE
from tests.support.clock import Clock, let_pass

# A browser that hashes nothing before it is told to.
SLOW_MACHINE = """
    const hash = crypto.subtle.digest.bind(crypto.subtle);
    const begun = new Promise((begin) => { window.beginToWork = begin; });
    SubtleCrypto.prototype.digest = async (...all) => { await begun; return hash(...all); };
"""
MISSING = "Hãy chờ 1 phút trên trang này"


class ProofTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        Brakes.objects.update(proof_of_work=True)

    def page(self, client=None):
        return (client or self.client).get(ASK).content.decode()

    def task(self, client=None):
        found = re.search(r'data-proof="([^"]+)"', self.page(client))
        return json.loads(html.unescape(found[1]))

    def ticket(self, client=None):
        return re.search(r'name="ticket" value="([^"]+)"', self.page(client))[1]

    def solve(self, task):
        options = {"algorithm": task["algorithm"], "max_number": task["maxNumber"]}
        number = solve_challenge(task["challenge"], task["salt"], **options).number
        return {
            **{name: task[name] for name in ("algorithm", "challenge", "salt", "signature")},
            "number": number,
        }

    def spell(self, solution):
        return b64encode(json.dumps(solution).encode()).decode()

    def send(self, name="an", client=None, **fields):
        return (client or self.client).post(ASK, {"address": name, **fields})


class WorkTests(ProofTestCase):
    def test_nothing_is_asked_at_other_times(self):
        Brakes.objects.update(proof_of_work=False)

        page = self.page()

        self.assertNotIn("data-proof", page)
        self.assertNotIn("proof.", page)
        self.assertNotIn("ticket", page)
        self.assertRedirects(self.send(proof="nonsense"), CODE)

    def test_the_page_brings_the_task_and_the_script(self):
        page = self.page()

        self.assertRegex(page, r'<script src="/static/js/proof\.[0-9a-f]+\.js" defer></script>')
        self.assertEqual(
            set(self.task()), {"algorithm", "challenge", "maxNumber", "salt", "signature"}
        )
        self.assertLessEqual(self.task()["maxNumber"], 60_000)

    def test_a_flood_of_first_looks_asks_the_database_once_a_second(self):
        Brakes.objects.update(proof_of_work=False)
        self.page()
        with mock.patch.object(proof_of_work, "FRESH", 60), self.assertNumQueries(0):
            for _ in range(20):
                self.page(Client())

        Brakes.objects.update(proof_of_work=True)
        with mock.patch.object(proof_of_work, "FRESH", 60):
            self.assertNotIn("data-proof", self.page(Client()))
            self.assertContains(self.send(), MISSING)
        self.assertFalse(Code.objects.exists())
        self.assertIn("data-proof", self.page(Client()))

    def test_without_work_known_and_unknown_are_told_the_same_and_nothing_is_issued(self):
        for name in ("an", "binh", "khong.co"):
            with self.subTest(name):
                r = self.send(name)

                self.assertContains(r, MISSING)
                self.assertContains(r, "data-proof")
        self.assertFalse(Code.objects.exists())

    def test_work_done_opens_the_way(self):
        r = self.send(proof=self.spell(self.solve(self.task())))

        self.assertRedirects(r, CODE)

    def test_work_done_opens_it_once_however_it_is_spelled(self):
        solution = self.solve(self.task())
        self.send(proof=self.spell(solution))
        turned = dict(reversed(solution.items()))
        spellings = {
            "the same": self.spell(solution),
            "turned round": self.spell(turned),
            "with more": self.spell(solution | {"took": 1}),
            "as text": self.spell(solution | {"number": str(solution["number"])}),
            "with spaces": self.spell(solution)[:8] + " \n" + self.spell(solution)[8:],
        }
        for name, proof in spellings.items():
            with self.subTest(name):
                self.assertContains(self.send("binh", Client(), proof=proof), MISSING)

    def test_a_wrong_answer_opens_nothing(self):
        task = self.task()
        right = self.solve(task)
        own = create_challenge(ChallengeOptions(max_number=10, hmac_key="a key of my own"))
        expires = re.search(r"expires=(\d+)", task["salt"])[1]
        longer = task["salt"].replace(expires, str(int(expires) + 10_000))
        cases = {
            "another number": right | {"number": right["number"] + 1},
            "another salt": right | {"salt": right["salt"] + "x"},
            "a longer life": right | {"salt": longer},
            "a task of one's own": self.solve(own.to_dict()),
            "no signature": right | {"signature": ""},
        }
        for name, solution in cases.items():
            with self.subTest(name):
                self.assertContains(self.send(proof=self.spell(solution)), MISSING)
        self.assertRedirects(self.send(proof=self.spell(right)), CODE)

    def test_a_stale_answer_opens_nothing(self):
        proof = self.spell(self.solve(self.task()))

        let_pass(self, minutes=16)

        self.assertContains(self.send(proof=proof), MISSING)

    def test_a_hostile_answer_is_only_wrong(self):
        right = self.solve(self.task())
        plain = ["x", "é", "\0", "=", "A" * 5_000, b64encode(b"[" * 700).decode()]
        made = [
            None,
            [],
            "text",
            5,
            {},
            right | {"salt": None},
            right | {"salt": 5},
            right | {"salt": ["?expires=9"]},
            right | {"algorithm": ["SHA-256"]},
            right | {"algorithm": "MD5"},
            right | {"challenge": {}},
            right | {"number": {"a": 1}},
            right | {"salt": "\ud800"},
        ]
        for answer in [*plain, *map(self.spell, made)]:
            with self.subTest(answer[:40]):
                self.assertContains(self.send(proof=answer), MISSING)

    def test_a_code_under_way_needs_no_more_work(self):
        self.send(proof=self.spell(self.solve(self.task())))

        self.assertRedirects(self.send(), CODE)

    def test_a_change_of_phone_asks_no_work(self):
        self.log_in()

        r = self.client.post("/cau-hinh/thong-tin/an@hagiang.gov.vn/", {"phone": "0912 000 999"})

        self.assertRedirects(r, "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/")


class SlowLaneTests(ProofTestCase):
    def test_a_minutes_wait_opens_the_way_and_less_does_not(self):
        clock = Clock(self, 2026, 3, 2, 9, 30)
        ticket = self.ticket()
        for moment, opens in (((30, 0), False), ((30, 59), False), ((31, 1), True)):
            with self.subTest(moment):
                clock.to(2026, 3, 2, 9, *moment)
                r = self.send(ticket=ticket)

                if opens:
                    self.assertRedirects(r, CODE)
                else:
                    self.assertContains(r, MISSING)

    def test_the_refused_page_brings_a_ticket_that_opens_after_its_own_minute(self):
        r = self.send(ticket=self.ticket())
        ticket = re.search(r'name="ticket" value="([^"]+)"', r.content.decode())[1]

        let_pass(self, seconds=61)

        self.assertRedirects(self.send(ticket=ticket), CODE)

    def test_a_ticket_opens_once(self):
        ticket = self.ticket()
        let_pass(self, seconds=61)
        self.send(ticket=ticket)

        self.assertContains(self.send("binh", Client(), ticket=ticket), MISSING)

    def test_a_ticket_lasts_fifteen_minutes(self):
        ticket = self.ticket()

        let_pass(self, minutes=16)

        self.assertContains(self.send(ticket=ticket), MISSING)

    def test_a_forged_ticket_opens_nothing(self):
        ticket = self.ticket()
        let_pass(self, seconds=61)
        for forged in ("x", ticket[:-1], "A" + ticket, ticket.replace(":", "::"), "é", "A" * 2_000):
            with self.subTest(forged[:20]):
                self.assertContains(self.send(ticket=forged), MISSING)

    def test_three_go_through_from_one_caller_and_others_are_not_held_up(self):
        people = ["an", "binh", "em", "khong.co"]
        tickets = [self.ticket() for _ in range(5)]
        let_pass(self, seconds=61)

        answers = [
            self.send(name, Client(), ticket=ticket).status_code
            for name, ticket in zip(people, tickets, strict=False)
        ]
        elsewhere = self.send("chi", Client(REMOTE_ADDR="10.9.9.9"), ticket=tickets[4])

        self.assertEqual(answers, [302, 302, 302, 429])
        self.assertRedirects(elsewhere, CODE, fetch_redirect_response=False)

    def test_those_who_work_are_not_counted_in_the_slow_lane(self):
        for name in ("an", "binh", "em", "khong.co"):
            proof = self.spell(self.solve(self.task()))
            with self.subTest(name):
                r = self.send(name, Client(), proof=proof)

                self.assertEqual(r.status_code, 302)

    def test_an_office_behind_one_address_has_a_wider_lane(self):
        tickets = [self.ticket() for _ in range(4)]
        self.assertGreater(OFFICE_FACTOR, 1)
        let_pass(self, seconds=61)

        with self.settings(OFFICE_NETWORKS=[ip_network("127.0.0.0/8")]):
            answers = [
                self.send(f"a{n}", Client(), ticket=ticket).status_code
                for n, ticket in enumerate(tickets)
            ]

        self.assertEqual(answers, [302] * 4)


class BrowserTests(browser.BrowserTestCase):
    def setUp(self):
        super().setUp()
        Brakes.objects.update(proof_of_work=True)

    def test_the_form_does_the_work_by_itself(self):
        self.ask_in_browser()

        self.enter_code(self.code_on_the_phone("+84987466981"))
        self.is_at("/quen-mat-khau/mat-khau-moi/")

    def test_a_press_before_the_work_is_done_is_sent_when_it_is(self):
        self.page.add_init_script(SLOW_MACHINE)
        self.go(ASK)
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        self.press("Tiếp tục")
        self.sees("Đang xử lý…")
        self.is_at(ASK)

        self.page.evaluate("() => beginToWork()")

        self.is_at(CODE)


class NoScriptTests(browser.BrowserTestCase):
    java_script = False

    def setUp(self):
        super().setUp()
        Brakes.objects.update(proof_of_work=True)

    def test_without_javascript_a_minutes_wait_is_enough(self):
        self.go(ASK)
        self.sees("hãy chờ 1 phút")
        self.fill("Địa chỉ thư điện tử công vụ", "an")
        let_pass(self, seconds=61)

        self.press("Tiếp tục")

        self.is_at(CODE)
