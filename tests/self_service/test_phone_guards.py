"""Who may change a phone number, and what of it anybody gets to see."""

import re

from django.test import Client, TestCase

from accounts.access.sessions import SessionStore
from accounts.models import Session
from otp.models import Code
from tests.self_service.test_phone import AN, AN_CODE, BINH, NEW_PHONE, PROFILE, Caller
from tests.support.cast import ASK, LOGIN, PASSWORD, newest_code, wrong_code
from tests.support.clock import let_pass


class GuardTests(Caller, TestCase):
    """PH-01, PH-06, PH-07."""

    def test_a_password_typed_long_ago_is_asked_for_again(self):
        let_pass(self, minutes=10, seconds=1)
        self.assertContains(self.client.get(AN), 'name="password"')

        for password in ("", "Sai-mat-khau-8"):
            r = self.save(password=password)
            self.assertContains(r, "Hãy nhập")
            self.assertEqual(r.status_code, 200)
        self.assertFalse(Code.objects.exists())

        self.assertRedirects(self.save(password=PASSWORD), AN_CODE)

    def test_within_ten_minutes_it_is_not(self):
        let_pass(self, minutes=9, seconds=30)

        self.assertNotContains(self.client.get(AN), 'name="password"')
        self.assertRedirects(self.save(), AN_CODE)

    def test_typing_the_password_again_changes_the_session_s_key(self):
        let_pass(self, minutes=11)
        before = self.client.cookies["sessionid"].value

        self.save(password=PASSWORD)

        stolen = Client()
        stolen.cookies["sessionid"] = before
        self.assertRedirects(stolen.get(AN), f"{LOGIN}?next={AN.replace('@', '%40')}")
        self.assertEqual(self.client.get(AN_CODE).status_code, 200)

    def test_wrong_passwords_are_counted_as_at_the_log_in(self):
        let_pass(self, minutes=11)
        for _ in range(10):
            self.save(password="Sai-mat-khau-8")

        r = self.save(password=PASSWORD)

        self.assertContains(r, "Đã nhập sai nhiều lần. Hãy thử lại sau")
        self.assertFalse(Code.objects.exists())

    def test_the_number_in_force_stands_in_full_on_no_page(self):
        pages = ["/", "/cau-hinh/", PROFILE, AN, "/cau-hinh/mat-khau/", "/cau-hinh/hoat-dong/", ASK]
        for change in ("0912 345 671", None):
            answers = [self.client.get(page) for page in pages]
            if change:
                answers += [self.save(change), self.client.get(AN_CODE), self.client.get("/")]
                answers += [self.confirm(wrong_code()), self.save("0912 345 999")]
            else:
                self.confirm()
                answers += [self.client.get(page) for page in pages]
            for r in answers:
                with self.subTest(page=r.request["PATH_INFO"]):
                    digits = re.sub(r"[\s.,-]", "", r.content.decode())
                    self.assertNotRegex(digits, "987466981|912345671")

    def test_the_field_starts_empty_beside_the_masked_number(self):
        r = self.client.get(AN)

        self.assertContains(r, "***466981")
        self.assertNotRegex(r.content.decode(), r'name="phone"[^>]*value=')

    def test_somebody_else_s_address_is_no_page_of_mine(self):
        for page in (BINH, f"{BINH}xac-thuc/"):
            for act in (self.client.get, self.client.post):
                with self.subTest(page=page, act=act.__name__):
                    self.assertEqual(act(page, {"phone": "0912345671"}).status_code, 404)
        self.binh.refresh_from_db()
        self.assertEqual(self.binh.new_phone, "")

    def test_only_the_phone_is_taken_from_the_form(self):
        edits = {"is_staff": "1", "is_superuser": "1", "id": self.binh.pk, "full_name": "X"}
        edits |= {"address": "binh@hagiang.gov.vn", "phone_confirmed_at": "2020-01-01"}
        self.save(**edits)

        self.client.post(AN_CODE, {"code": newest_code()} | edits)

        self.assert_phone(NEW_PHONE)
        self.assertEqual((self.an.is_staff, self.an.full_name), (False, "Lý Văn An"))
        self.binh.refresh_from_db()
        self.assertEqual(self.binh.phone, "")

    def test_nobody_gets_there_without_a_log_in(self):
        for page in (PROFILE, AN, AN_CODE):
            for act in (Client().get, Client().post):
                r = act(page)
                self.assertEqual(r.status_code, 302)
                self.assertTrue(r.url.startswith(LOGIN))

    def test_no_session_holds_a_full_number(self):
        self.save()

        for row in Session.objects.all():
            self.assertNotIn("912345671", str(SessionStore().decode(row.session_data)))
