"""Who may call: the token, its end, its networks, its scopes, and how often one may be wrong."""

from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import limits
from accounts.api import door
from accounts.models import AuditEvent, ProgramToken
from otp.counting.limits import charge
from tests.api.programs import ALL, Programs, admit, shown
from tests.support.clock import let_pass

PAGES = ("openapi.json", "status", "units", "coverage", "accounts", "accounts/an@hagiang.gov.vn")


class NoProgramTests(Programs, TestCase):
    def test_where_there_was_never_a_token_there_is_no_api(self):
        self.set_up_programs()
        nowhere = self.get("khong-co", "x")
        for page in PAGES:
            for token in ("", "mp_x"):
                with self.subTest(page, token=token):
                    r = self.get(page, token)

                    self.assertEqual((r.status_code, r.content), (404, nowhere.content))

    def test_where_one_was_made_and_ended_it_is_still_there(self):
        self.set_up_programs()
        admit()
        ProgramToken.objects.update(ended_at=timezone.now())

        self.assertEqual(self.get("units", "").status_code, 401)


class TokenTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit()

    def test_it_opens_every_page_of_its_scopes(self):
        for page in PAGES:
            with self.subTest(page):
                self.assertEqual(self.get(page, self.token).status_code, 200)

    def test_every_cause_is_answered_alike(self):
        ended = admit("Đã hủy")
        ProgramToken.objects.filter(name="Đã hủy").update(ended_at=timezone.now())
        over = admit("Hết hạn", days=-1)
        elsewhere = admit("Nơi khác", networks=["192.0.2.0/24"])
        answers = set()
        for token in ("", "mp_wrong", "é", ended, over, elsewhere, self.token + "x"):
            with self.subTest(token):
                r = self.get("accounts", token)

                self.assertEqual(r.status_code, 401)
                self.assertEqual(r.headers["WWW-Authenticate"], "Bearer")
                answers.add(r.content)
        self.assertEqual(len(answers), 1)

    def test_it_opens_from_its_networks(self):
        token = admit("Nơi khác", networks=["192.0.2.0/24", "2001:db8::/32"])
        for address, status in (("192.0.2.9", 200), ("2001:db8::1", 200), ("192.0.3.9", 401)):
            with self.subTest(address):
                r = self.get("units", token, REMOTE_ADDR=address)

                self.assertEqual(r.status_code, status)

    def test_after_too_many_wrong_ones_the_right_one_waits_too(self):
        for _ in range(limits._TOKENS.count):
            self.assertEqual(self.get("units", "mp_wrong").status_code, 401)

        r = self.get("units", self.token)

        self.assertEqual((r.status_code, r.json()["code"]), (429, "too-many"))
        self.assertTrue(0 < int(r.headers["Retry-After"]) <= 600)
        let_pass(self, minutes=11)
        self.assertEqual(self.get("units", self.token).status_code, 200)

    def test_right_ones_use_nothing_up(self):
        for _ in range(limits._TOKENS.count + 1):
            self.assertEqual(self.get("units", self.token).status_code, 200)

    def test_one_program_calls_so_often_and_another_does_not_wait(self):
        other = admit("Hỗ trợ")
        row = ProgramToken.objects.get(name="Quản lý cán bộ")
        for _ in range(door.CALLS.count):
            charge(door.CALLS, str(row.pk))

        self.assertEqual(self.get("units", self.token).status_code, 429)
        self.assertEqual(self.get("units", other).status_code, 200)

    def test_what_its_scopes_do_not_name_is_refused(self):
        scopes = {"status": "status", "units": "figures", "coverage": "figures"}
        scopes |= {"accounts": "accounts", "accounts/an@hagiang.gov.vn": "accounts"}
        for page, needed in scopes.items():
            with self.subTest(page):
                token = admit(f"Không có {page}", scopes=[each for each in ALL if each != needed])

                r = self.get(page, token)

                self.assertEqual((r.status_code, r.json()["code"]), (403, "scope"))
        reader = admit("Chỉ xem", scopes=["accounts"])
        r = self.post("accounts/an@hagiang.gov.vn/lock", reader)
        self.assertEqual(r.status_code, 403)
        self.assertFalse(self.is_locked(self.an))

    def test_its_last_use_is_noted_by_day(self):
        self.get("units", self.token)

        row = ProgramToken.objects.get()
        self.assertEqual(row.last_used_on, timezone.localdate())

    def test_nothing_of_it_is_stored_in_clear(self):
        row = ProgramToken.objects.values().get()

        self.assertNotIn(self.token, str(row))
        events = AuditEvent.objects.filter(event="program-admitted").values("detail", "reason")
        self.assertNotIn(self.token, str(list(events)))

    def test_no_cookie_is_read_or_set(self):
        browser = Client()
        self.come_in(self.huong, client=browser)

        with CaptureQueriesContext(connection) as made:
            r = browser.get("/api/v1/accounts")
            other = browser.post("/api/v1/accounts/an@hagiang.gov.vn/lock", headers=shown("x"))

        self.assertEqual((r.status_code, other.status_code), (401, 401))
        self.assertNotIn("accounts_session", str([each["sql"] for each in made]))
        r = browser.get("/api/v1/accounts", headers=shown(self.token))
        self.assertEqual(r.status_code, 200)
        self.assertFalse(r.cookies)
        self.assertNotIn("Access-Control-Allow-Origin", r.headers)
        self.assertEqual(r.headers["Cache-Control"], "no-store")
