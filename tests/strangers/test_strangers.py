"""What a stranger can learn: nothing about who has an account, a phone or a quota left."""

import itertools
import re
from collections import Counter

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.credentials.hashers import BoundedArgon2Hasher
from accounts.models import Address
from accounts.self_service.recovery import decoy_phone
from otp import outbox
from otp.models import Code, Message
from otp.suppliers.gateway import GatewayRefused
from otp.suppliers.route import Route
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, PASSWORD, newest_code, queued
from tests.support.clock import Clock, let_pass

NAMES = ("an", "chi", "khong.co")

# What may differ between two pages: the token, the step, the address and the digits of a number.
_OWN = (
    (r'(name="(?:csrfmiddlewaretoken|step|address|username)" value=")[^"]*', r"\1"),
    (r"\b[a-z.]+@hagiang\.gov\.vn", "ADDRESS"),
    (r"\*\*\*\d{6}|kết thúc bằng \d{6}", "DIGITS"),
)


class Stranger(Client):
    """A browser that notes how much work its requests were."""

    def request(self, **request):
        with CaptureQueriesContext(connection) as work:
            response = super().request(**request)
        response.work = len(work)
        return response


def seen(response):
    """Give all that a response shows and costs, but for what the visitor typed or was given."""
    body = response.content.decode()
    for pattern, instead in _OWN:
        body = re.sub(pattern, instead, body)
    headers = {name: value for name, value in response.items() if name != "Content-Length"}
    cookies = {name: dict(morsel) for name, morsel in response.cookies.items()}
    return response.status_code, headers, cookies, body, response.work


class CountingHasher(BoundedArgon2Hasher):
    """The portal's own hasher, with a counter."""

    computed = 0

    def encode(self, *args, **kwargs):
        type(self).computed += 1
        return super().encode(*args, **kwargs)

    def verify(self, *args, **kwargs):
        type(self).computed += 1
        return super().verify(*args, **kwargs)


class RecoveryTests(cast.Cast, TestCase):
    """EN-01, EN-02, EN-05, EN-07: every kind of address; the first is an ordinary one.

    Giang's number was never confirmed, Hanh's has had all the codes a number gets in a day, and
    ten wrong guesses in a row closed Kien's address. Lan, who has no phone, and Mai are asked for
    by an alias.
    """

    DECOYS = ("binh", "chi", "dung", "giang", "hanh", "kien", "lan.cu", "khong.co")
    KINDS = ("an", "mai.cu", *DECOYS)

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 1, 9, 30)
        self.set_up_people()
        now = timezone.now()
        cast.make("giang", phone="+84912000444")
        for name, columns in (
            ("lan", {}),
            ("mai", {"phone": "+84912000777", "phone_confirmed_at": now}),
        ):
            owner = cast.make(name, **columns)
            Address.objects.create(address=f"{name}.cu@hagiang.gov.vn", account=owner)
        for name in ("hanh", *(f"hanh.{n}" for n in range(6))):
            cast.make(name, phone="+84912000555", phone_confirmed_at=now)
        cast.make("kien", phone="+84912000666", phone_confirmed_at=now)
        for _ in range(2):
            self.ask("kien", browser := Client())
            for _ in range(5):
                self.guess(cast.wrong_code(), browser)
            self.clock.to(2026, 3, 1, 20, 30)
        for n in range(6):
            self.ask(f"hanh.{n}", Client())

    def assert_all_alike(self, walk):
        """Walk the same way at the same time with every kind of address; compare all answers."""
        walks = {}
        for number, name in enumerate(self.KINDS):
            self.clock.to(2026, 3, 2, 9, 30)
            self.place = f"10.0.0.{number}"
            walks[name] = [seen(response) for response in walk(name)]
        for name, answers in walks.items():
            for number, (answer, expected) in enumerate(zip(answers, walks["an"], strict=True)):
                with self.subTest(name=name, answer=number):
                    self.assertEqual(answer, expected)

    def browser(self):
        return Stranger(REMOTE_ADDR=self.place)

    def test_a_first_time(self):
        def walk(name):
            browser = self.browser()
            yield self.ask(name, browser)
            yield browser.get(CODE)
            yield browser.get(ASK)
            yield self.ask(name, browser)
            yield browser.get(NEW)

        Message.objects.all().delete()
        self.assert_all_alike(walk)
        self.assertEqual(queued(), 2)

    def test_asking_three_times(self):
        def walk(name):
            for _ in range(3):
                browser = self.browser()
                yield self.ask(name, browser)
                yield browser.get(CODE)
                yield self.ask(name, self.browser())
                self.clock.forward(minutes=5)

        self.assert_all_alike(walk)

    def test_six_wrong_codes(self):
        def walk(name):
            browser = self.browser()
            self.ask(name, browser)
            for _ in range(6):
                yield self.guess(cast.wrong_code(), browser)
                yield browser.get(CODE)
            yield self.ask(name, browser)
            yield self.choose(client=browser)

        self.assert_all_alike(walk)

    def test_a_code_that_ran_out(self):
        def walk(name):
            browser = self.browser()
            self.ask(name, browser)
            self.clock.forward(minutes=5)
            yield browser.get(CODE)
            yield self.guess(cast.wrong_code(), browser)
            yield browser.get(CODE)

        self.assert_all_alike(walk)

    def test_whoever_knows_the_digits_of_a_decoy_gets_nowhere(self):
        self.clock.to(2026, 3, 2, 9, 30)
        for name in self.DECOYS:
            with self.subTest(name=name):
                self.clock.forward(seconds=1)
                self.ask(name, browser := Client())

                r = self.guess(newest_code(), browser)

                self.assertContains(r, "còn 4 lần nhập")

    def test_a_number_that_the_gateway_refuses(self):
        def walk(name):
            browser = self.browser()
            yield self.ask(name, browser)
            while outbox.deliver_one(Route([RefusingGateway()])):
                pass
            yield browser.get(CODE)
            yield self.ask(name, browser)
            yield self.ask(name, self.browser())
            yield self.guess(cast.wrong_code(), browser)
            self.clock.forward(minutes=5)
            yield self.ask(name, browser)
            yield browser.get(CODE)
            while outbox.deliver_one(Route([RefusingGateway()])):
                pass
            yield self.ask(name, self.browser())

        self.assert_all_alike(walk)
        self.assertTrue(Code.objects.filter(voided=True).exists())

    @override_settings(PHONE_MASK_DIGITS=0)
    def test_with_no_digits_shown(self):
        def walk(name):
            browser = self.browser()
            self.ask(name, browser)
            yield browser.get(CODE)

        self.assert_all_alike(walk)


class RefusingGateway:
    name = "refusing"
    repeats_are_harmless = False

    def send(self, sms):
        raise GatewayRefused("21614")


class DigitsTests(cast.Cast, TestCase):
    """EN-03: the digits made up for an address that has none."""

    def setUp(self):
        self.set_up_people()

    def tail(self, name):
        self.ask(name, browser := Client())
        return re.search(r"\*\*\*(\d{6})", browser.get(CODE).content.decode())[1]

    def test_they_stay_the_same(self):
        for name in ("binh", "chi", "dung", "khong.co"):
            with self.subTest(name=name):
                first = self.tail(name)
                let_pass(self, minutes=6)

                self.assertEqual(self.tail(f" {name.upper()}@hagiang.gov.vn"), first)

    def test_they_are_not_those_of_the_number_behind_a_closed_account(self):
        self.assertNotEqual(self.tail("chi"), "000222")
        self.assertNotEqual(self.tail("dung"), "000333")

    def test_they_are_spread_like_those_of_real_numbers(self):
        tails = [decoy_phone(f"ai.do.{n}@hagiang.gov.vn")[-6:] for n in range(3000)]

        self.assertGreater(len(set(tails)), 2980)
        for place in range(6):
            counts = Counter(tail[place] for tail in tails)
            # 300 each are expected; five times the deviation is 82.
            self.assertEqual(len(counts), 10)
            self.assertTrue(all(218 < count < 382 for count in counts.values()), counts)

    def test_they_are_a_number_that_could_be(self):
        for n in range(50):
            self.assertRegex(decoy_phone(f"{n}@hagiang.gov.vn"), r"^\+849\d{8}$")


@override_settings(PASSWORD_HASHERS=[f"{__name__}.CountingHasher"])
class LogInTests(cast.Cast, TestCase):
    """EN-06, EN-08, EN-10."""

    def setUp(self):
        self.set_up_people()
        giang = cast.make("giang")
        giang.set_unusable_password()
        giang.save()
        Address.objects.create(address="giang.cu@hagiang.gov.vn", account=giang)

    CASES = (
        ("an", "Sai-mat-khau-8"),
        ("chi", PASSWORD),
        ("chi", "Sai-mat-khau-8"),
        ("dung", PASSWORD),
        ("giang", PASSWORD),
        ("giang", "!"),
        ("khong.co", PASSWORD),
        ("khong.co", "x" * 1000),
        ("giang.cu", PASSWORD),
        ("an@gmail.com", PASSWORD),
        ("аn", PASSWORD),  # a Cyrillic а
    )

    def answer(self, name, password):
        CountingHasher.computed = 0
        return seen(self.log_in(name, password, Stranger())), CountingHasher.computed

    def test_whatever_is_wrong_the_page_and_the_work_are_the_same(self):
        model = self.answer(*self.CASES[0])
        self.assertEqual(model[1], 1)

        # Where the domain is mistyped, the right one is offered: to whoever is called so, or not.
        elsewhere = self.answer("khong.co@gmail.com", PASSWORD)
        self.assertEqual(elsewhere[1], 1)

        for name, password in self.CASES[1:]:
            with self.subTest(name=name, password=password[:20]):
                expected = elsewhere if "@gmail" in name else model
                self.assertEqual(self.answer(name, password), expected)

    def test_so_is_the_answer_to_too_many(self):
        Clock(self, 2026, 3, 2, 9, 30)
        held = {}
        for name in ("an", "chi", "dung", "giang", "khong.co", "an@gmail.com"):
            for _ in range(10):
                self.log_in(name, "Sai-mat-khau-8", Client(REMOTE_ADDR=f"10.0.0.{len(held)}"))
            held[name] = self.answer(name, PASSWORD)

        for name, answer in held.items():
            with self.subTest(name=name):
                self.assertIn("Đã nhập sai nhiều lần", answer[0][3])
                self.assertEqual(answer, held["an"])
                self.assertEqual(answer[1], 0)

    def test_the_admin_has_no_log_in_of_its_own(self):
        cast.make("it", is_staff=True)
        for name in ("it", "an", "khong.co"):
            with self.subTest(name=name):
                r = Client().post("/quan-tri/login/", {"username": name, "password": PASSWORD})

                self.assertEqual(r.status_code, 302)
                self.assertTrue(r.url.startswith(LOGIN))


class ThrottleTests(cast.Cast, TestCase):
    """EN-08: who is stopped learns nothing either."""

    def setUp(self):
        Clock(self, 2026, 3, 2, 9, 30)
        self.set_up_people()

    def test_the_answer_is_the_same_for_every_address(self):
        for _ in range(20):
            self.ask("khong.co", Client())

        for remembered in (False, True):
            answers = []
            for name in ("an", "binh", "chi", "khong.co"):
                if not remembered:
                    cache.clear()
                answers.append(seen(self.ask(name, Stranger())))

            with self.subTest(remembered=remembered):
                self.assertEqual(answers[0][0], 429)
                for answer in answers[1:]:
                    self.assertEqual(answer, answers[0])
        self.assertEqual(Code.objects.count(), 1)

    def test_the_answer_is_the_same_at_every_door(self):
        for page, count in ((ASK, 20), (CODE, 60), (NEW, 60), (LOGIN, 60)):
            for _ in range(count):
                self.client.post(page)

        answers = [seen(Stranger().post(page)) for page in (ASK, CODE, NEW, LOGIN)]

        self.assertEqual(answers[0][0], 429)
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0])


class PhoneTests(cast.Cast, TestCase):
    """EN-09: the number that somebody else has looks like any other."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)
        self.set_up_people()

    def test_a_number_of_somebody_else_is_taken_like_a_free_one(self):
        page = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"
        answers = []
        for phone in ("0987466981", "0912000222", "0912000999"):
            self.clock.to(2026, 3, 2, 9, 30)
            Code.objects.all().delete()
            self.log_in("binh", client=(browser := Stranger()))
            answers.append([seen(browser.post(page, {"phone": phone}))])
            answers[-1].append(seen(browser.get(f"{page}xac-thuc/")))

        self.assertEqual(answers[0][0][0], 302)
        self.assertEqual(answers[0], answers[2])
        self.assertEqual(answers[1], answers[2])

    def test_the_page_of_somebody_else_is_as_missing_as_one_that_never_was(self):
        self.log_in("binh", client=(browser := Stranger()))

        for step, act in itertools.product(("", "xac-thuc/"), (browser.get, browser.post)):
            pages = [f"/cau-hinh/thong-tin/{name}@hagiang.gov.vn/{step}" for name in NAMES]
            answers = [seen(act(page)) for page in pages]

            for answer in answers:
                with self.subTest(step=step, act=act.__name__):
                    self.assertEqual(answer[0], 404)
                    self.assertEqual(answer[3], answers[0][3])


class StatementTests(cast.Cast, TransactionTestCase):
    """How many statements an answer takes, BEGIN and COMMIT included."""

    def test_a_stranger_who_looks_at_a_public_page_costs_little_and_gets_no_session(self):
        # Step 1 asks whether the portal is under attack.
        for page, work in ((LOGIN, 0), (ASK, 1), ("/huong-dan/", 0), ("/quyen-rieng-tu/", 0)):
            with self.subTest(page=page):
                r = Stranger().get(page)

                self.assertEqual((r.status_code, r.work), (200, work))
                self.assertNotIn(settings.SESSION_COOKIE_NAME, r.cookies)

    def test_a_recovery_takes_few_and_the_same_for_everybody(self):
        self.set_up_people()
        for name in ("khong.co", "binh", "chi", "dung", "an"):
            with self.subTest(name=name):
                browser = Stranger()

                asked = self.ask(name, browser)
                guessed = self.guess(cast.wrong_code(), browser)

                self.assertEqual((asked.work, guessed.work), (6, 7))
        self.assertLessEqual(self.guess(newest_code(), browser).work, 8)
