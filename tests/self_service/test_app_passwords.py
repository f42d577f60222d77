"""The pages on which somebody makes passwords for mail programs, and ends them."""

import re
from contextlib import suppress

from django.core.checks import run_checks
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.access import devices
from accounts.credentials import app_passwords
from accounts.credentials.app_passwords import MOST, REPEATED, TooMany
from accounts.models import Account, AppPassword, AuditEvent, Device
from accounts.organisation.domains import copy_domains
from otp.models import Message
from tests.support import cast
from tests.support.cast import LOGIN, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import let_pass
from tests.support.crowd import at_once

PAGE = "/cau-hinh/mat-khau-ung-dung/"
SHAPE = r"\b(?:[bcfghjkmnpqrstvx]{4}-){5}[bcfghjkmnpqrstvx]{4}\b"
Event = AuditEvent.Event


class AppPasswords(cast.Cast):
    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(APP_PASSWORDS="on"))
        self.set_up_people()
        self.log_in()

    def make(self, name="Điện thoại", password=PASSWORD, client=None):
        return (client or self.client).post(PAGE, {"name": name, "password": password})

    def shown(self, answer):
        found = re.findall(f"<code>({SHAPE})</code>", answer.content.decode())
        return found[0] if found else None

    def end(self, row, client=None):
        return (client or self.client).post(f"{PAGE}{row.pk}/huy/", follow=True)

    def events(self, event):
        return AuditEvent.objects.filter(event=event, account=self.an)

    def mails(self, words):
        return Message.objects.filter(channel=Message.Channel.MAIL, text__contains=words)


class MakingTests(AppPasswords, TestCase):
    def test_one_is_made_and_shown_once(self):
        answer = self.make("  Điện   thoại ")

        password = self.shown(answer)
        self.assertEqual(len(password), 29)
        self.assertNotContains(answer, "ngon-ngu")  # a link that would lose it
        self.assertIn("no-store", answer.headers["Cache-Control"])
        row = AppPassword.objects.get(account=self.an)
        self.assertEqual(row.name, "Điện thoại")
        self.assertTrue(row.encoded.startswith("{SSHA512}"))
        self.assertNotContains(self.client.get(PAGE), password)
        self.assertContains(self.client.get(PAGE), "Điện thoại")

    def test_it_is_on_record_and_told_by_mail_without_the_password(self):
        password = self.shown(self.make())

        (event,) = self.events(Event.APP_PASSWORD_MADE)
        self.assertEqual((event.actor, event.detail), (self.an, {"name": "Điện thoại"}))
        (mail,) = self.mails("“Điện thoại” vừa được tạo")
        self.assertEqual(mail.to, self.an.address)
        stored = [*AppPassword.objects.values(), event.detail, mail.text]
        self.assertNotIn(password, str(stored))

    def test_it_takes_the_password_of_the_portal(self):
        for wrong, words in (("sai", "Mật khẩu hiện tại chưa đúng"), ("", "Hãy nhập mật khẩu")):
            with self.subTest(wrong):
                answer = self.make(password=wrong)

                self.assertContains(answer, words)
                self.assertContains(answer, 'value="Điện thoại"')
        self.assertContains(self.make(" \u200b"), "Hãy nhập tên")
        self.assertFalse(AppPassword.objects.exists())

    def test_it_opens_no_page_of_the_portal(self):
        password = self.shown(self.make())

        answer = Client().post(LOGIN, {"username": "an", "password": password})

        self.assertEqual(answer.status_code, 200)

    def test_names_are_told_apart(self):
        self.make()
        let_pass(self, seconds=REPEATED.total_seconds() + 1)

        self.assertContains(self.make(), "Bạn đã có mật khẩu ứng dụng tên này")
        self.assertEqual(AppPassword.objects.count(), 1)

    def test_the_same_form_once_more_makes_one_that_is_seen(self):
        self.make()
        first = AppPassword.objects.get()

        answer = self.make()

        self.assertTrue(self.shown(answer))
        self.assertNotEqual(AppPassword.objects.get().encoded, first.encoded)

    def test_a_form_whose_answer_was_lost_may_be_sent_again(self):
        before = Client()
        before.cookies = self.client.cookies.copy()
        self.make()

        answer = self.make(client=before)

        self.assertTrue(self.shown(answer), answer)

    def test_there_is_an_end(self):
        for number in range(MOST):
            app_passwords.make(self.an, f"máy {number}")
        page = self.client.get(PAGE)
        self.assertContains(page, "nhiều nhất 10 mật khẩu ứng dụng")
        self.assertNotContains(page, 'name="password"')

        answer = self.make("một nữa")

        self.assertContains(answer, "Bạn đã có 10 mật khẩu ứng dụng")
        self.assertEqual(AppPassword.objects.count(), MOST)
        self.assertTrue(app_passwords.make(self.binh, "x").password)

    def test_each_of_an_account_has_a_digest_of_its_own(self):
        for number in range(MOST):
            app_passwords.make(self.an, f"máy {number}")

        digests = AppPassword.objects.values_list("digest", flat=True)

        self.assertEqual(len(set(digests)), MOST)

    def test_staff_show_their_second_factor_first(self):
        staff = cast.make_staff("hotline.mot", "hotline")
        browser = Client()
        self.log_in("hotline.mot", client=browser)

        for answer in (browser.get(PAGE), self.make(client=browser)):
            self.assertIn("yeu-to-thu-hai", answer.headers["Location"])
        self.come_in(staff, browser)

        self.assertTrue(self.shown(self.make(client=browser)))


class EndingTests(AppPasswords, TestCase):
    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(DOVEADM_URL="https://mail.example.vn:8080"))
        app_passwords.make(self.an, "cũ")
        self.row = app_passwords.make(self.an, "mới").row

    def kicks(self):
        return Message.objects.filter(channel=Message.Channel.KICK, to=self.an.address).count()

    def names(self):
        return set(AppPassword.objects.filter(account=self.an).values_list("name", flat=True))

    def test_one_is_ended_at_once_on_record_and_told(self):
        answer = self.end(self.row)

        self.assertContains(answer, "Đã hủy mật khẩu ứng dụng “mới”")
        self.assertEqual(self.names(), {"cũ"})
        self.assertEqual(self.kicks(), 1)
        self.assertEqual(self.events(Event.APP_PASSWORD_ENDED).get().detail, {"name": "mới"})
        self.assertTrue(self.mails("“mới” vừa được hủy").exists())

    def test_nobody_ends_anothers(self):
        row = app_passwords.make(self.binh, "x").row

        self.end(row)

        self.assertTrue(AppPassword.objects.filter(pk=row.pk).exists())
        self.assertEqual(self.client.get(f"{PAGE}{self.row.pk}/huy/").status_code, 405)
        Client().post(f"{PAGE}{self.row.pk}/huy/")
        self.assertEqual(self.names(), {"cũ", "mới"})

    def test_ending_one_twice_is_no_fault(self):
        self.end(self.row)

        self.assertContains(self.end(self.row), "đã được hủy")

    def test_a_reset_ends_all_and_says_so(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.assertEqual(self.names(), set())
        self.assertEqual(self.events(Event.APP_PASSWORDS_ENDED).get().detail, {"count": 2})
        self.assertTrue(self.mails("Các mật khẩu ứng dụng (có 2) đã bị hủy theo").exists())

    def test_a_change_ends_all(self):
        data = {"password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        self.client.post("/cau-hinh/mat-khau/", data)

        self.assertEqual(self.names(), set())

    def test_not_me_ends_all_and_says_so(self):
        app_passwords.make(self.binh, "x")
        device = Device.objects.create(account=self.an, token_name="a" * 64, browser="Chrome")

        devices.disown(self.an, device.pk, but=None)

        self.assertEqual(self.names(), set())
        self.assertTrue(self.mails("Mọi mật khẩu ứng dụng của hộp thư này").exists())
        self.assertEqual(AppPassword.objects.count(), 1)

    def test_to_end_other_sessions_leaves_them_and_says_where_they_are_ended(self):
        answer = self.client.post("/cau-hinh/hoat-dong/", follow=True)

        self.assertEqual(self.names(), {"cũ", "mới"})
        self.assertContains(answer, "Mật khẩu ứng dụng vẫn mở được thư")

    def test_an_account_that_is_removed_takes_them_along(self):
        Account.objects.filter(pk=self.an.pk).delete()

        self.assertFalse(AppPassword.objects.exists())


class UseTests(AppPasswords, TestCase):
    def test_the_page_says_what_dovecot_tells_and_no_more(self):
        row = app_passwords.make(self.an, "x").row
        self.assertNotContains(self.client.get(PAGE), "Chưa dùng")
        with override_settings(AUTH_POLICY_TOKEN="geheim-7b1d5e0c9f3a48e2"):
            self.assertContains(self.client.get(PAGE), "Chưa dùng lần nào")

            app_passwords.note_use(self.an, str(row.pk), "imap")

            page = self.client.get(PAGE)
        self.assertContains(page, "(IMAP)")
        self.assertContains(page, f"{timezone.localdate():%d/%m/%Y}")

    def test_what_is_no_number_of_the_account_s_is_no_use(self):
        row = app_passwords.make(self.an, "x").row
        for account, app in ((self.binh, str(row.pk)), (self.an, "x"), (self.an, "9" * 30)):
            app_passwords.note_use(account, app, "imap")

        row.refresh_from_db()

        self.assertIsNone(row.last_used_on)


class OfficeTests(AppPasswords, TestCase):
    def test_where_dovecot_knows_none_there_is_no_page(self):
        with override_settings(APP_PASSWORDS="off"):
            self.assertEqual(self.client.get(PAGE).status_code, 404)
            self.assertEqual(self.make().status_code, 404)
            self.assertNotContains(self.client.get("/cau-hinh/"), PAGE)
        self.assertContains(self.client.get("/cau-hinh/"), PAGE)

    def test_people_are_told_where_their_own_password_opens_no_mail(self):
        pages = ("/cau-hinh/thong-tin/", "/huong-dan/cai-dat-thu/", PAGE)
        for page in pages[:2]:
            self.assertNotContains(self.client.get(page), "không mở được thư")
        with override_settings(APP_PASSWORDS="only"):
            for page in pages[:2]:
                with self.subTest(page):
                    self.assertContains(self.client.get(page), "không mở được thư")
            self.assertContains(self.client.get(PAGE), "không dùng được ở đó")

    def test_nobody_is_told_to_type_a_new_password_where_it_opens_no_mail(self):
        self.enterContext(override_settings(APP_PASSWORDS="only"))
        self.ask()
        self.guess(newest_code())
        answer = self.client.post(
            "/quen-mat-khau/mat-khau-moi/",
            {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
            follow=True,
        )

        self.assertContains(answer, "tạo mật khẩu ứng dụng mới")
        self.assertNotContains(answer, "Outlook cũng vậy")
        (mail,) = self.mails("vừa được thay đổi lúc")
        self.assertIn("mở bằng mật khẩu ứng dụng", mail.text)
        self.assertNotIn("kể cả điện thoại và Outlook", mail.text)
        self.assertContains(self.client.get("/huong-dan/lay-lai-mat-khau/"), "mật khẩu ứng dụng")


class ParallelTests(AppPasswords, TransactionTestCase):
    def test_of_many_at_once_ten_are_made(self):
        def one(number):
            with suppress(TooMany):
                return app_passwords.make(self.an, f"máy {number}").password

        made = list(filter(None, at_once(one, MOST + 6)))

        self.assertEqual((len(set(made)), AppPassword.objects.count()), (MOST, MOST))


class SettingTests(TestCase):
    def warned(self):
        return [fault.id for fault in run_checks(databases=["default"])]

    def test_it_says_where_the_mail_server_was_not_told(self):
        copy_domains()
        self.assertNotIn("portal.W031", self.warned())
        with override_settings(APP_PASSWORDS="only"):
            self.assertIn("portal.W031", self.warned())

            copy_domains()

            self.assertNotIn("portal.W031", self.warned())

    def test_a_directory_has_none(self):
        with override_settings(DIRECTORY="ldaps://ldap.example.gov.vn"):
            self.assertNotIn("portal.E032", self.warned())
            with override_settings(APP_PASSWORDS="on"):
                self.assertIn("portal.E032", self.warned())
