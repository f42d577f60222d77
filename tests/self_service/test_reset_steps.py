"""The steps of a recovery belong together: one browser, one address, one purpose, in order."""

import re

from django.conf import settings
from django.test import Client, TestCase
from django.utils import timezone

from otp.models import Code
from tests.support import cast
from tests.support.cast import ASK, CODE, NEW, PASSWORD, newest_code
from tests.support.clock import let_pass


class BrowsersTests(cast.Cast, TestCase):
    """OT-06, SE-05: a code belongs to a browser, a purpose and a step."""

    def setUp(self):
        self.set_up_people()

    def test_a_code_works_only_in_the_browser_that_asked(self):
        self.ask()
        code = newest_code()
        other = Client()
        self.ask("an", other)

        self.assertRedirects(self.guess(code, other), ASK, fetch_redirect_response=False)

        let_pass(self, minutes=6)
        self.ask("binh", other)
        self.assertContains(self.guess(code, other), "Mã chưa đúng")

    def test_the_code_of_a_recovery_does_not_confirm_a_phone(self):
        page = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
        self.log_in()
        self.client.post(page, {"phone": "0912 345 671"})
        self.ask()
        recovery = newest_code()

        r = self.client.post(f"{page}xac-thuc/", {"code": recovery})

        self.assertContains(r, "Mã chưa đúng")
        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84987466981")

    def test_the_code_of_a_phone_opens_no_recovery(self):
        self.log_in()
        self.ask()
        self.client.post("/cau-hinh/thong-tin/an@hagiang.gov.vn/", {"phone": "0912 345 671"})

        r = self.guess(newest_code())

        self.assertContains(r, "Mã chưa đúng")

    def test_a_session_of_an_older_version_begins_anew(self):
        session = self.client.session
        session["recovery"] = {"code_id": "1", "address": "an@hagiang.gov.vn"}
        session.save()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key

        self.assertRedirects(self.client.get(CODE), ASK)

    def test_steps_cannot_be_skipped(self):
        for page in (CODE, NEW):
            for step in (self.client.get, self.client.post):
                with self.subTest(page=page, step=step.__name__):
                    self.assertRedirects(step(page), ASK, fetch_redirect_response=False)
        self.ask()
        for step in (self.client.get, self.choose):
            with self.subTest(step=step.__name__):
                r = step(NEW) if step == self.client.get else step()

                self.assertRedirects(r, CODE, fetch_redirect_response=False)
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))
        self.assertIn("Hãy bắt đầu lại từ đây", self.client.get(ASK).content.decode())

    def test_a_code_from_one_tab_does_not_count_for_the_address_of_another(self):
        self.ask("an")
        code, step = newest_code(), self.step()
        self.ask("binh")

        r = self.client.post(CODE, {"code": code, "step": step})

        self.assertContains(r, "Bạn đã thực hiện một yêu cầu khác")
        self.assertContains(r, "binh@hagiang.gov.vn")
        self.assertEqual(Code.objects.latest("issued_at").attempts, 0)

    def test_a_password_from_one_tab_never_goes_to_the_address_of_another(self):
        self.binh.phone, self.binh.phone_confirmed_at = "+84912000111", timezone.now()
        self.binh.save()
        self.ask("an")
        self.guess(newest_code())
        step = self.step(NEW)
        self.ask("binh")
        data = {"new_password1": "Cay-khe-truoc-san-9", "new_password2": "Cay-khe-truoc-san-9"}

        before = self.client.post(NEW, data | {"step": step})
        self.guess(newest_code())
        after = self.client.post(NEW, data | {"step": step})

        self.assertRedirects(before, CODE, fetch_redirect_response=False)
        self.assertContains(after, "Bạn đã thực hiện một yêu cầu khác")
        for person in (self.an, self.binh):
            person.refresh_from_db()
            self.assertTrue(person.check_password(PASSWORD))

    def step(self, page=CODE):
        return re.search(r'name="step" value="([^"]+)"', self.client.get(page).content.decode())[1]
