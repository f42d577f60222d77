"""A newcomer's way in: a slip, a number, its code, a password."""

import io
import logging
import re

from django.conf import settings
from django.core import serializers
from django.db import connection
from django.test import Client, TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, ActivationSlip, Address, AuditEvent, Session
from otp.codes.slips import SIGNS, SLIP_LENGTH, TRIES
from otp.counting.tightening import CALLER_GUESSES
from otp.models import Code, Message
from tests.support import cast
from tests.support.cast import LOGIN, NEW_PASSWORD, newest_code
from tests.support.clock import Clock

SLIP, NUMBER = "/kich-hoat/", "/kich-hoat/so-dien-thoai/"
CONFIRM, PASSWORD = "/kich-hoat/xac-thuc/", "/kich-hoat/mat-khau/"
GIVE = "/quan-tri/phieu-kich-hoat/in/"
WRONG = "CFGHJKMNPQRT"
PHONE, STORED = "0912 345 678", "+84912345678"
NOT_RIGHT = "Địa chỉ hoặc mã kích hoạt chưa đúng"
OVER = "Lần kích hoạt trước đã xong"


def newcomer(name, **columns):
    """Make an account nobody has been in yet: it has no password."""
    return Account.objects.create_user(name, None, **columns)


class Newcomers(cast.Cast, TestCase):
    """Lan and Mai are new: no password, no number. IT of the province prints their slips."""

    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()
        self.lan = newcomer("lan", full_name="Hoàng Thị Lan")
        self.mai = newcomer("mai", full_name="Sùng Thị Mai")
        self.it = cast.make_staff("it.tinh", "province-it")
        self.desk = Client(REMOTE_ADDR="192.0.2.9")
        self.come_in(self.it, client=self.desk)

    def print_slips(self, *people, **data):
        keys = ",".join(str(each.pk) for each in people)
        return self.desk.post(GIVE, {"people": keys, "layout": "mot", "why": "Mới", **data})

    def given(self, person):
        """Print a slip for somebody and read the code on it."""
        page = self.print_slips(person).content.decode()
        return re.search(r'slip__code">([^<]*)<', page)[1]

    def try_slip(self, code, address="lan", client=None):
        return (client or self.client).post(SLIP, {"address": address, "code": code})

    def to_password(self, code, address="lan", client=None, phone=PHONE):
        client = client or self.client
        self.try_slip(code, address, client)
        client.post(NUMBER, {"phone": phone})
        return client.post(CONFIRM, {"code": newest_code()})

    def choose(self, password=NEW_PASSWORD, client=None):
        data = {"new_password1": password, "new_password2": password}
        return (client or self.client).post(PASSWORD, data)


class WayInTests(Newcomers):
    def test_a_slip_leads_to_a_number_and_a_password(self):
        code = self.given(self.lan)

        self.assertRedirects(self.try_slip(code), NUMBER)
        self.assertRedirects(self.client.post(NUMBER, {"phone": PHONE}), CONFIRM)
        page = self.client.get(CONFIRM)
        self.assertContains(page, "***345678")
        self.assertRedirects(self.client.post(CONFIRM, {"code": newest_code()}), PASSWORD)
        r = self.choose()

        self.assertRedirects(r, LOGIN)
        self.lan.refresh_from_db()
        self.assertEqual((self.lan.phone, self.lan.new_phone), (STORED, ""))
        self.assertTrue(self.lan.phone_is_confirmed)
        self.assertRedirects(self.log_in("lan", NEW_PASSWORD), "/")
        events = AuditEvent.objects.filter(account=self.lan).values_list("event", flat=True)
        for event in ("slip-given", "slip-right", "phone-asked", "phone-first", "activated"):
            self.assertIn(event, events)

    def test_nothing_changes_before_the_password(self):
        self.to_password(self.given(self.lan))

        self.choose("ngan")

        self.lan.refresh_from_db()
        self.assertEqual((self.lan.phone, self.lan.has_usable_password()), ("", False))
        self.assertRedirects(self.choose(), LOGIN)

    def test_a_slip_works_once(self):
        code = self.given(self.lan)
        self.to_password(code)
        self.choose()

        r = self.try_slip(code, client=Client())

        self.assertContains(r, NOT_RIGHT)

    def test_however_it_is_typed(self):
        code = self.given(self.lan)
        for typed in (code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
            with self.subTest(typed=typed):
                self.assertRedirects(self.try_slip(typed, client=Client()), NUMBER)

    def test_what_no_slip_has_is_no_guess(self):
        code = self.given(self.lan)
        for typed in ("", "CFGH", "0" * SLIP_LENGTH, WRONG + "C", "ĐFGHJKMNPQRT"):
            for _ in range(2):
                r = self.try_slip(typed)
                self.assertNotContains(r, NOT_RIGHT)
                self.assertContains(r, 'id="id_code_error"')

        self.assertRedirects(self.try_slip(code), NUMBER)

    def test_a_slip_is_good_for_seven_days(self):
        code = self.given(self.lan)
        self.clock.forward(days=7, seconds=-1)
        self.assertRedirects(self.try_slip(code, client=Client()), NUMBER)

        self.clock.forward(seconds=1)

        self.assertContains(self.try_slip(code, client=Client()), NOT_RIGHT)

    def test_five_wrong_tries_end_it_for_that_caller_only(self):
        code = self.given(self.lan)
        for _ in range(TRIES.count):
            self.assertContains(self.try_slip(WRONG), NOT_RIGHT)

        self.assertContains(self.try_slip(code), NOT_RIGHT)
        self.assertRedirects(self.try_slip(code, client=Client(REMOTE_ADDR="10.9.9.9")), NUMBER)
        wrong = AuditEvent.objects.filter(event="slip-wrong")
        self.assertEqual(wrong.count(), TRIES.count)

    def test_four_wrong_tries_do_not(self):
        code = self.given(self.lan)
        for _ in range(TRIES.count - 1):
            self.try_slip(WRONG)

        for _ in range(3):
            self.assertRedirects(self.try_slip(code, client=Client()), NUMBER)

    def test_a_new_slip_has_tries_of_its_own(self):
        self.given(self.lan)
        for _ in range(TRIES.count):
            self.try_slip(WRONG)

        self.assertRedirects(self.try_slip(self.given(self.lan)), NUMBER)

    def test_given_again_the_old_one_dies_also_half_way(self):
        first = self.given(self.lan)
        self.to_password(first)
        second = self.given(self.lan)

        self.assertRedirects(self.choose(), SLIP)
        self.assertContains(self.try_slip(first, client=Client()), NOT_RIGHT)
        self.assertRedirects(self.try_slip(second, client=Client()), NUMBER)

    def test_of_somebody_else_it_opens_nothing(self):
        code = self.given(self.lan)
        self.given(self.mai)

        self.assertContains(self.try_slip(code, "mai"), NOT_RIGHT)

    def test_an_alias_leads_to_the_same_slip(self):
        Address.objects.create(address="lan.cu@hagiang.gov.vn", account=self.lan)

        self.assertRedirects(self.try_slip(self.given(self.lan), "lan.cu"), NUMBER)

    def test_whoever_is_no_newcomer_any_more_goes_no_further(self):
        now = timezone.now()
        changes = (
            {"locked_at": now},
            {"is_active": False},
            {"last_login": now},
            {"phone": "+84912000999"},
            {"password_changed_at": now},
        )
        for number, change in enumerate(changes):
            with self.subTest(change=list(change)):
                person = newcomer(f"moi{number}")
                code = self.given(person)
                on_the_way = Client()
                self.to_password(code, person.address, on_the_way, f"091234567{number}")
                Account.objects.filter(pk=person.pk).update(**change)

                self.assertRedirects(self.choose(client=on_the_way), SLIP)
                r = self.try_slip(code, person.address, Client())
                self.assertContains(r, NOT_RIGHT)

    def test_no_step_can_be_skipped(self):
        for page in (NUMBER, CONFIRM, PASSWORD):
            self.assertRedirects(self.client.get(page), SLIP)
        self.try_slip(self.given(self.lan))
        self.assertRedirects(self.client.get(PASSWORD), CONFIRM, target_status_code=302)
        self.assertRedirects(self.client.get(CONFIRM), NUMBER)
        self.assertRedirects(self.choose(), CONFIRM, target_status_code=302)

    def test_a_browser_left_open_is_closed(self):
        self.try_slip(self.given(self.lan))
        self.clock.forward(minutes=31)

        r = self.client.get(NUMBER, follow=True)

        self.assertRedirects(r, SLIP)
        self.assertContains(r, OVER)

    def test_codes_keep_the_office_s_rule(self):
        self.try_slip(self.given(self.lan))
        self.client.post(NUMBER, {"phone": PHONE})
        self.client.post(NUMBER, {"phone": PHONE})
        r = self.client.post(NUMBER, {"phone": "0912 345 679"})

        self.assertContains(r, "Mã tiếp theo gửi được từ")
        self.assertEqual(Code.objects.count(), 1)

    def test_the_session_s_key_changes_where_rights_do(self):
        code = self.given(self.lan)
        self.client.get(SLIP)
        keys = set()
        for step in (
            lambda: self.try_slip(code),
            lambda: self.client.post(NUMBER, {"phone": PHONE}),
            lambda: self.client.post(CONFIRM, {"code": newest_code()}),
        ):
            step()
            keys.add(self.client.cookies["sessionid"].value)
        self.assertGreaterEqual(len(keys), 2)

    def test_without_confirmation_of_numbers_a_code_is_asked_for_all_the_same(self):
        with override_settings(PHONE_CONFIRMATION=False):
            self.assertRedirects(self.to_password(self.given(self.lan)), PASSWORD)
            self.assertRedirects(self.choose(), LOGIN)

        self.lan.refresh_from_db()
        self.assertEqual(self.lan.phone, STORED)


class StrangerTests(Newcomers):
    """A known address with a slip, one without, one locked, one with a number, and none at all."""

    KINDS = ("lan", "mai", "chi", "an", "binh", "khong.co")

    def test_a_stranger_sees_and_costs_the_same_for_every_address(self):
        self.given(self.lan)
        walks = {}
        for number, name in enumerate(self.KINDS):
            browser = Client(REMOTE_ADDR=f"10.0.{number}.1")
            browser.get(SLIP)
            answers = []
            for _ in range(TRIES.count + 2):
                with CaptureQueriesContext(connection) as work:
                    r = self.try_slip(WRONG, name, browser)
                body = re.sub(
                    r'(name="(?:csrfmiddlewaretoken|step|address)" value=")[^"]*',
                    r"\1",
                    r.content.decode(),
                )
                headers = {k: v for k, v in r.items() if k != "Content-Length"}
                answers.append((r.status_code, headers, body, _shapes(work)))
            walks[name] = answers
        for name, answers in walks.items():
            for number, pair in enumerate(zip(answers, walks["lan"], strict=True)):
                with self.subTest(name=name, answer=number):
                    self.assertEqual(*pair)

    def test_a_caller_is_turned_away_in_the_end(self):
        statuses = [self.try_slip(WRONG, f"x{n}").status_code for n in range(21)]

        self.assertEqual(statuses, [200] * 20 + [429])

    def test_wrong_codes_count_with_all_other_guesses(self):
        key = "ceiling:guesses"
        counted = "SELECT coalesce(sum(count), 0) FROM otp_meter WHERE key LIKE %s"

        def tally():
            with connection.cursor() as cursor:
                cursor.execute(counted, [f"{key}%"])
                return cursor.fetchone()[0]

        code = self.given(self.lan)
        before = tally()
        self.try_slip(WRONG)
        wrong = tally()
        self.try_slip(code, client=Client())

        self.assertEqual((wrong > before, tally()), (True, wrong))

    def test_a_caller_who_guessed_too_often_waits(self):
        for n in range(CALLER_GUESSES):
            self.try_slip(WRONG, f"x{n}")
            if n % 19 == 18:
                self.clock.forward(minutes=11)

        r = self.try_slip(self.given(self.lan))

        self.assertEqual(r.status_code, 429)


class SecretTests(Newcomers):
    def test_the_code_is_stored_and_logged_nowhere(self):
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        self.addCleanup(logging.getLogger().removeHandler, handler)
        code = self.given(self.lan)
        bare = code.replace("-", "")
        pages = [self.try_slip(code), self.client.get(NUMBER)]
        pages += [self.desk.get(page) for page in ("/quan-tri/phieu-kich-hoat/", GIVE)]
        pages += [self.try_slip(bare[:-1] + "C" if bare[-1] != "C" else bare[:-1] + "F")]

        stored = serializers.serialize(
            "json",
            [
                *ActivationSlip.objects.all(),
                *AuditEvent.objects.all(),
                *Session.objects.all(),
                *Message.objects.all(),
                *Account.objects.all(),
            ],
        )
        sessions = [self.client.session.items(), self.desk.session.items()]
        for text in (stored, log.getvalue(), str(sessions), *(p.content.decode() for p in pages)):
            self.assertNotIn(bare, text)
            self.assertNotIn(code, text)

    def test_signs_are_drawn_evenly_and_have_no_look_alikes(self):
        self.assertFalse(set(SIGNS) & set("0O1IL5S2Z8BUV6") - {"V"})
        codes = {self.given(self.lan) for _ in range(20)}

        self.assertEqual(len(codes), 20)
        self.assertTrue(all(re.fullmatch(rf"([{SIGNS}]{{4}}-?){{3}}", code) for code in codes))

    def test_a_rotated_pepper_keeps_slips_a_dropped_one_ends_them(self):
        code = self.given(self.lan)
        with override_settings(OTP_PEPPERS=["b" * 32, *settings.OTP_PEPPERS]):
            self.assertRedirects(self.try_slip(code, client=Client()), NUMBER)
        with override_settings(OTP_PEPPERS=["b" * 32]):
            self.assertContains(self.try_slip(code, client=Client()), NOT_RIGHT)


def _shapes(work):
    """Give the statements without what was put into them."""
    return [
        re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", query["sql"])
        for query in work.captured_queries
        if "SAVEPOINT" not in query["sql"]
    ]
