"""A lost password of an account with a second factor: the SMS alone does not open it."""

from unittest import mock

from django.test import Client, TestCase, TransactionTestCase
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import AuditEvent
from tests.self_service.test_own_factor import turn_on
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import Clock, let_pass
from tests.support.crowd import at_once

FACTOR = "/quen-mat-khau/xac-thuc-hai-lop/"


class Lost(cast.Cast):
    """An has a second factor and has forgotten the password."""

    def setUp(self):
        self.set_up_people()
        self.codes = turn_on(self.an)

    def come_to_factor(self, client=None):
        self.ask("an", client)
        self.guess(newest_code(), client)

    def show(self, token=None, client=None):
        token = token or cast.token_of(self.an)
        return (client or self.client).post(FACTOR, {"token": token})

    def wrong(self):
        return f"{(int(cast.token_of(self.an)) + 1) % 10**6:06d}"

    def is_changed(self):
        self.an.refresh_from_db()
        return self.an.check_password(NEW_PASSWORD)


class ResetFactorTests(Lost, TestCase):
    def test_it_is_asked_for_after_the_code_and_before_the_password(self):
        self.come_to_factor()
        self.assertRedirects(self.client.get(NEW), FACTOR)
        self.assertContains(self.client.get(FACTOR), "hai cán bộ cùng xem xét")

        self.assertRedirects(self.show(), NEW)
        self.assertEqual(self.choose().url, LOGIN)

        self.assertTrue(self.is_changed())

    def test_a_recovery_code_will_do_once(self):
        self.come_to_factor()

        self.assertRedirects(self.show(self.codes[0].upper()), NEW)

        self.assertEqual(AuditEvent.objects.get(reason="recovery-code").event, "factor-right")
        self.log_in("an", client=(other := Client()))
        r = other.post("/dang-nhap/yeu-to-thu-hai/", {"token": self.codes[0]})
        self.assertContains(r, "chưa đúng")

    def test_a_code_of_the_app_that_was_used_at_the_log_in_is_refused(self):
        self.come_to_factor()
        token = cast.token_of(self.an)
        self.log_in("an", client=(other := Client()))
        self.assertEqual(other.post("/dang-nhap/yeu-to-thu-hai/", {"token": token}).url, "/")

        self.assertContains(self.show(token), "Mã chưa đúng hoặc đã dùng.")

    def test_a_wrong_recovery_code_is_told_of_recovery_codes(self):
        self.come_to_factor()

        self.assertContains(self.show("aaaaa-bbbbb"), "mỗi mã dùng được một lần")

    def test_a_password_sent_past_it_is_not_taken(self):
        self.come_to_factor()

        self.assertRedirects(self.choose(), FACTOR)

        self.assertFalse(self.is_changed())

    def test_a_wrong_code_opens_nothing_and_the_next_one_waits(self):
        self.come_to_factor()

        self.assertContains(self.show(self.wrong()), "Mã chưa đúng hoặc đã dùng.")
        self.assertContains(self.show(), "Hãy đợi đến")

        self.assertRedirects(self.choose(), FACTOR)
        held = AuditEvent.objects.filter(event="factor-wrong", account=self.an)
        self.assertEqual({event.reason for event in held}, {"", "held"})

    def test_it_is_good_for_the_code_it_was_shown_after(self):
        self.come_to_factor()
        self.show()
        let_pass(self, minutes=11)
        self.come_to_factor()

        self.assertRedirects(self.choose(), FACTOR)

    def test_who_has_none_goes_straight_on(self):
        TOTPDevice.objects.all().delete()
        self.come_to_factor()

        self.assertRedirects(self.client.get(FACTOR), NEW)
        self.choose()

        self.assertTrue(self.is_changed())

    def test_one_that_was_turned_on_meanwhile_counts(self):
        TOTPDevice.objects.all().delete()
        self.come_to_factor()
        self.client.get(NEW)
        turn_on(self.an)

        self.choose()

        self.assertFalse(self.is_changed())

    def test_it_holds_for_the_staff_too(self):
        cast.make_staff("mai", "hotline", phone="+84912000111", phone_confirmed_at="2026-01-01T00Z")
        self.ask("mai")
        self.guess(newest_code())

        self.assertRedirects(self.client.get(NEW), FACTOR)


class StrangerTests(Lost, TestCase):
    """Whether somebody has a second factor is told only after the right code (EN-01)."""

    def test_before_the_code_its_page_leads_back(self):
        self.assertRedirects(self.client.get(FACTOR), ASK)
        for name in ("an", "binh", "khong.co"):
            browser = Client()
            self.ask(name, browser)
            with self.subTest(name):
                for r in (browser.get(FACTOR), self.show(client=browser)):
                    self.assertRedirects(r, CODE)
        self.assertFalse(AuditEvent.objects.filter(event__startswith="factor").exists())

    def test_at_the_log_in_a_wrong_password_tells_nothing(self):
        self.assertContains(self.log_in("an", f"{PASSWORD}x"), "Tên đăng nhập hoặc mật khẩu")


class AtOnceTests(Lost, TransactionTestCase):
    """A code is used once, however many send it at the same moment."""

    def same_browser(self):
        browser = Client()
        browser.cookies = self.client.cookies
        return browser

    def test_of_ten_at_once_one_recovery_code_opens_one_recovery(self):
        self.come_to_factor()

        at_once(lambda _: self.show(self.codes[0], self.same_browser()), 10)

        self.assertEqual(AuditEvent.objects.filter(event="factor-right").count(), 1)
        self.assertEqual(self.client.get(NEW).status_code, 200)

    def test_of_ten_wrong_codes_at_once_one_is_compared(self):
        Clock(self, 2026, 12, 1, 9, 0)  # stands: the wait does not end meanwhile
        self.come_to_factor()
        wrong = self.wrong()

        with mock.patch.object(TOTP, "verify", autospec=True, side_effect=TOTP.verify) as compared:
            at_once(lambda _: self.show(wrong, self.same_browser()), 10)

        self.assertEqual(compared.call_count, 1)
