"""Whatever is typed into a field: a sentence in Vietnamese, never a fault, and nothing is kept."""

from django.test import Client, TestCase, override_settings
from django_otp.plugins.otp_static.models import StaticDevice

from accounts.credentials import second_factor
from accounts.models import DataRequest
from otp.models import Code, Message, Meter
from tests.support import cast, hostile
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import let_pass

TOKEN = "/dang-nhap/yeu-to-thu-hai/"
PASSWORDS = "/cau-hinh/mat-khau/"
PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
PHONE_CODE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/"
SUMMARY = "Có lỗi cần sửa"
BOTH = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


@override_settings(RATELIMIT_ENABLE=False)
class BadInputTests(cast.Cast, TestCase):
    """Each test walks to one form and feeds one of its fields with everything hostile."""

    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False)

    def feed(self, url, field, others, *, fine=()):
        """Post every hostile value. Each gives a sentence, but those named in `fine` may pass."""
        for name, value in hostile.VALUES.items():
            with self.subTest(name):
                self.forget_failures()

                r = self.client.post(url, {**others, field: value})

                self.assert_harmless(r, moved=name in fine)

    def forget_failures(self):
        """Let every try be looked at: nothing is held or slowed down."""
        Meter.objects.all().delete()
        StaticDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)

    def assert_harmless(self, r, *, moved=False):
        if moved and r.status_code == 302:
            return
        self.assertEqual(r.status_code, 200)
        page = r.content.decode()
        self.assertIn(SUMMARY, page)
        self.assertNotIn("stolen", r.cookies)
        for text in hostile.UNESCAPED:
            self.assertNotIn(text, page)

    def assert_not_kept(self):
        self.assertNotIn(hostile.CANARY, hostile.database_text())

    def begin_recovery(self):
        self.ask()
        return Code.objects.latest("issued_at")

    def begin_phone_change(self):
        self.log_in()
        self.client.post(PHONE, {"phone": "0912 345 678"})
        return Code.objects.latest("issued_at")

    def test_user_name(self):
        self.feed(LOGIN, "username", {"password": PASSWORD})

        self.assert_not_kept()

    def test_password(self):
        self.feed(LOGIN, "password", {"username": "an"})

        self.assert_not_kept()

    def test_a_request_about_ones_data(self):
        self.log_in()
        page = "/cau-hinh/du-lieu/yeu-cau/"
        for name, value in hostile.VALUES.items():
            with self.subTest(name):
                DataRequest.objects.all().delete()
                self.forget_failures()

                # Words are kept as they are, and shown as words.
                r = self.client.post(page, {"kind": "erase", "text": value})

                self.assert_harmless(r, moved=True)
                if any(text in str(value) for text in hostile.UNESCAPED):
                    page_of_all = self.client.get("/cau-hinh/du-lieu/")
                    for text in hostile.UNESCAPED:
                        self.assertNotContains(page_of_all, text)
        self.feed(page, "kind", {"text": "x"})
        for path in (f"{page}{10**30}/rut/", f"{page}0/rut/"):
            self.assertEqual(self.client.post(path).status_code, 302)

    def test_password_typed_is_never_in_the_page(self):
        for name, value in hostile.VALUES.items():
            with self.subTest(name):
                Meter.objects.all().delete()

                r = self.client.post(LOGIN, {"username": "an", "password": value})

                self.assertNotContains(r, hostile.CANARY)

    def test_where_to_go_after_the_log_in(self):
        targets = [
            *hostile.VALUES.values(),
            "//evil.vn",
            "/\\evil.vn",
            "\\\\evil.vn",
            "https:evil.vn",
            "https:///evil.vn",
            "http://testserver@evil.vn/",
            "http://[",
            "/\t/evil.vn",
            "evil",
            "evil.vn",
            "?evil",
            "#evil",
            "accounts:logout",
            "admin:index",
        ]
        for target in targets:
            for place in ("query", "form"):
                with self.subTest(target=target[:40], place=place):
                    client = Client(raise_request_exception=False)
                    data = {"username": "an", "password": PASSWORD}
                    asked = {"next": target}

                    if place == "query":
                        r = client.post(LOGIN, data, query_params=asked)
                    else:
                        r = client.post(LOGIN, data | asked)

                    self.assertEqual((r.status_code, r.url), (302, "/"))

    def test_where_to_go_may_be_a_page_of_the_portal(self):
        data = {"username": "an", "password": PASSWORD, "next": "/cau-hinh/?x=1"}

        r = self.client.post(LOGIN, data)

        self.assertEqual(r.url, "/cau-hinh/?x=1")

    def test_second_factor(self):
        it = cast.make_staff("it")
        second_factor.make_recovery_codes(it)
        self.log_in("it")

        self.feed(TOKEN, "token", {})

        self.assert_not_kept()

    def test_address(self):
        # Digits of any kind are the name of a mailbox that is not there.
        self.feed(ASK, "address", {}, fine=("full-width digits", "superscript digits"))

        self.assertEqual(cast.queued(), 0)
        self.assert_not_kept()

    def test_trap_for_machines(self):
        self.feed(ASK, "website", {"address": "an"}, fine=("empty", "blanks"))

        self.assertLessEqual(Message.objects.count(), 1)

    def test_code_is_no_guess(self):
        code = self.begin_recovery()

        self.feed(CODE, "code", {})

        code.refresh_from_db()
        self.assertEqual(code.attempts, 0)
        self.assert_not_kept()

    def test_code_in_any_script_is_a_guess(self):
        self.begin_recovery()
        digits = newest_code()
        arabic = "".join(chr(ord("٠") + int(digit)) for digit in digits)

        r = self.client.post(CODE, {"code": f" {arabic[:3]}-{arabic[3:]}\u200b"})

        self.assertEqual(r.url, NEW)

    def test_step_of_a_code(self):
        code = self.begin_recovery()

        self.feed(CODE, "step", {"code": "12345"})

        code.refresh_from_db()
        self.assertEqual(code.attempts, 0)

    def test_new_password(self):
        self.begin_recovery()
        self.guess(newest_code())

        self.feed(NEW, "new_password1", {"new_password2": NEW_PASSWORD})

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_new_password_twice_the_same(self):
        self.begin_recovery()
        self.guess(newest_code())
        for name, value in hostile.VALUES.items():
            with self.subTest(name):
                r = self.choose(value)

                # The one about SQL has all that a good password needs.
                self.assert_harmless(r, moved=name == "SQL")
                self.assertNotIn(hostile.CANARY, r.content.decode())

        self.assert_not_kept()

    def test_new_password_again(self):
        self.begin_recovery()
        self.guess(newest_code())

        self.feed(NEW, "new_password2", {"new_password1": NEW_PASSWORD})

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_step_of_a_new_password(self):
        self.begin_recovery()
        self.guess(newest_code())

        self.feed(NEW, "step", BOTH, fine=("empty", "blanks"))

        self.assert_not_kept()

    def test_phone(self):
        self.log_in()

        self.feed(PHONE, "phone", {})

        self.assertEqual(Message.objects.count(), 0)
        self.assert_not_kept()

    def test_phone_is_saved_only_with_the_password(self):
        self.log_in()
        let_pass(self, minutes=11)

        self.feed(PHONE, "password", {"phone": "0912 345 678"})

        self.assertEqual(Message.objects.count(), 0)
        self.assert_not_kept()

    def test_code_of_a_phone(self):
        code = self.begin_phone_change()

        self.feed(PHONE_CODE, "code", {})

        code.refresh_from_db()
        self.assertEqual(code.attempts, 0)

    def test_step_of_a_phone_code(self):
        code = self.begin_phone_change()

        self.feed(PHONE_CODE, "step", {"code": "12345"})

        code.refresh_from_db()
        self.assertEqual(code.attempts, 0)

    def test_current_password(self):
        self.log_in()

        self.feed(PASSWORDS, "password", BOTH)

        self.assertIn("_auth_user_id", self.client.session)
        self.assert_not_kept()

    def test_changed_password(self):
        self.log_in()
        right = {"password": PASSWORD, "new_password2": NEW_PASSWORD}

        self.feed(PASSWORDS, "new_password1", right)

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_fields_that_are_no_part_of_a_form(self):
        self.log_in()
        extra = {"is_staff": "1", "is_superuser": "on", "id": self.chi.pk, "address": "chi"}

        self.client.post(PHONE, {"phone": "0912 345 678", **extra})

        self.an.refresh_from_db()
        self.chi.refresh_from_db()
        self.assertEqual((self.an.is_staff, self.an.is_superuser), (False, False))
        self.assertEqual((self.an.new_phone, self.chi.new_phone), ("+84912345678", ""))

    def test_the_account_is_the_one_that_the_code_was_for(self):
        self.begin_recovery()
        extra = {"address": "binh", "email": self.binh.address, "user_id": self.binh.pk}
        self.client.post(CODE, {"code": newest_code(), **extra})

        self.client.post(NEW, BOTH | extra)

        self.an.refresh_from_db()
        self.binh.refresh_from_db()
        self.assertTrue(self.an.check_password(NEW_PASSWORD))
        self.assertTrue(self.binh.check_password(PASSWORD))
