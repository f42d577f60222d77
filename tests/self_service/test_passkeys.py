"""Passkeys: added, shown at the log-in and after a lost password, removed; by HTTP alone."""

import json
import re
import secrets
from contextlib import suppress
from unittest import mock

from django.test import Client, TestCase, TransactionTestCase, override_settings
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import passkeys, second_factor
from accounts.models import AuditEvent, Passkey
from accounts.models.factor import LONGEST_ID
from otp.models import Message
from tests.access.test_enrolment import ENROL, OWN, app_of
from tests.self_service.authenticator import Authenticator
from tests.self_service.test_own_factor import OFF, turn_on
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, NEW, PASSWORD, newest_code
from tests.support.clock import Clock, let_pass
from tests.support.crowd import at_once

ADD = "/cau-hinh/xac-thuc-hai-lop/passkey/"
RESET_FACTOR = "/quen-mat-khau/xac-thuc-hai-lop/"


class Passkeys(cast.Cast):
    """An is logged in and has a device that keeps passkeys."""

    def setUp(self):
        self.set_up_people()
        self.device = Authenticator()
        self.log_in("an")

    def question(self, page, client=None):
        return (client or self.client).get(page).context["passkey"]

    def add(self, device=None, name="Điện thoại", client=None, **how):
        answer = (device or self.device).register(self.question(ADD, client), **how)
        return (client or self.client).post(ADD, {"name": name, "passkey_answer": answer})

    def come_anew(self, name="an"):
        """Log in with the password in another browser, which is asked for the factor."""
        client = Client()
        self.log_in(name, client=client)
        return client

    def show(self, client, device=None, page=FACTOR, **how):
        answer = (device or self.device).sign(self.question(page, client), **how)
        return client.post(page, {"passkey_answer": answer})


class AddTests(Passkeys, TestCase):
    def test_the_first_one_turns_the_factor_on_and_shows_recovery_codes(self):
        self.assertContains(self.client.get(OWN), f'href="{ADD}"')

        r = self.add()

        self.assertEqual(len(set(re.findall(r"<code>[a-z0-9]{5}-[a-z0-9]{5}</code>", r.text))), 10)
        self.assertTrue(second_factor.is_enrolled(self.an))
        self.assertContains(self.client.get(OWN), "Điện thoại")
        self.assertContains(self.client.get("/cau-hinh/"), "Đang bật")
        self.assertEqual(AuditEvent.objects.get(event="passkey-added").actor, self.an)
        self.assertIn("“Điện thoại” vừa được thêm", Message.objects.get(channel="mail").text)

    def test_what_no_browser_sends_is_not_right(self):
        for transports in (5, [{}], True):
            with self.subTest(transports=transports):
                answer = json.loads(self.device.register(self.question(ADD)))
                answer["response"]["transports"] = transports
                sent = {"name": "A", "passkey_answer": json.dumps(answer)}
                self.assertContains(self.client.post(ADD, sent), "Chưa thêm được passkey.")
        long = Authenticator()
        long.id = secrets.token_bytes(LONGEST_ID + 3_000)

        self.assertContains(self.add(long), "Chưa thêm được passkey.")
        self.assertFalse(Passkey.objects.exists())

    def test_all_other_browsers_are_out(self):
        other = self.come_anew()

        self.add()

        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertRedirects(other.get("/"), f"{LOGIN}?next=/")

    def test_a_second_one_and_an_app_keep_the_recovery_codes(self):
        self.add()
        codes = set(StaticToken.objects.values_list("token", flat=True))

        self.assertRedirects(self.add(Authenticator(), "Máy tính"), OWN)
        app = app_of(self.client.get(ENROL).content.decode())
        self.assertRedirects(self.client.post(ENROL, {"token": app}), OWN)

        self.assertEqual(set(StaticToken.objects.values_list("token", flat=True)), codes)
        self.assertEqual(Passkey.objects.count(), 2)

    def test_what_is_not_right_adds_nothing(self):
        def forged():
            answer = json.loads(self.device.register(self.question(ADD)))
            answer["response"]["attestationObject"] = "oA"
            return json.dumps(answer)

        answers = {
            "another origin": lambda: self.device.register(
                self.question(ADD), origin="https://testserver.example"
            ),
            "another question": lambda: self.device.register(
                json.dumps(json.loads(self.question(ADD)) | {"challenge": "AAAA"})
            ),
            "forged": forged,
            "no JSON": lambda: (self.question(ADD), "[1")[1],
            "no object": lambda: (self.question(ADD), "[1]")[1],
            "nested": lambda: (self.question(ADD), "[" * 5000)[1],
        }
        for name, answer in answers.items():
            with self.subTest(name):
                r = self.client.post(ADD, {"name": "x", "passkey_answer": answer()})
                said = "đã hết hạn" if name == "another question" else "Chưa thêm được passkey"
                self.assertContains(r, said)
        self.assertFalse(Passkey.objects.exists())

    def test_without_javascript_the_page_says_what_to_do(self):
        self.question(ADD)

        r = self.client.post(ADD, {"name": "Của tôi", "passkey_answer": ""})

        self.assertContains(r, "Hãy bật JavaScript")
        self.assertContains(r, 'value="Của tôi"')
        self.assertContains(r, f'href="{ENROL}"')

    def test_a_question_is_answered_once_and_in_time(self):
        answer = self.device.register(self.question(ADD))
        self.client.post(ADD, {"name": "x", "passkey_answer": answer})
        self.assertContains(
            self.client.post(ADD, {"name": "x", "passkey_answer": answer}), "đã hết hạn"
        )
        late = Authenticator().register(self.question(ADD))
        let_pass(self, minutes=5, seconds=1)

        r = self.client.post(ADD, {"name": "x", "passkey_answer": late})

        self.assertContains(r, "đã hết hạn")
        self.assertEqual(Passkey.objects.count(), 1)

    def test_the_same_key_is_not_two_people_s(self):
        self.add()
        binh = self.come_anew("binh")

        self.assertContains(self.add(client=binh), "Chưa thêm được passkey")

    def test_the_password_must_have_been_typed_just_now(self):
        let_pass(self, minutes=11)

        self.assertRedirects(self.client.get(ADD), f"{LOGIN}?next={ADD}")

    def test_there_is_an_end_to_it(self):
        with mock.patch.object(passkeys, "MOST", 1):
            self.add()
            self.assertRedirects(self.client.get(ADD), OWN)

        self.assertEqual(Passkey.objects.count(), 1)

    @override_settings(PUBLIC_BASE_URL="http://127.0.0.1:8000")
    def test_an_address_without_a_name_offers_none(self):
        self.assertNotContains(self.client.get(OWN), ADD)
        self.assertRedirects(self.client.get(ADD), OWN)


class LogInTests(Passkeys, TestCase):
    def setUp(self):
        super().setUp()
        self.add()

    def test_it_opens_what_was_asked_for_and_says_when_it_was_used(self):
        other = self.come_anew()
        self.assertRedirects(other.get("/"), f"{FACTOR}?next=/")
        self.assertContains(other.get(FACTOR), "hãy dùng passkey của bạn")
        answer = self.device.sign(self.question(FACTOR, other))

        r = other.post(FACTOR, {"passkey_answer": answer, "next": OWN})

        self.assertRedirects(r, OWN)
        self.assertContains(other.get(OWN), "Dùng gần nhất lúc")
        self.assertEqual(AuditEvent.objects.get(event="factor-right").reason, "passkey")

    def test_beside_it_recovery_codes_open_too(self):
        [code, *_] = second_factor.make_recovery_codes(self.an)
        other = self.come_anew()

        self.assertEqual(other.post(FACTOR, {"token": code}).url, "/")

    def test_what_is_not_right_opens_nothing(self):
        stranger = Authenticator()
        impostor = Authenticator()
        impostor.id = self.device.id
        for name, device, how in (
            ("another origin", self.device, {"origin": "https://testserver.example"}),
            ("another host", self.device, {"host": "example.vn"}),
            ("unknown", stranger, {}),
            ("forged", impostor, {}),
        ):
            with self.subTest(name):
                let_pass(self, minutes=5)
                other = self.come_anew()
                r = self.show(other, device, **how)
                self.assertContains(other.get(r.url), "không mở được tài khoản")
                self.assertEqual(other.get("/").status_code, 302)
        wrong = AuditEvent.objects.filter(event="factor-wrong")
        self.assertEqual({event.reason for event in wrong}, {"passkey"})

    def test_an_answer_is_taken_once(self):
        first, second = self.come_anew(), self.come_anew()
        answer = self.device.sign(self.question(FACTOR, first))
        self.assertEqual(first.post(FACTOR, {"passkey_answer": answer}).url, "/")
        self.question(FACTOR, second)

        second.post(FACTOR, {"passkey_answer": answer})

        self.assertEqual(second.get("/").status_code, 302)

    def test_an_answer_to_another_tab_s_question_is_not_a_wrong_one(self):
        other = self.come_anew()
        answer = self.device.sign(self.question(FACTOR, other))
        self.question(FACTOR, other)  # of the tab that was opened since

        r = other.post(FACTOR, {"passkey_answer": answer}, follow=True)

        self.assertContains(r, "đã hết hạn")
        self.assertFalse(AuditEvent.objects.filter(event="factor-wrong").exists())
        self.assertEqual(self.show(other).url, "/")

    def test_a_question_ends(self):
        other = self.come_anew()
        answer = self.device.sign(self.question(FACTOR, other))
        let_pass(self, minutes=5, seconds=1)

        r = other.post(FACTOR, {"passkey_answer": answer}, follow=True)

        self.assertContains(r, "đã hết hạn")
        self.assertFalse(AuditEvent.objects.filter(event="factor-wrong").exists())

    def test_a_count_that_does_not_grow_is_refused_and_on_record(self):
        self.show(self.come_anew())
        self.device.count -= 1
        other = self.come_anew()

        self.show(other)

        self.assertEqual(other.get("/").status_code, 302)
        self.assertEqual(AuditEvent.objects.get(event="factor-wrong").reason, "passkey-count")

    def test_a_device_that_does_not_count_opens_again_and_again(self):
        device = Authenticator(counts=False)
        self.add(device, "Máy tính")

        for _ in range(2):
            self.assertEqual(self.show(self.come_anew(), device).url, "/")

    def test_a_wrong_answer_has_all_passkeys_wait(self):
        self.add(second := Authenticator(), "Máy tính")
        other = self.come_anew()
        self.show(other, origin="https://testserver.example")

        r = self.show(other, second)

        self.assertContains(other.get(r.url), "Hãy đợi đến")
        self.assertEqual(other.get("/").status_code, 302)

    def test_another_s_passkey_opens_nothing(self):
        binh = self.come_anew("binh")
        self.add(theirs := Authenticator(), client=binh)
        other = self.come_anew()

        self.show(other, theirs)

        self.assertEqual(other.get("/").status_code, 302)


class StaffTests(Passkeys, TestCase):
    def test_it_does_instead_of_the_app(self):
        mai = cast.make("mai", is_staff=True, is_superuser=True)
        mai_s = self.come_anew("mai")
        self.assertContains(mai_s.get(ENROL), f'href="{ADD}"')

        self.add(client=mai_s)

        self.assertEqual(mai_s.get("/quan-tri/").status_code, 200)
        other = self.come_anew("mai")
        self.assertEqual(other.get("/quan-tri/").status_code, 302)
        self.show(other)
        self.assertEqual(other.get("/quan-tri/").status_code, 200)
        self.assertFalse(TOTPDevice.objects.filter(user=mai, confirmed=True).exists())

    def test_the_password_alone_adds_nothing_to_a_factor(self):
        cast.make_staff("mai", "hotline")
        other = self.come_anew("mai")

        self.assertRedirects(other.get(ADD), f"{FACTOR}?next={ADD}")

    def test_nor_an_app_to_a_passkey(self):
        cast.make("mai", is_staff=True, is_superuser=True)
        self.add(client=self.come_anew("mai"))
        other = self.come_anew("mai")

        self.assertRedirects(other.get(ENROL), f"{FACTOR}?next={ENROL}")

    def test_a_colleague_s_are_taken_away_too(self):
        mai = cast.make("mai", is_staff=True)
        self.add(client=self.come_anew("mai"))

        second_factor.take_away(mai)

        self.assertFalse(Passkey.objects.exists())


class RecoveryTests(Passkeys, TestCase):
    def setUp(self):
        super().setUp()
        self.add()
        self.lost = Client()
        self.ask("an", self.lost)
        self.guess(newest_code(), self.lost)

    def test_it_leads_to_the_new_password(self):
        self.assertRedirects(self.lost.get(NEW), RESET_FACTOR)

        self.assertRedirects(self.show(self.lost, page=RESET_FACTOR), NEW)

        self.choose(client=self.lost)
        self.an.refresh_from_db()
        self.assertFalse(self.an.check_password(PASSWORD))

    def test_a_wrong_one_does_not(self):
        r = self.show(self.lost, page=RESET_FACTOR, origin="https://testserver.example")

        self.assertRedirects(r, RESET_FACTOR)
        self.assertRedirects(self.lost.get(NEW), RESET_FACTOR)

    def test_the_question_of_a_log_in_does_not_do(self):
        answer = self.device.sign(self.question(FACTOR, self.come_anew()))
        self.question(RESET_FACTOR, self.lost)

        self.lost.post(RESET_FACTOR, {"passkey_answer": answer})

        self.assertRedirects(self.lost.get(NEW), RESET_FACTOR)

    def test_nor_does_one_of_another_purpose_or_account_in_the_same_session(self):
        for account, purpose in ((self.an, passkeys.LOGGING_IN), (self.an, passkeys.ADDING)):
            session = {}
            answer = self.device.sign(passkeys.question(session, account, purpose=purpose))
            with self.subTest(purpose), self.assertRaises(passkeys.Lapsed):
                passkeys.is_right(session, self.an, answer, then=self.fail)
        session = {}
        answer = self.device.sign(passkeys.question(session, self.an, purpose=passkeys.RECOVERY))
        with self.assertRaises(passkeys.Lapsed):
            passkeys.is_right(session, self.binh, answer, then=self.fail)

    def test_before_the_code_there_is_no_question(self):
        browser = Client()
        self.ask("an", browser)

        self.assertEqual(browser.get(RESET_FACTOR).status_code, 302)
        self.assertNotIn(passkeys._ASKED, browser.session)


class RemoveTests(Passkeys, TestCase):
    def setUp(self):
        super().setUp()
        self.add()
        self.add(Authenticator(), "Máy tính")
        Message.objects.all().delete()
        self.page = f"{ADD}{Passkey.objects.get(name='Máy tính').pk}/bo/"

    def test_the_password_removes_one(self):
        self.assertContains(self.client.get(OWN), self.page)
        self.assertContains(self.client.get(self.page), "Máy tính")

        r = self.client.post(self.page, {"password": PASSWORD})

        self.assertRedirects(r, OWN)
        self.assertEqual(Passkey.objects.get().name, "Điện thoại")
        self.assertEqual(AuditEvent.objects.get(event="passkey-removed").actor, self.an)
        self.assertIn("“Máy tính”", Message.objects.get(channel="mail").text)

    def test_a_wrong_password_removes_nothing(self):
        r = self.client.post(self.page, {"password": "khong-phai"})

        self.assertContains(r, "chưa đúng")
        self.assertEqual(Passkey.objects.count(), 2)

    def test_the_last_factor_stays(self):
        self.client.post(self.page, {"password": PASSWORD})
        last = f"{ADD}{Passkey.objects.get().pk}/bo/"

        r = self.client.post(last, {"password": PASSWORD}, follow=True)

        self.assertContains(r, "duy nhất")
        self.assertTrue(Passkey.objects.exists())

    def test_beside_an_app_it_goes(self):
        turn_on(self.an)
        for passkey in Passkey.objects.all():
            self.client.post(f"{ADD}{passkey.pk}/bo/", {"password": PASSWORD})

        self.assertFalse(Passkey.objects.exists())

    def test_another_s_is_not_there(self):
        binh = self.come_anew("binh")

        self.assertEqual(binh.get(self.page).status_code, 404)
        self.assertEqual(binh.post(self.page, {"password": PASSWORD}).status_code, 404)

    def test_turned_off_all_are_gone(self):
        [code, *_] = second_factor.make_recovery_codes(self.an)

        self.client.post(OFF, {"password": PASSWORD, "token": code})

        self.assertFalse(Passkey.objects.exists())


class AtOnceTests(Passkeys, TransactionTestCase):
    def setUp(self):
        super().setUp()
        self.device = Authenticator(counts=False)
        self.add()
        self.other = self.come_anew()

    def send(self, answer):
        browser = Client()
        browser.cookies = self.other.cookies
        return browser.post(FACTOR, {"passkey_answer": answer})

    def test_one_answer_of_many_at_once_is_taken(self):
        answer = self.device.sign(self.question(FACTOR, self.other))

        at_once(lambda _: self.send(answer), 10)

        self.assertEqual(AuditEvent.objects.filter(event="factor-right").count(), 1)

    def test_of_ten_wrong_answers_at_once_one_is_looked_at(self):
        Clock(self, 2026, 12, 1, 9, 0)  # stands: the wait does not end meanwhile
        sessions = [{} for _ in range(10)]
        answers = [self.answer(each, origin="https://testserver.example") for each in sessions]

        def show(n):
            with suppress(second_factor.NotYet):
                passkeys.is_right(sessions[n], self.an, answers[n], then=self.fail)

        at_once(show, 10)

        looked_at = AuditEvent.objects.filter(event="factor-wrong", reason="passkey")
        self.assertEqual(looked_at.count(), 1)

    def answer(self, session, **how):
        asked = passkeys.question(session, self.an, purpose=passkeys.RECOVERY)
        return self.device.sign(asked, **how)

    def test_of_two_removals_at_once_the_last_factor_stays(self):
        self.add(Authenticator(), "Máy tính")
        keys = list(Passkey.objects.values_list("pk", flat=True))

        def remove(n):
            try:
                passkeys.remove(self.an, keys[n], keep_session=None)
            except passkeys.LastOne:
                return False
            return True

        self.assertEqual(sorted(at_once(remove, 2)), [False, True])
