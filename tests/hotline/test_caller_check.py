"""The desk's check of a caller: words go to the registered number and are read back (AD-13)."""

import dataclasses
import math

from django.conf import settings
from django.core.serializers import serialize
from django.test import Client, SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.hotline import caller_check, remedies
from accounts.models import Account, AuditEvent, DailyHelp, Session
from accounts.models.audit_event import Ground
from mailportal import profile
from otp import codes, outbox
from otp.codes import Verdict, words
from otp.codes.fates import of_day
from otp.models import CALLER_TRIES, Code, Message, Meter, Purpose
from otp.suppliers.route import route_from_settings
from tests.hotline.test_desk import Desk, page_of
from tests.support import cast
from tests.support.clock import Clock, let_pass
from tests.support.crowd import at_once
from tests.support.programs import gateway

UNCHECKED = "số đăng ký không còn dùng, đã gặp trực tiếp"
ASKED = "Vì sao không đối chiếu người gọi"


def newest():
    return Code.objects.filter(purpose=Purpose.CALLER).latest("issued_at")


def words_sent():
    code = newest()
    return words.words_of(code.pk, code.pepper_id)


def others(right):
    """Give words that are not those, with another number at the end."""
    return f"{right[:-2]}{(int(right[-2:]) + 1) % 100:02}"


class Checks(Desk):
    def send(self, account=None, client=None):
        page = page_of(account or self.an, "doi-chieu/nhan-tin")
        return (client or self.client).post(page, follow=True)

    def read_back(self, typed, account=None, client=None):
        page = page_of(account or self.an, "doi-chieu")
        return (client or self.client).post(page, {"words": typed}, follow=True)

    def events(self, name):
        return AuditEvent.objects.filter(event=name)

    def at_another_desk(self, name="nam"):
        staff, desk = cast.make_staff(name, "hotline"), Client()
        self.come_in(staff, desk)
        return desk


class SendTests(Checks, TestCase):
    def test_words_go_to_the_registered_number_worded_unlike_a_code(self):
        supplier = gateway.supply(self)

        r = self.send()

        self.assertContains(r, "Đã nhắn từ đối chiếu")
        self.assertContains(r, "đang chờ gửi")
        waiting = Message.objects.get(code=newest())
        self.assertNotIn(words_sent(), waiting.text)
        outbox.deliver_one(route_from_settings())
        (given,) = supplier.texts
        self.assertEqual(given["to"], self.an.phone)
        self.assertIn(f": {words_sent()}.", given["text"])
        self.assertRegex(words_sent(), "^[A-Z]+ [A-Z]+ [0-9]{2}$")
        for sign in ("ma xac thuc", "Ma xac thuc", codes.digits(newest().pk, newest().pepper_id)):
            self.assertNotIn(sign, given["text"])
        page = self.client.get(page_of(self.an, "doi-chieu"))
        self.assertContains(page, "nhà mạng đã nhận")
        self.assertEqual(self.events("caller-asked").get().actor, self.mai)

    def test_the_words_are_stored_nowhere(self):
        self.send()
        sent = words_sent()
        self.read_back(others(sent))
        self.read_back(sent)

        for model in (Code, Message, AuditEvent, Meter, Session, Account, DailyHelp):
            kept = serialize("json", model.objects.all()).lower()
            for shape in (sent, sent.replace(" ", ""), others(sent)):
                self.assertNotIn(shape.lower(), kept, model)

    def test_they_are_counted_apart_from_codes_and_like_them(self):
        clock = Clock(self, 2026, 11, 23, 9, 0)
        self.come_in(self.mai)
        self.send()
        self.assertContains(self.send(), "Chưa nhắn từ mới")
        self.assertContains(self.send(client=self.at_another_desk()), "có thể do cán bộ khác")
        clock.forward(minutes=6)
        self.send()
        clock.forward(minutes=6)
        self.come_in(self.mai)
        self.assertContains(self.send(), "Hôm nay đã nhắn từ đối chiếu đủ 2 lần")

        self.assertEqual(Code.objects.filter(purpose=Purpose.CALLER).count(), 2)
        for _ in range(2):
            self.assertEqual(self.ask(client=Client()).status_code, 302)
            clock.forward(minutes=6)
        reported = of_day(newest().local_day)
        self.assertEqual({code.purpose for code in reported}, {Purpose.RECOVERY})

    def test_a_shared_number_gets_no_more_than_its_cap(self):
        crowd = [
            cast.make(f"chung{n}", phone=self.an.phone, phone_confirmed_at=self.an.created_at)
            for n in range(codes.CALLER_CAP.count + 1)
        ]
        for account in crowd:
            r = self.send(account)

        self.assertContains(r, "số điện thoại này đã nhận quá nhiều")
        waiting = Message.objects.filter(code__purpose=Purpose.CALLER, state="queued")
        self.assertEqual(waiting.count(), codes.CALLER_CAP.count)
        self.assertEqual(self.ask(client=self.caller).status_code, 302)
        self.assertEqual(Message.objects.get(code__purpose=Purpose.RECOVERY).state, "queued")

    def test_nobody_is_checked_who_has_no_number(self):
        self.assertContains(self.see(), "Nhắn từ đối chiếu người gọi")
        self.assertNotContains(self.see(self.binh), "Nhắn từ đối chiếu người gọi")

        self.assertContains(self.send(self.binh), "không có số điện thoại nhận được tin")

        self.assertFalse(Code.objects.exists())

    def test_nothing_is_sent_on_a_get_or_to_oneself(self):
        page = page_of(self.an, "doi-chieu/nhan-tin")
        self.assertEqual(self.client.get(page).status_code, 405)
        self.assertEqual(self.send(self.mai).status_code, 403)
        self.assertFalse(Code.objects.exists())

    def test_an_office_without_a_wording_is_asked_for_nothing(self):
        sms = dataclasses.replace(settings.PROFILE.sms, caller_check="")
        with override_settings(PROFILE=dataclasses.replace(settings.PROFILE, sms=sms)):
            self.assertNotContains(self.see(), "đối chiếu")
            self.assertEqual(self.send().status_code, 404)
            self.assertNotContains(self.client.get(page_of(self.chi, "mo-khoa")), ASKED)
            self.assertContains(self.do("mo-khoa", self.chi), "Đã mở khóa tài khoản.")


class ReadBackTests(Checks, TestCase):
    def test_however_they_are_typed(self):
        shapes = {
            "as sent": lambda right: right,
            "small, in one": lambda right: right.replace(" ", "").lower(),
            "with accents": lambda right: right.replace("A", "Ấ").replace("O", "ộ"),
            "with marks between": lambda right: f" {right.replace(' ', ' - ')}. ",
        }
        for n, (what, shape) in enumerate(shapes.items()):
            account = cast.make(
                f"nguoi{n}", phone=f"+8491200{n:04}", phone_confirmed_at=self.an.created_at
            )
            self.send(account)
            with self.subTest(what):
                self.assertContains(
                    self.read_back(shape(words_sent()), account), "đã đối chiếu đúng người gọi"
                )
        self.assertEqual(self.events("caller-right").count(), len(shapes))

    def test_after_three_wrong_ones_they_are_dead(self):
        self.send()
        right = words_sent()

        for left in (2, 1):
            self.assertContains(self.read_back(others(right)), f"còn {left} lần nhập")
        self.assertContains(self.read_back(others(right)), "không dùng được nữa")

        self.assertContains(self.read_back(right), "không dùng được nữa")
        self.assertContains(self.client.get(page_of(self.an, "doi-chieu")), "đọc sai 3 lần")
        self.assertEqual(self.events("caller-wrong").count(), CALLER_TRIES)
        self.assertFalse(self.events("caller-right").exists())

    def test_a_slip_costs_no_try(self):
        self.send()
        for typed in ("", "nui", "27", "123456", "nui xanh 00x", "núi xanh", "a" * 99):
            with self.subTest(typed):
                self.assertEqual(self.read_back(typed).status_code, 200)
        self.assertEqual(newest().attempts, 0)

    def test_they_die_with_their_time_and_before_any_were_sent_there_are_none(self):
        self.assertContains(self.read_back("nui xanh 27"), "không dùng được nữa")
        self.send()
        let_pass(self, minutes=6)

        self.assertContains(self.read_back(words_sent()), "không dùng được nữa")

    def test_words_of_another_account_and_of_another_desk_are_wrong(self):
        self.send()
        right, desk = words_sent(), self.at_another_desk()

        self.assertContains(self.read_back(right, client=desk), "không dùng được nữa")
        self.assertContains(self.read_back(right, self.chi), "không dùng được nữa")
        self.send(self.chi)
        self.assertContains(self.read_back(right, self.chi), "Chưa đúng")

        self.assertContains(self.read_back(right), "đã đối chiếu đúng người gọi")

    def test_pressing_twice_says_that_it_was_right(self):
        self.send()
        for _ in range(2):
            r = self.read_back(words_sent())
            self.assertContains(r, "đã đối chiếu đúng người gọi")
        self.assertEqual(self.events("caller-right").count(), 1)

    def test_they_are_no_way_to_a_password(self):
        self.send()
        code, right = newest(), words_sent()
        bare = right.replace(" ", "")
        nonce = f"caller {self.mai.pk}"
        for purpose in (Purpose.RECOVERY, Purpose.PHONE):
            for typed in (right, bare, right[-2:], codes.digits(code.pk, code.pepper_id)):
                answer = codes.verify(code.pk, purpose, typed, nonce=nonce)
                self.assertIs(answer.verdict, Verdict.SPENT)
        digits = codes.digits(code.pk, code.pepper_id)
        answer = codes.verify(code.pk, Purpose.CALLER, digits, nonce=nonce)
        self.assertIs(answer.verdict, Verdict.WRONG)
        self.assertContains(self.read_back(right), "đã đối chiếu đúng người gọi")
        for purpose in (Purpose.RECOVERY, Purpose.PHONE):
            self.assertFalse(codes.spend(code.pk, purpose, nonce=nonce))

        # Nor is a code of step 2 taken by the desk, or words there.
        self.ask(client=self.caller)
        self.assertEqual(self.guess(bare, self.caller).status_code, 200)
        self.assertEqual(Code.objects.get(purpose=Purpose.RECOVERY).attempts, 0)


class AskedForTests(Checks, TestCase):
    def check(self, account=None, client=None):
        self.send(account, client)
        return self.read_back(words_sent(), account, client)

    def test_help_waits_for_the_check_or_for_a_ground_why_not(self):
        page = self.client.get(page_of(self.chi, "mo-khoa"))
        self.assertContains(page, ASKED)
        self.assertContains(page, "Chưa đối chiếu người gọi")

        refused = self.do("mo-khoa", self.chi, unchecked="")
        self.assertContains(refused, "Hãy đối chiếu người gọi trước")
        self.assertFalse(self.events("unlocked").exists())

        self.do("mo-khoa", self.chi, unchecked=UNCHECKED)
        self.assertEqual(self.events("unlocked").get().detail["unchecked"], UNCHECKED)
        self.assertContains(self.see(self.chi), f"không đối chiếu người gọi: {UNCHECKED}")

    def test_no_words_are_to_be_sent_where_no_number_would_get_them(self):
        lost = cast.make("mat.so", locked_at=timezone.now())

        page = self.client.get(page_of(lost, "mo-khoa"))

        self.assertContains(page, ASKED)
        self.assertContains(page, "không có số nào nhận được từ đối chiếu")
        self.assertNotContains(page, "tới số đã đăng ký")

    def test_whoever_was_checked_is_helped_without_one(self):
        self.check(self.chi)
        self.assertContains(self.see(self.chi), "Đã đối chiếu người gọi")
        self.assertNotContains(self.client.get(page_of(self.chi, "mo-khoa")), ASKED)

        self.do("mo-khoa", self.chi, unchecked="")

        event = self.events("unlocked").get()
        self.assertEqual((event.detail["checked"], "unchecked" in event.detail), (True, False))
        self.assertContains(self.see(self.chi), "đã đối chiếu người gọi")

    def test_it_is_good_for_ten_minutes_for_one_account_at_one_desk(self):
        self.check(self.chi)

        self.assertContains(self.client.get(page_of(self.an, "mo-khoa")), ASKED)
        desk = self.at_another_desk()
        self.assertContains(desk.get(page_of(self.chi, "mo-khoa")), ASKED)
        let_pass(self, minutes=9)
        self.assertNotContains(self.client.get(page_of(self.chi, "mo-khoa")), ASKED)
        let_pass(self, minutes=2)
        self.assertContains(self.client.get(page_of(self.chi, "mo-khoa")), ASKED)
        self.assertContains(self.do("mo-khoa", self.chi, unchecked=""), "Hãy đối chiếu")

    def test_it_is_asked_for_before_what_goes_round_a_limit_and_nothing_else(self):
        for action, asks in (
            ("cap-them-ma", True),
            ("mo-lai", True),
            ("mo-khoa", True),
            ("khoa", False),
            ("ket-thuc-phien", False),
        ):
            with self.subTest(action):
                page = self.client.get(page_of(self.an, action))
                (self.assertContains if asks else self.assertNotContains)(page, ASKED)

    def test_a_lock_ends_it(self):
        self.check()
        remedies.lock(self.an, actor=self.mai, ground=Ground())

        self.assertIsNone(caller_check.verified_until(self.an, by=self.mai))


class AtOnceTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        self.mai = cast.make_staff("mai", "hotline")

    def send(self, _=0):
        try:
            caller_check.send(self.an, by=self.mai)
        except remedies.NotNow:
            return False
        return True

    def test_of_many_at_once_one_is_sent_and_three_tries_are_charged(self):
        self.assertEqual(sum(at_once(self.send, 8)), 1)
        self.assertEqual(Message.objects.filter(code__purpose=Purpose.CALLER).count(), 1)
        wrong = others(words_sent()).replace(" ", "")

        answers = at_once(lambda _: caller_check.check(self.an, wrong, by=self.mai), 8)

        verdicts = [answer.verdict for answer in answers]
        self.assertEqual(verdicts.count(Verdict.WRONG), CALLER_TRIES)
        self.assertEqual(newest().attempts, CALLER_TRIES)

    def test_of_many_right_ones_at_once_one_counts(self):
        self.send()
        right = words_sent().replace(" ", "")

        answers = at_once(lambda _: caller_check.check(self.an, right, by=self.mai), 3)

        self.assertEqual([answer.verdict for answer in answers].count(Verdict.RIGHT), 1)
        self.assertEqual(AuditEvent.objects.filter(event="caller-right").count(), 1)


class WordTests(SimpleTestCase):
    def test_there_are_enough_of_them_and_they_can_be_read_out(self):
        listed = words.WORDS

        self.assertEqual(len(listed), len(set(listed)))
        self.assertGreaterEqual(len(listed), 64)
        self.assertGreaterEqual(math.log2(len(listed) * (len(listed) - 1) * words.NUMBERS), 18)
        for word in listed:
            self.assertRegex(word, "^[a-z]{2,5}$")

    def test_the_longest_fit_into_the_message_that_was_checked(self):
        first, second = sorted(map(len, words.WORDS))[-2:]

        self.assertEqual(len(profile.LONGEST["words"]), first + second + len("  00"))

    def test_without_its_pepper_nothing_is_right(self):
        code = Code(pepper_id="0" * 8)

        self.assertEqual(words.words_of(code.pk, code.pepper_id), "")
        self.assertFalse(words.are_right(code.pk, code.pepper_id, ""))
