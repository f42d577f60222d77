"""What programs do: lock and unlock, with a ground, on record, once for each key."""

import io
from concurrent.futures import ThreadPoolExecutor

from django.core.management import call_command
from django.db import connection
from django.test import TestCase, TransactionTestCase

from accounts.access import limits
from accounts.api import door
from accounts.models import Account, AuditEvent, ProgramCall, ProgramToken
from otp.counting.limits import charge
from tests.api.programs import WHY, Programs, admit
from tests.support.clock import let_pass

LOCK, UNLOCK = (f"accounts/an@hagiang.gov.vn/{each}" for each in ("lock", "unlock"))


class LockTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit()

    def events(self):
        return list(AuditEvent.objects.filter(account=self.an).order_by("pk"))

    def test_it_locks_at_once_and_on_record(self):
        self.log_in()
        before = len(self.events())

        r = self.post(LOCK, self.token)

        self.assertEqual((r.status_code, r.json()), (200, {"locked": True, "changed": True}))
        self.assertTrue(self.is_locked(self.an))
        self.assertEqual(self.client.get("/cau-hinh/").status_code, 302)
        (event,) = self.events()[before:]
        self.assertEqual((event.event, event.actor, event.reason), ("locked", None, "program"))
        expected = {"why": "Nghỉ việc", "ticket": "12/QĐ", "program": "Quản lý cán bộ"}
        self.assertEqual(event.detail, expected)

    def test_it_unlocks(self):
        self.post(LOCK, self.token)

        self.assertEqual(self.post(UNLOCK, self.token).json(), {"locked": False, "changed": True})

        self.assertFalse(self.is_locked(self.an))
        self.assertEqual(self.events()[-1].event, "unlocked")

    def test_what_changes_nothing_is_on_record_too(self):
        self.post(LOCK, self.token)

        r = self.post(LOCK, self.token)

        self.assertEqual(r.json(), {"locked": True, "changed": False})
        event = self.events()[-1]
        self.assertEqual(event.event, "program-repeated")
        self.assertEqual(event.detail["program"], "Quản lý cán bộ")

    def test_staff_see_which_program_it_was(self):
        self.post(LOCK, self.token)
        self.come_in(self.huong)

        r = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")

        self.assertContains(r, "chương trình “Quản lý cán bộ”")

    def test_without_a_reason_that_may_be_kept_nothing_is_done(self):
        for body, status in (
            ({}, 422),
            ({"reason": ""}, 422),
            ({"reason": "\0 "}, 422),
            ({"reason": 5}, 422),
            ({"reason": "gọi 0987466981"}, 422),
            ({"reason": "x" * 201}, 422),
            ({"reason": "x", "khac": "y"}, 422),
            ([], 400),
            ("{", 400),
            (b"\xff", 400),
            ('{"reason": "\\ud800"}', 400),
            ("[" * 50_000, 400),
        ):
            with self.subTest(str(body)[:30]):
                r = self.post(LOCK, self.token, body)

                self.assertEqual(r.status_code, status)
                self.assertEqual(r.headers["Content-Type"], "application/problem+json")
        self.assertFalse(self.is_locked(self.an))

    def test_a_name_that_there_is_not_is_refused_as_such_whatever_its_value(self):
        for value in ("y", 5, None):
            r = self.post(LOCK, self.token, {"reason": "x", "khac": value})
            self.assertEqual(r.json()["errors"], {"khac": ["Không có tên này."]})

    def test_a_large_body_is_refused_by_a_problem(self):
        r = self.post(LOCK, self.token, {"reason": "x" * 70_000})

        self.assertEqual((r.status_code, r.json()["code"]), (413, "too-large"))

    def test_one_of_another_unit_is_missing_and_stays_open(self):
        token = admit("Của sở", unit=self.theirs)

        self.assertEqual(self.post(LOCK, token).status_code, 404)
        self.assertFalse(self.is_locked(self.an))

    def test_staff_are_left_to_people(self):
        r = self.post("accounts/huong@hagiang.gov.vn/lock", self.token)

        self.assertEqual((r.status_code, r.json()["code"]), (403, "staff"))
        self.assertFalse(self.is_locked(self.huong))

    def test_looking_changes_nothing(self):
        r = self.get(LOCK, self.token)

        self.assertEqual((r.status_code, r.headers["Allow"]), (405, "POST"))
        self.assertFalse(self.is_locked(self.an))

    def test_one_program_changes_so_many(self):
        row = ProgramToken.objects.get()
        for _ in range(door.CHANGES.count):
            charge(door.CHANGES, str(row.pk))

        self.assertEqual(self.post(LOCK, self.token).status_code, 429)
        self.assertFalse(self.is_locked(self.an))


class KeyTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit()

    def test_the_same_call_gets_the_same_answer_and_does_nothing_more(self):
        first = self.post(LOCK, self.token, key="a")
        Account.objects.filter(pk=self.an.pk).update(locked_at=None)

        again = self.post(LOCK, self.token, key="a")

        self.assertEqual(again.json(), first.json())
        self.assertFalse(self.is_locked(self.an))

    def test_the_same_key_for_something_else_is_refused(self):
        self.post(LOCK, self.token, key="a")

        for page, body in ((UNLOCK, WHY), (LOCK, WHY | {"reason": "khác"})):
            r = self.post(page, self.token, body, key="a")
            self.assertEqual((r.status_code, r.json()["code"]), (422, "key-used"))
        self.assertTrue(self.is_locked(self.an))

    def test_another_program_s_key_is_another(self):
        self.post(LOCK, self.token, key="a")

        r = self.post(UNLOCK, admit("Hỗ trợ"), key="a")

        self.assertEqual(r.json(), {"locked": False, "changed": True})

    def test_a_call_that_was_refused_leaves_its_key_unused(self):
        self.post("accounts/khong.co@hagiang.gov.vn/lock", self.token, key="a")

        self.assertEqual(self.post(LOCK, self.token, key="a").status_code, 200)

    def test_after_a_day_it_is_forgotten(self):
        self.post(LOCK, self.token, key="a")

        let_pass(self, hours=25)
        r = self.post(UNLOCK, self.token, key="a")
        self.assertEqual(r.status_code, 200)

    def test_the_night_deletes_it(self):
        self.post(LOCK, self.token, key="a")
        let_pass(self, hours=25)
        self.post(UNLOCK, self.token, key="b")

        call_command("prune", stdout=io.StringIO())

        self.assertEqual(ProgramCall.objects.get().answer["locked"], False)

    def test_a_key_that_is_too_long_is_refused(self):
        r = self.post(LOCK, self.token, key="x" * 256)

        self.assertEqual((r.status_code, r.json()["code"]), (400, "key"))

    def test_nothing_of_a_call_is_stored_in_clear(self):
        self.post(LOCK, self.token, key="an@hagiang.gov.vn")

        row = str(ProgramCall.objects.values().get())
        self.assertNotIn("hagiang", row)
        self.assertNotIn("Nghỉ", row)


class ParallelTests(Programs, TransactionTestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit()

    def at_once(self, act, count):
        def each(_):
            try:
                return act()
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(each, range(count)))

    def test_one_key_does_it_once(self):
        answers = self.at_once(lambda: self.post(LOCK, self.token, key="a"), 6)

        self.assertEqual({r.status_code for r in answers}, {200})
        self.assertEqual({str(r.json()) for r in answers}, {"{'locked': True, 'changed': True}"})
        events = AuditEvent.objects.filter(account=self.an, reason="program")
        self.assertEqual([event.event for event in events], ["locked"])

    def test_wrong_tokens_are_counted_exactly(self):
        for _ in range(limits._TOKENS.count - 3):
            self.get("units", "mp_wrong")

        answers = self.at_once(lambda: self.get("units", "mp_wrong"), 8)

        statuses = sorted(r.status_code for r in answers)
        self.assertEqual(statuses, [401] * 3 + [429] * 5)
