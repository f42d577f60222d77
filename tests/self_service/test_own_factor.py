"""The second factor of everybody who wants one: turned on, asked for, turned off."""

import re
from unittest import mock

from django.db import connection
from django.test import Client, TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.access import login
from accounts.credentials import second_factor
from accounts.models import AuditEvent
from otp.models import Message
from tests.access.test_enrolment import ENROL, OWN, app_of
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, PASSWORD
from tests.support.clock import let_pass
from tests.support.crowd import at_once

OFF = "/cau-hinh/xac-thuc-hai-lop/tat/"
# The usual cause, and waiting for the next code does not mend it.
CLOCK = "hãy bật ngày giờ tự động trên điện thoại"
PRIVATE = ("/", "/cau-hinh/", "/cau-hinh/mat-khau/", OWN, OFF, ENROL, "/cau-hinh/du-lieu/")


def turn_on(account):
    """Give somebody an app and recovery codes, and return the codes."""
    TOTPDevice.objects.create(user=account, name="app")
    return second_factor.make_recovery_codes(account)


class TurnOnTests(cast.Cast, TestCase):
    """By whoever has just typed the password."""

    def setUp(self):
        self.set_up_people()
        self.log_in("an")

    def turn_on(self):
        return self.client.post(ENROL, {"token": app_of(self.client.get(ENROL).content.decode())})

    def test_it_is_offered_among_the_settings(self):
        self.assertContains(self.client.get("/cau-hinh/"), "Chưa bật.")
        self.assertContains(self.client.get(OWN), f'href="{ENROL}"')

    def test_the_first_code_turns_it_on_and_shows_recovery_codes_once(self):
        r = self.turn_on()

        shown = re.findall(r"<code>[a-z0-9]{5}-[a-z0-9]{5}</code>", r.content.decode())
        self.assertEqual(len(set(shown)), 10)
        self.assertContains(self.client.get("/cau-hinh/"), "Đang bật")
        self.assertContains(self.client.get(OWN), "<strong>10</strong>")
        event = AuditEvent.objects.get(event="factor-enrolled")
        self.assertEqual((event.account, event.actor), (self.an, self.an))
        mail = Message.objects.get(channel="mail")
        self.assertEqual(mail.to, self.an.address)
        self.assertIn("lấy lại mật khẩu phải nhập thêm mã", mail.text)

    def test_the_browser_that_turned_it_on_goes_on_and_all_others_are_out(self):
        self.log_in("an", client=(other := Client()))

        self.turn_on()

        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertRedirects(other.get("/"), f"{LOGIN}?next=/")

    def test_a_wrong_code_turns_nothing_on(self):
        page = self.client.get(ENROL).content.decode()

        r = self.client.post(ENROL, {"token": f"{(int(app_of(page)) + 1) % 10**6:06d}"})

        self.assertContains(r, "Mã chưa đúng.")
        self.assertContains(r, CLOCK)
        self.assertFalse(second_factor.is_enrolled(self.an))

    def test_what_is_not_six_digits_costs_no_wait(self):
        token = app_of(self.client.get(ENROL).content.decode())

        for typed in (token[:5], f"{token}0", "abcdef"):
            with self.subTest(typed):
                r = self.client.post(ENROL, {"token": typed})

                self.assertContains(r, "gồm đúng 6 chữ số")
        self.assertContains(self.client.post(ENROL, {"token": token}), "Mã dự phòng")

    def test_the_password_must_have_been_typed_just_now(self):
        let_pass(self, minutes=11)

        r = self.client.get(ENROL, follow=True)

        self.assertEqual(r.redirect_chain[-1][0], f"{LOGIN}?next={ENROL}")
        self.assertContains(r, "Hãy đăng nhập lại")
        self.assertFalse(TOTPDevice.objects.exists())


class LogInTests(cast.Cast, TestCase):
    """An has a second factor, Binh has none."""

    def setUp(self):
        self.set_up_people()
        [self.code, *_] = turn_on(self.an)

    def show(self, token, client=None):
        return (client or self.client).post(FACTOR, {"token": token})

    def test_it_is_asked_for_where_it_was_turned_on_while_the_password_was_compared(self):
        def compare(*_):
            turn_on(self.binh)
            return True

        with mock.patch.object(login, "_is_right", compare):
            self.log_in("binh")

        self.assertRedirects(self.client.get("/"), f"{FACTOR}?next=/")

    def test_the_password_alone_opens_no_page(self):
        self.log_in("an")

        for page in PRIVATE:
            for act in (self.client.get, self.client.post):
                with self.subTest(page=page, act=act.__name__):
                    self.assertTrue(act(page).url.startswith(f"{FACTOR}?next=%2F"))

    def test_the_code_opens_what_was_asked_for(self):
        r = self.client.post(
            LOGIN, {"username": "an", "password": PASSWORD, "next": OWN}, follow=True
        )
        self.assertContains(r, "Tài khoản của bạn có xác thực hai lớp")

        r = self.client.post(FACTOR, {"token": cast.token_of(self.an), "next": r.context["next"]})

        self.assertRedirects(r, OWN)
        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertEqual(AuditEvent.objects.get(event="factor-right").account, self.an)

    def test_a_wrong_recovery_code_is_told_of_recovery_codes(self):
        self.log_in("an")

        r = self.show("aaaaa-bbbbb")

        self.assertContains(r, "Mã chưa đúng hoặc đã dùng. Mã trong ứng dụng gồm đúng 6 chữ số.")
        self.assertContains(r, "mỗi mã dùng được một lần")
        self.assertNotContains(r, CLOCK)

    def test_nothing_typed_is_asked_for_either_code(self):
        self.log_in("an")

        self.assertContains(self.show(""), "Hãy nhập mã xác thực hoặc một mã dự phòng.")

    def test_it_is_asked_for_with_the_waits_of_the_staff(self):
        self.log_in("an")
        wrong = f"{(int(cast.token_of(self.an)) + 1) % 10**6:06d}"

        r = self.show(wrong)
        self.assertContains(r, "Mã chưa đúng hoặc đã dùng.")
        self.assertContains(r, CLOCK)
        self.assertContains(self.show(cast.token_of(self.an)), "Hãy đợi đến")

        self.assertEqual(self.client.get("/").status_code, 302)
        # The recovery codes have a wait of their own.
        self.assertEqual(self.show(self.code).url, "/")
        self.log_in("an", client=(other := Client()))
        self.assertContains(self.show(self.code, other), "chưa đúng")

    def test_it_changes_the_session_s_key(self):
        self.log_in("an")
        thief = Client()
        thief.cookies["sessionid"] = self.client.cookies["sessionid"].value

        self.show(cast.token_of(self.an))

        self.assertRedirects(thief.get("/"), f"{LOGIN}?next=/")

    def test_who_has_none_is_not_asked(self):
        self.log_in("binh")

        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertRedirects(self.client.get(FACTOR), "/")

    def test_the_log_in_looks_once_the_account_s_row_is_held(self):
        with CaptureQueriesContext(connection) as statements:
            self.log_in("binh")

        done = [each["sql"] for each in statements]
        [look] = [at for at, sql in enumerate(done) if "otp_totp_totpdevice" in sql]
        [held] = [at for at, sql in enumerate(done) if sql.startswith("UPDATE accounts_account ")]
        [kept] = [at for at, sql in enumerate(done) if 'INTO "accounts_session"' in sql]
        self.assertEqual(sorted([look, held, kept]), [held, look, kept])

    def test_staff_are_asked_at_their_own_pages_as_before(self):
        cast.make_staff("mai", "hotline")
        self.log_in("mai")

        self.assertEqual(self.client.get("/").status_code, 200)


class TurnOffTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.codes = turn_on(self.an)
        self.log_in("an")
        self.client.post(FACTOR, {"token": self.codes.pop()})
        Message.objects.all().delete()

    def turn_off(self, token=None, password=PASSWORD):
        token = token or cast.token_of(self.an)
        return self.client.post(OFF, {"password": password, "token": token})

    def test_the_password_and_a_code_turn_it_off(self):
        self.assertContains(self.client.get(OWN), OFF)

        r = self.turn_off()

        self.assertRedirects(r, OWN)
        self.assertFalse(second_factor.is_enrolled(self.an))
        self.assertFalse(StaticToken.objects.exists())
        self.assertEqual(AuditEvent.objects.get(event="factor-turned-off").actor, self.an)
        self.assertIn("vừa được tắt", Message.objects.get(channel="mail").text)
        self.log_in("an", client=(other := Client()))
        self.assertEqual(other.get("/").status_code, 200)

    def test_a_recovery_code_will_do(self):
        self.assertRedirects(self.turn_off(self.codes.pop()), OWN)

    def test_neither_alone_turns_it_off(self):
        wrong = f"{(int(cast.token_of(self.an)) + 1) % 10**6:06d}"
        for password, token, sentence in (
            ("khong-phai", None, "Mật khẩu hiện tại chưa đúng"),
            (PASSWORD, wrong, "Mã chưa đúng hoặc đã dùng"),
            (PASSWORD, None, "Hãy đợi đến"),
            (PASSWORD, "aaaaa-bbbbb", "mỗi mã dùng được một lần"),
            ("", None, "Hãy nhập mật khẩu hiện tại"),
        ):
            with self.subTest(sentence):
                self.assertContains(self.turn_off(token, password), sentence)
                self.assertTrue(second_factor.is_enrolled(self.an))

    def test_staff_keep_theirs(self):
        mai = cast.make_staff("mai", "hotline")
        self.come_in(mai)

        self.assertEqual(self.client.get(OFF).status_code, 404)
        self.assertEqual(self.turn_off(cast.token_of(mai)).status_code, 404)
        self.assertTrue(second_factor.is_enrolled(mai))
        self.assertNotContains(self.client.get(OWN), OFF)

    def test_new_recovery_codes_end_the_old_ones(self):
        self.assertContains(self.client.post(OWN), "data-print")
        self.log_in("an", client=(other := Client()))

        r = other.post(FACTOR, {"token": self.codes.pop()})

        self.assertContains(r, "chưa đúng")


class AtOnceTests(cast.Cast, TransactionTestCase):
    def test_of_recovery_codes_made_at_once_the_last_open_alone(self):
        self.set_up_people()
        turn_on(self.an)

        at_once(lambda _: second_factor.make_recovery_codes(self.an), crowd=8)

        self.assertEqual(StaticToken.objects.count(), second_factor.CODES_MADE)
