"""Get a lost password back: the memo's second procedure."""

from django.test import TestCase

from tests import cast
from tests.cast import CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code


class ResetPasswordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_the_memo_in_full(self):
        self.assertEqual(self.ask("an").url, CODE)
        self.assertContains(self.client.get(CODE), "***466981")
        self.assertEqual(self.guess(newest_code()).url, NEW)
        self.assertEqual(self.choose().url, LOGIN)
        self.assertContains(self.client.get(LOGIN), "Đã đổi mật khẩu")

        self.assertEqual(self.log_in(password=NEW_PASSWORD).url, "/")

    def test_the_old_password_stops(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        r = self.log_in(password=PASSWORD)

        self.assertContains(r, "Tên đăng nhập hoặc mật khẩu chưa đúng")
