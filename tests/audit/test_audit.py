"""The audit trail: each thing that happens to an account is on record, with who, whence and how."""

from django.conf import settings
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.utils import timezone

from accounts.credentials.locks import lock
from accounts.models import Account, AuditEvent
from otp.counting import keyed_names
from tests.support import cast, hostile
from tests.support.cast import ASK, LOGIN, NEW_PASSWORD, PASSWORD, newest_code, wrong_code
from tests.support.forms import drawn_from

OWN = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
TOKEN = "/dang-nhap/yeu-to-thu-hai/"
ACCOUNTS = "/quan-tri/accounts/account/"


@override_settings(RATELIMIT_ENABLE=False)
class AuditTests(cast.Cast, TestCase):
    """Walk to what happens, by the door a person uses, and read the newest row."""

    def setUp(self):
        self.set_up_people()
        self.client = Client(REMOTE_ADDR="203.0.113.9")

    def assert_recorded(self, event, *, ok=True, reason="", account="an", actor=None):
        row = AuditEvent.objects.filter(event=event).latest("pk")
        self.assertEqual((row.ok, row.reason), (ok, reason))
        self.assertEqual(row.account, self.person(account))
        self.assertEqual(row.actor, self.person(actor))
        self.assertEqual(row.client, "203.0.113.9")
        self.assertRegex(row.request_id, r"^[0-9a-f]{16}$")
        self.assertIsNotNone(row.at.utcoffset())
        return row

    def person(self, name):
        return Account.objects.get(address=f"{name}@hagiang.gov.vn") if name else None

    def log_in_as_staff(self):
        return self.come_in(cast.make_staff("it"))

    def test_a_log_in(self):
        self.log_in()

        self.assert_recorded("logged-in", actor="an")

    def test_a_wrong_password(self):
        self.log_in(password="x")

        self.assert_recorded("login-failed", ok=False, reason="password")

    def test_the_right_password_of_a_closed_account(self):
        for name in ("chi", "dung"):
            with self.subTest(name):
                self.log_in(name)

                self.assert_recorded("login-failed", ok=False, reason="closed", account=name)

    def test_a_log_in_that_is_held(self):
        for _ in range(11):
            self.log_in(password="x")

        row = self.assert_recorded("login-held", ok=False, account=None)
        self.assertIn(row, AuditEvent.objects.concerning(self.an))

    def test_a_log_out(self):
        self.log_in()
        self.client.post("/dang-xuat/")

        self.assert_recorded("logged-out", actor="an")

    def test_the_end_of_other_sessions(self):
        self.log_in()
        self.client.post("/cau-hinh/hoat-dong/")

        self.assert_recorded("sessions-ended", actor="an")

    def test_a_second_factor(self):
        self.log_in_as_staff()

        self.assert_recorded("factor-right", account="it", actor="it")

    def test_a_wrong_second_factor(self):
        cast.make_staff("it")
        self.log_in("it")
        self.client.post(TOKEN, {"token": "wxyz7654"})

        self.assert_recorded("factor-wrong", ok=False, account="it", actor="it")

    def test_a_code(self):
        cases = {
            "code-wrong": (wrong_code, False),
            "code-right": (newest_code, True),
        }
        self.ask()
        for event, (code, ok) in cases.items():
            with self.subTest(event):
                self.guess(code())

                row = self.assert_recorded(event, ok=ok, reason="recovery", account=None)
                self.assertIn(row, AuditEvent.objects.concerning(self.an))

    def test_a_code_that_is_over(self):
        self.ask()
        lock(self.an, actor=self.an)
        self.guess(newest_code())

        row = self.assert_recorded("code-spent", ok=False, reason="recovery", account=None)
        self.assertIn(row, AuditEvent.objects.concerning(self.an))

    def test_a_reset(self):
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.assert_recorded("password-reset", actor="an")

    def test_a_reset_soon_after_a_change_of_phone(self):
        now = timezone.now()
        Account.objects.update(old_phone="+84912000999", phone_changed_at=now)
        self.ask()
        self.guess(newest_code())
        self.choose()

        self.assert_recorded("reset-after-phone")

    def test_a_changed_password(self):
        self.log_in()
        both = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        self.client.post("/cau-hinh/mat-khau/", {"password": PASSWORD} | both)

        self.assert_recorded("password-changed", actor="an")

    def test_a_change_of_phone(self):
        self.log_in()
        self.client.post(OWN, {"phone": "0912 345 678"})
        self.assert_recorded("phone-asked", actor="an")

        self.client.post(f"{OWN}xac-thuc/", {"code": newest_code()})

        self.assert_recorded("phone-changed", actor="an")

    def test_a_first_phone(self):
        self.log_in("binh")
        own = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"
        self.client.post(own, {"phone": "0912 345 678"})
        self.client.post(f"{own}xac-thuc/", {"code": newest_code()})

        self.assert_recorded("phone-first", account="binh", actor="binh")

    def test_a_phone_that_was_entered_for_somebody_is_confirmed_and_not_changed(self):
        Account.objects.filter(pk=self.binh.pk).update(phone="+84912345678")
        self.log_in("binh")
        own = "/cau-hinh/thong-tin/binh@hagiang.gov.vn/"
        self.client.post(own, {"phone": "0912 345 678"})
        self.client.post(f"{own}xac-thuc/", {"code": newest_code()})

        self.assert_recorded("phone-confirmed", account="binh", actor="binh")

    def test_locking_and_unlocking(self):
        self.log_in_as_staff()
        for action, event in (("lock_chosen", "locked"), ("unlock_chosen", "unlocked")):
            with self.subTest(action):
                self.act_on(action, self.an)

                self.assert_recorded(event, actor="it")

    def test_an_edit(self):
        self.log_in_as_staff()
        fields = {"full_name": "Lý Văn Ân", "kind": "person", "unit": "", "is_active": "on"}
        page = f"{ACCOUNTS}{self.an.pk}/change/"
        fields |= cast.NO_ALIASES | drawn_from(self.client, page)
        self.client.post(page, fields)

        row = self.assert_recorded("account-edited", actor="it")
        self.assertEqual(row.detail, {"fields": ["full_name"]})

    def test_a_form_from_another_page_is_in_the_log(self):
        with self.assertLogs("django.security.csrf", "WARNING"):
            Client(enforce_csrf_checks=True).post(ASK, {"address": "an"})

    def test_what_was_typed_for_a_name_is_kept_as_a_keyed_name_only(self):
        for typed in ("khong.co", "Ruong-bac-thang-7", "0987466981", "Lý Văn An", "an@gmail.com"):
            with self.subTest(typed):
                self.client.post(LOGIN, {"username": typed, "password": "x"})

                row = self.assert_recorded(
                    "login-failed", ok=False, reason="password", account=None
                )
                self.assertRegex(row.address_key, r"^[0-9a-f]{64}$")
                rows = [
                    line
                    for line in hostile.database_text().splitlines()
                    if not line.startswith("accounts_account:")
                ]
                self.assertNotIn(typed, "\n".join(rows))

    def test_a_name_is_found_again_by_those_who_know_it(self):
        self.client.post(LOGIN, {"username": "KHONG.CO", "password": "x"})

        key = keyed_names.name_of("address", "khong.co@hagiang.gov.vn")
        self.assertTrue(AuditEvent.objects.filter(address_key=key).exists())


class WholeTests(SimpleTestCase):
    def test_every_event_has_a_test(self):
        tests = (settings.BASE_DIR / "tests").rglob("test_*.py")
        text = "".join(file.read_text(encoding="utf-8") for file in tests)

        missing = [
            event.value
            for event in AuditEvent.Event
            if f'"{event.value}"' not in text and f"Event.{event.name}" not in text
        ]
        self.assertEqual(missing, [])
