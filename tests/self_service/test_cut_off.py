"""Whoever is cut off in the middle of a step and tries again has lost nothing (GO-03).

The connection to PostgreSQL is cut at every message of every form, before the server has done what
the message asks for; and after it, when only the answer is lost, where what it did then stands. Of
a transaction that is still open the server undoes all, on whichever side of a message it is cut.
"""

import re

from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import timezone

from accounts.models import Account, AuditEvent
from otp.counting import keyed_names
from otp.models import Code, Message, Purpose
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.cutting import AFTER, BEFORE, wire_between

PHONE = "/cau-hinh/thong-tin/{}/"
PHONE_CODE = "/cau-hinh/thong-tin/{}/xac-thuc/"
PROFILE = "/cau-hinh/thong-tin/"
CHANGE = "/cau-hinh/mat-khau/"
LOST = "lost"  # all was done, and the answer, cookies and all, never reached the browser
Event = AuditEvent.Event


def hidden_fields(page):
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: value for name, value in found if name != "website"}


class CutTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.people = 0

    def somebody(self):
        """Make another person, with a browser at an address of its own."""
        self.people += 1
        n = self.people
        person = cast.make(f"nguoi{n}", phone=f"+8491{n:07}", phone_confirmed_at=timezone.now())
        browser = Client(
            REMOTE_ADDR=f"10.1.{n // 250}.{n % 250 + 1}",
            raise_request_exception=False,
            enforce_csrf_checks=True,
        )
        return person, browser

    def submit(self, browser, page, **typed):
        """Open a page, fill in its form and send it."""
        return browser.post(page, hidden_fields(browser.get(page)) | typed)

    def cut_everywhere(self, prepare, page, typed, goal):
        """Cut the POST to `page` at each of its messages; then send the same form again.

        `prepare` brings somebody there; `typed` gives what they type; `goal` looks at what came of
        the second time.
        """
        with wire_between() as wire:
            wire.arm()
            cases = [(0, LOST)]
            person, browser = self.somebody()
            prepare(person, browser)
            form = hidden_fields(browser.get(page(person))) | typed(person)
            wire.arm()
            goal(person, browser, browser.post(page(person), form))
            messages, lasting = self.messages(wire, prepare, page, typed)
            self.assertGreater(messages, 4)
            self.assertIn(messages, lasting)
            cases += [(n, BEFORE) for n in range(1, messages + 1)]
            cases += [(n, AFTER) for n in sorted(lasting)]
            for cut, when in cases:
                with self.subTest(cut=cut, when=when, of=messages):
                    self.cut_once(wire, prepare, page, typed, goal, cut, when)

    def messages(self, wire, prepare, page, typed):
        person, browser = self.somebody()
        prepare(person, browser)
        form = hidden_fields(browser.get(page(person))) | typed(person)
        wire.arm()
        browser.post(page(person), form)
        return wire.count, wire.lasting

    def cut_once(self, wire, prepare, page, typed, goal, cut, when):
        person, browser = self.somebody()
        prepare(person, browser)
        form = hidden_fields(browser.get(page(person))) | typed(person)
        cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
        wire.arm(cut, when)
        first = browser.post(page(person), form)
        wire.arm()
        connection.close()
        if when == LOST:
            browser.cookies.clear()
            browser.cookies.load(cookies)
        else:
            self.assertEqual(first.status_code, 503)

        second = browser.post(page(person), form)

        goal(person, browser, second)

    def ask_for(self, person, browser):
        self.assertEqual(self.submit(browser, ASK, address=person.address).url, CODE)

    def enter_code(self, person, browser):
        self.ask_for(person, browser)
        self.assertEqual(self.submit(browser, CODE, code=newest_code()).url, NEW)

    def come_in_as(self, person, browser):
        r = self.submit(browser, LOGIN, username=person.address, password=PASSWORD)
        self.assertEqual(r.status_code, 302)

    def count(self, event, person):
        return AuditEvent.objects.concerning(person).filter(event=event).count()

    def codes_of(self, person, purpose=Purpose.RECOVERY):
        keys = keyed_names.names_of("address", person.address)
        return Code.objects.filter(address_key__in=keys, purpose=purpose)

    def test_asking_for_a_code(self):
        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, CODE))
            code = self.codes_of(person).get()
            self.assertEqual(Message.objects.filter(code=code).count(), 1)
            self.assertEqual(self.submit(browser, CODE, code=newest_code()).url, NEW)

        self.cut_everywhere(
            lambda person, browser: None,
            lambda person: ASK,
            lambda person: {"address": person.address},
            goal,
        )

    def test_entering_the_code(self):
        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, NEW))
            self.assertEqual(self.count(Event.CODE_RIGHT, person), 1)
            self.assertEqual(self.codes_of(person).get().attempts, 1)
            r = self.submit(browser, NEW, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
            self.assertEqual(r.url, LOGIN)

        self.cut_everywhere(
            self.ask_for, lambda person: CODE, lambda person: {"code": newest_code()}, goal
        )

    def test_entering_the_code_with_the_last_guess(self):
        def prepare(person, browser):
            self.ask_for(person, browser)
            for _ in range(4):
                self.submit(browser, CODE, code=cast.wrong_code())

        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, NEW))
            self.assertEqual(self.count(Event.CODE_RIGHT, person), 1)

        self.cut_everywhere(
            prepare, lambda person: CODE, lambda person: {"code": newest_code()}, goal
        )

    def test_choosing_the_password(self):
        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, LOGIN))
            self.assertEqual(self.count(Event.PASSWORD_RESET, person), 1)
            person.refresh_from_db()
            self.assertTrue(person.check_password(NEW_PASSWORD))
            self.assertEqual(Message.objects.filter(code=None, to=person.phone).count(), 1)

        self.cut_everywhere(
            self.enter_code,
            lambda person: NEW,
            lambda person: {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
            goal,
        )

    def test_asking_for_a_new_phone(self):
        for minutes in (0, 20):  # the password is asked for again after ten
            with self.subTest(minutes_after_the_log_in=minutes):
                self.ask_for_a_new_phone(minutes)

    def ask_for_a_new_phone(self, minutes):
        def prepare(person, browser):
            self.come_in_as(person, browser)
            if minutes:
                session = browser.session
                session.pop("password_at")
                session.save()

        def goal(person, browser, r):
            page = PHONE_CODE.format(person.address)
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, page))
            self.assertEqual(self.codes_of(person, Purpose.PHONE).count(), 1)
            self.assertEqual(self.submit(browser, page, code=newest_code()).url, PROFILE)

        def typed(person):
            return {"phone": f"0987{person.pk:06}"[:10], "password": PASSWORD}

        self.cut_everywhere(prepare, lambda person: PHONE.format(person.address), typed, goal)

    def test_confirming_a_new_phone(self):
        def prepare(person, browser):
            self.come_in_as(person, browser)
            phone = f"0987{person.pk:06}"[:10]
            r = self.submit(browser, PHONE.format(person.address), phone=phone)
            self.assertEqual(r.status_code, 302)

        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, PROFILE))
            person.refresh_from_db()
            self.assertEqual(person.phone[:6], "+84987")
            self.assertEqual(self.count(Event.PHONE_CHANGED, person), 1)
            self.assertEqual(self.count(Event.CODE_RIGHT, person), 1)
            self.assertContains(browser.get(PROFILE), "Đã cập nhật số điện thoại.")

        self.cut_everywhere(
            prepare,
            lambda person: PHONE_CODE.format(person.address),
            lambda person: {"code": newest_code()},
            goal,
        )

    def test_changing_the_password(self):
        def goal(person, browser, r):
            self.assertEqual((r.status_code, r.headers.get("Location")), (302, "/"))
            self.assertContains(browser.get("/"), "Đã đổi mật khẩu.")
            self.assertEqual(self.count(Event.PASSWORD_CHANGED, person), 1)
            self.assertTrue(Account.objects.get(pk=person.pk).check_password(NEW_PASSWORD))

        typed = {
            "password": PASSWORD,
            "new_password1": NEW_PASSWORD,
            "new_password2": NEW_PASSWORD,
        }
        self.cut_everywhere(self.come_in_as, lambda person: CHANGE, lambda person: typed, goal)


class StrangerTests(cast.Cast, TransactionTestCase):
    """Nobody else takes up what was issued."""

    def setUp(self):
        self.set_up_people()

    def test_another_browser_takes_nothing_up(self):
        self.client.get(ASK)
        self.ask()
        stranger = Client()
        stranger.get(ASK)

        self.assertContains(self.ask(client=stranger), "Chưa gửi mã mới")

    def test_the_key_from_before_opens_nothing_without_the_code(self):
        self.ask()
        thief = Client()
        thief.cookies.load({name: it.value for name, it in self.client.cookies.items()})
        self.guess(newest_code())

        self.assertRedirects(thief.get(NEW), ASK, fetch_redirect_response=False)
        self.assertContains(self.guess(cast.wrong_code(), thief), "Mã chưa đúng")
        self.assertEqual(thief.get(NEW).url, ASK)

    def test_wrong_codes_after_a_right_one_are_limited(self):
        self.ask()
        right, wrong = newest_code(), cast.wrong_code()
        thief = Client()
        thief.cookies.load({name: it.value for name, it in self.client.cookies.items()})
        self.guess(right)
        for _ in range(5):
            self.guess(wrong, thief)

        self.assertEqual(self.guess(right, thief).url, CODE)
