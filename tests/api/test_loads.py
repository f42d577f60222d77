"""Accounts that programs load: tried out or taken, in whole or not at all, once for each key."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.test import TestCase, TransactionTestCase

from accounts.api.loading import MOST_ROWS
from accounts.models import Account, AuditEvent, ProgramCall
from tests.api.programs import Programs, admit

NEW = {"address": "moi@hagiang.gov.vn", "full_name": "Lê Thị Mới", "unit": "Sở Y tế/Phòng Tổ chức"}


class Loads(Programs):
    def set_up_loads(self):
        self.set_up_programs()
        self.token = admit(scopes=["loading"])

    def load(self, *rows, token=None, dry_run=False, key=""):
        body = {"rows": list(rows or [NEW]), "dry_run": dry_run}
        return self.post("loads", token or self.token, body, key=key)

    def count(self):
        return Account.objects.count()


class LoadTests(Loads, TestCase):
    def setUp(self):
        self.set_up_loads()

    def test_who_is_new_is_made_and_who_is_there_brought_up_to_date_on_record(self):
        r = self.load(NEW, {"address": self.an.address, "full_name": "Tên Khác"})

        self.assertEqual((r.status_code, r.json()["loaded"]), (200, True), r.content)
        self.assertEqual((r.json()["created"], r.json()["updated"]), (1, 1))
        new = Account.objects.get(address=NEW["address"])
        self.assertEqual((new.full_name, new.unit), ("Lê Thị Mới", self.ward))
        self.assertFalse(new.has_usable_password())
        event = AuditEvent.objects.get(event="program-loaded")
        self.assertEqual(
            event.detail, {"program": "Quản lý cán bộ", "created": 1, "updated": 1, "unchanged": 0}
        )
        self.assertEqual(AuditEvent.objects.filter(event="imported").count(), 2)

    def test_a_number_does_not_count_before_its_owner_says_so(self):
        self.load(NEW | {"phone": "0987000009"})

        new = Account.objects.get(address=NEW["address"])
        self.assertEqual((new.phone, new.phone_is_confirmed), ("+84987000009", False))

    def test_a_trial_writes_nothing_and_says_what_is_wrong_with_each_row(self):
        before = self.count()

        r = self.load(NEW, {"address": "x@khac.vn"}, {"address": "y@z"}, dry_run=True, key="a")

        self.assertEqual((r.status_code, r.json()["loaded"], r.json()["created"]), (200, False, 1))
        self.assertEqual([fault["row"] for fault in r.json()["faults"]], [2, 3])
        self.assertEqual((self.count(), ProgramCall.objects.count()), (before, 0))
        self.assertFalse(AuditEvent.objects.filter(event="program-loaded").exists())

    def test_one_row_that_is_wrong_and_nothing_is_taken(self):
        before = self.count()

        r = self.load(NEW, {"address": "x@khac.vn"}, key="a")

        self.assertEqual((r.status_code, r.json()["code"]), (422, "rows"))
        self.assertEqual(list(r.json()["errors"]), ["2"])
        self.assertEqual(self.count(), before)
        self.assertEqual(self.load(key="a").status_code, 200, "the key was not used up")

    def test_no_password_and_no_other_column_is_taken(self):
        for name in ("password", "password_hash", "mật khẩu", "has_default_password", "is_staff"):
            with self.subTest(name):
                r = self.load(NEW | {name: "x"})

                self.assertEqual(r.status_code, 422)
                self.assertIn("rows[1]", r.json()["errors"])
        self.assertFalse(Account.objects.filter(address=NEW["address"]).exists())

    def test_staff_and_those_of_other_units_are_left_alone(self):
        ours = admit("Sở Y tế", scopes=["loading"], unit=self.ours)
        for row in (
            {"address": self.huong.address, "full_name": "Khác"},
            {"address": self.binh.address, "full_name": "Khác"},
            {"address": "moi@hagiang.gov.vn", "unit": "Sở Tài chính"},
            {"address": "moi@hagiang.gov.vn"},
            {"address": self.an.address, "unit": "Sở Tài chính"},
        ):
            with self.subTest(row):
                self.assertEqual(self.load(row, token=ours).status_code, 422)
        self.assertEqual(self.load(NEW, token=ours).status_code, 200)

    def test_nothing_that_is_guessed_of_an_account_elsewhere_is_confirmed(self):
        ours = admit("Sở Y tế", scopes=["loading"], unit=self.ours)
        Account.objects.filter(pk__in=(self.huong.pk, self.binh.pk)).update(
            unit=self.theirs, phone="+84987000001", full_name="Lê Thị Hương"
        )
        told = set()
        for account in (self.huong, self.binh):
            for guess in (
                {"full_name": "Lê Thị Hương"},
                {"full_name": "Lê Thị Hoa"},
                {"phone": "0987000001"},
                {"phone": "0987000002"},
                {"unit": "Sở Tài chính"},
            ):
                r = self.load({"address": account.address, **guess}, token=ours, dry_run=True)
                told.add(r.content.replace(account.address.encode(), b"-"))

        self.assertEqual(len(told), 1, told)

    def test_what_has_no_shape_is_refused(self):
        for body in (
            *("[]", "{", {}, {"rows": []}, {"rows": "x"}, {"rows": [1]}, {"rows": [{}]}),
            *({"rows": [{"address": 1}]}, {"rows": [NEW, {"address": " "}]}),
            *({"rows": [NEW], "dry_run": "no"}, {"rows": [NEW], "x": 1}),
            *({"rows": [NEW | {"full_name": "x" * 1001}]}, {"rows": [NEW] * (MOST_ROWS + 1)}),
        ):
            with self.subTest(str(body)[:60]):
                self.assertIn(self.post("loads", self.token, body).status_code, (400, 413, 422))
        self.assertFalse(Account.objects.filter(address=NEW["address"]).exists())

    def test_a_trial_that_is_asked_for_in_the_address_loads_nothing(self):
        r = self.post("loads?dry_run=true", self.token, {"rows": [NEW]})

        self.assertEqual((r.status_code, list(r.json()["errors"])), (422, ["dry_run"]))
        self.assertFalse(Account.objects.filter(address=NEW["address"]).exists())

    def test_as_many_as_may_be_are_loaded_at_once(self):
        rows = [{"address": f"n{n}@hagiang.gov.vn", "unit": "Sở Y tế"} for n in range(MOST_ROWS)]

        self.assertEqual(self.load(*rows).json()["created"], MOST_ROWS)

    def test_the_same_key_gets_the_same_answer_and_nothing_is_stored_in_clear(self):
        first = self.load(key="a")
        again = self.load(key="a")

        self.assertEqual((first.json(), first.json()["created"]), (again.json(), 1))
        self.assertEqual(self.load({"address": "x"}, key="a").json()["code"], "key-used")
        self.assertEqual(AuditEvent.objects.filter(event="program-loaded").count(), 1)
        self.assertNotIn("moi@", str(ProgramCall.objects.values().get()))


class AtOnceTests(Loads, TransactionTestCase):
    def test_one_key_loads_once(self):
        self.set_up_loads()

        def each(_):
            try:
                return self.load(key="a")
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(each, range(4)))

        self.assertEqual([(r.status_code, r.json()["created"]) for r in answers], [(200, 1)] * 4)
        self.assertEqual(AuditEvent.objects.filter(event="program-loaded").count(), 1)
