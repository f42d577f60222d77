"""A default password, which others may know, is changed by a code where a number can get one."""

from django.test import TestCase
from django.utils import timezone

from accounts.models import Account
from tests.support import cast
from tests.support.cast import ASK, NEW_PASSWORD, PASSWORD, newest_code

PAGE = "/cau-hinh/mat-khau/"
BUTTON = "Gửi mã để đổi mật khẩu"


class DefaultPasswordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def have(self, **columns):
        Account.objects.filter(pk=self.an.pk).update(has_default_password=True, **columns)
        self.log_in("an")

    def change(self):
        data = {"password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        return self.client.post(PAGE, data, follow=True)

    def fresh(self):
        return Account.objects.get(pk=self.an.pk)

    def test_who_knows_it_chooses_no_password_without_a_code(self):
        self.have()

        self.assertContains(self.client.get("/", follow=True), BUTTON)
        self.assertContains(self.change(), BUTTON)

        self.assertTrue(self.fresh().check_password(PASSWORD))
        r = self.client.get("/cau-hinh/thong-tin/an@hagiang.gov.vn/", follow=True)
        self.assertEqual(r.redirect_chain[-1][0], PAGE)

    def test_the_owner_gets_a_code_and_chooses_one(self):
        self.have()
        self.client.post(ASK, {"address": "an@hagiang.gov.vn"})
        self.guess(newest_code())

        self.choose()

        an = self.fresh()
        self.assertTrue(an.check_password(NEW_PASSWORD))
        self.assertFalse(an.has_default_password)

    def test_where_no_number_can_get_a_code_the_password_is_enough(self):
        now = timezone.now()
        for columns in (
            {"phone_confirmed_at": None},
            {"phone_confirmed_at": now, "phone_doubted_at": now},
        ):
            with self.subTest(columns):
                self.client.logout()
                self.have(**columns)
                self.assertNotContains(self.client.get(PAGE), BUTTON)
        self.change()

        self.assertTrue(self.fresh().check_password(NEW_PASSWORD))
