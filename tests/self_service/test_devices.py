"""The browsers in which somebody has logged in: told of when new, listed, forgotten, disowned."""

import datetime as dt

from django.conf import settings
from django.core.management import call_command
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.access import devices
from accounts.models import Account, AuditEvent, Device, Session
from otp.models import Message
from tests.support import cast
from tests.support.cast import LOGIN, PASSWORD
from tests.support.clock import let_pass
from tests.support.crowd import at_once

ACTIVITY = "/cau-hinh/hoat-dong/"
SMS = f"{ACTIVITY}nhan-tin/"
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
Event = AuditEvent.Event


class Devices(cast.Cast):
    def setUp(self):
        super().setUp()
        self.an = cast.make("an", phone="+84912466981", phone_confirmed_at=timezone.now())

    def log_in(self, browser=None, user_agent=CHROME):
        browser = browser or Client(REMOTE_ADDR="203.0.113.9")
        r = browser.post(
            LOGIN, {"username": "an", "password": PASSWORD}, headers={"user-agent": user_agent}
        )
        self.assertEqual(r.status_code, 302)
        return browser

    def log_out(self, browser):
        browser.post("/dang-xuat/")

    def mails(self):
        return Message.objects.filter(subject__contains="thiết bị mới")

    def texts(self):
        return Message.objects.filter(channel=Message.Channel.SMS, code=None)

    def post(self, browser, act, device):
        return browser.post(f"{ACTIVITY}thiet-bi/{device.pk}/{act}/")


class DeviceTests(Devices, TestCase):
    def test_the_owner_is_told_of_a_new_one_once(self):
        browser = self.log_in()
        self.log_out(browser)
        self.log_in(browser)

        (mail,) = self.mails()
        for part in ("Chrome trên Windows", "203.0.113.9", "Không phải tôi"):
            self.assertIn(part, mail.text)
        self.assertNotIn("http", mail.text)
        self.assertFalse(self.texts().exists())
        self.assertEqual(AuditEvent.objects.filter(event=Event.NEW_DEVICE).count(), 1)

        self.log_in(user_agent=FIREFOX)

        self.assertEqual(self.mails().count(), 2)
        page = browser.get(ACTIVITY)
        self.assertContains(page, "Firefox trên Linux")
        self.assertContains(page, "Đăng nhập từ thiết bị mới")
        self.assertContains(page, "thiết bị này", count=1)

    def test_an_sms_tells_those_who_want_it(self):
        browser = self.log_in()
        browser.post(SMS, {"sms": "on"})
        self.log_in()

        (text,) = self.texts()
        self.assertIn("thiet bi moi", text.text)

        browser.post(SMS, {})
        self.log_in()

        self.assertEqual(self.texts().count(), 1)

    def test_whoever_comes_with_ever_new_browsers_sends_few_mails(self):
        for _ in range(7):
            self.log_in()

        self.assertEqual(self.mails().count(), 5)
        self.assertEqual(Device.objects.count(), 7)

    def test_the_first_browser_ever_is_told_of_unless_the_password_was_just_chosen(self):
        now = timezone.now()
        for chosen, told in ((now - dt.timedelta(hours=2), 1), (None, 1), (now, 0)):
            Device.objects.all().delete()
            Message.objects.all().delete()
            Account.objects.update(password_changed_at=chosen)

            browser = self.log_in()

            with self.subTest(chosen):
                self.assertEqual(self.mails().count(), told)
                self.assertContains(browser.get(ACTIVITY), "thiết bị này", count=1)
        self.log_in()
        self.assertEqual(self.mails().count(), 1, "the second one is told of, whatever was chosen")

    def test_the_list_has_an_end(self):
        browser = self.log_in()
        Device.objects.bulk_create(
            Device(account=self.an, token_name=f"{n:064}", browser="Chrome")
            for n in range(devices.LISTED + 1)
        )

        self.assertEqual(len(browser.get(ACTIVITY).context["devices"]), devices.LISTED)

    def test_whether_an_sms_tells_is_on_record_once(self):
        browser = self.log_in()
        for data in ({"sms": "on"}, {"sms": "on"}, {}):
            browser.post(SMS, data)

        edits = AuditEvent.objects.filter(event=Event.ACCOUNT_EDITED)
        self.assertEqual([edit.detail["fields"] for edit in edits], [["new_device_sms"]] * 2)

    def test_a_browser_that_was_known_before_there_were_rows_is_no_news(self):
        browser = self.log_in()
        Device.objects.all().delete()
        Message.objects.all().delete()
        self.log_out(browser)

        self.log_in(browser)

        self.assertFalse(self.mails().exists())
        self.assertEqual(Device.objects.count(), 1)

    def test_nothing_stored_opens_anything_or_names_the_cookie(self):
        browser = self.log_in()
        cookie = browser.cookies[settings.KNOWN_BROWSER_COOKIE_NAME].value

        self.assertNotIn(Device.objects.get().token_name, cookie)
        self.assertRegex(Device.objects.get().token_name, "^[0-9a-f]{64}$")

    def test_one_that_is_forgotten_is_new_again(self):
        browser, other = self.log_in(), self.log_in(user_agent=FIREFOX)
        device = Device.objects.get(browser__startswith="Firefox")

        r = self.post(browser, "bo", device)

        self.assertRedirects(r, ACTIVITY)
        self.assertEqual(AuditEvent.objects.filter(event=Event.DEVICE_FORGOTTEN).count(), 1)
        self.log_out(other)
        self.log_in(other, FIREFOX)
        self.assertEqual(self.mails().count(), 3)

    @override_settings(DOVEADM_URL="https://localhost:1", DOVEADM_API_KEY="k")
    def test_whoever_disowns_one_ends_all_sessions_but_this_and_gets_a_new_password(self):
        browser, other = self.log_in(), self.log_in(user_agent=FIREFOX)
        device = Device.objects.get(browser__startswith="Firefox")

        r = self.post(browser, "khong-phai-toi", device)

        self.assertRedirects(r, "/cau-hinh/mat-khau/")
        self.assertEqual(Session.objects.filter(account=self.an).count(), 1)
        self.assertEqual(other.get(ACTIVITY).status_code, 302)
        self.assertEqual(browser.get(ACTIVITY).status_code, 200)
        self.assertEqual(Message.objects.filter(channel=Message.Channel.KICK).count(), 1)
        self.assertEqual(AuditEvent.objects.filter(event=Event.DEVICE_DISOWNED).count(), 1)
        self.assertRedirects(self.post(browser, "khong-phai-toi", device), ACTIVITY)

    def test_nobody_forgets_or_disowns_a_device_of_another(self):
        self.log_in()
        device = Device.objects.get()
        cast.make("binh")
        stranger = Client(REMOTE_ADDR="203.0.113.10")
        stranger.post(LOGIN, {"username": "binh", "password": PASSWORD})

        for act in ("bo", "khong-phai-toi"):
            self.assertRedirects(self.post(stranger, act, device), ACTIVITY)

        device.refresh_from_db()
        self.assertIsNone(device.forgotten_at)
        self.assertEqual(Session.objects.filter(account=self.an).count(), 1)

    def test_those_whose_cookie_has_run_out_are_pruned(self):
        self.log_in()
        let_pass(self, days=366)

        call_command("prune", verbosity=0)

        self.assertFalse(Device.objects.exists())

    def test_without_a_number_there_is_no_switch(self):
        browser = self.log_in()
        self.assertContains(browser.get(ACTIVITY), 'name="sms"')
        Account.objects.update(phone="", phone_confirmed_at=None)

        self.assertNotContains(browser.get(ACTIVITY), 'name="sms"')


class ParallelTests(Devices, TransactionTestCase):
    def test_many_log_ins_of_one_browser_at_once_are_one_device(self):
        browser = self.log_in()
        cookies = {name: each.value for name, each in browser.cookies.items()}
        cookies.pop(settings.SESSION_COOKIE_NAME, None)
        # As before there were rows: each of them may be the one that makes it.
        Device.objects.all().delete()
        Message.objects.all().delete()

        def come(_):
            again = Client(REMOTE_ADDR="203.0.113.9")
            again.cookies.load(cookies)
            self.log_in(again)

        at_once(come, 6)

        self.assertEqual(Device.objects.count(), 1)
        self.assertFalse(self.mails().exists())

    def test_whoever_comes_with_many_new_browsers_at_once_sends_no_more_mails(self):
        at_once(lambda _: self.log_in(), 7)

        self.assertEqual(Device.objects.count(), 7)
        self.assertEqual(self.mails().count(), 5)
