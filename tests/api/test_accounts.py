"""What programs are told of accounts and units, and what they may not know."""

from django.test import TestCase
from django.utils import timezone

from accounts.credentials import locks
from accounts.models import Account, Address
from tests.api.programs import Programs, admit
from tests.support import cast
from tests.support.clock import let_pass

AN, BINH = "accounts/an@hagiang.gov.vn", "accounts/binh@hagiang.gov.vn"


class AccountTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit()
        self.of_unit = admit("Của sở", unit=self.ours)

    def listed(self, token=None, query=""):
        r = self.get(f"accounts?{query}", token or self.token)
        self.assertEqual(r.status_code, 200, r.content)
        return [each["address"].partition("@")[0] for each in r.json()["accounts"]]

    def test_one_is_told_without_what_is_secret(self):
        r = self.get(AN, self.token)

        self.assertEqual(
            r.json(),
            {
                "address": "an@hagiang.gov.vn",
                "kind": "person",
                "unit": self.ward.pk,
                "unit_path": "Sở Y tế/Phòng Tổ chức",
                "state": "open",
                "phone_confirmed": True,
                "phone_masked": "***981",
            },
        )

    def test_states(self):
        states = {"chi": "locked", "dung": "closed", "binh": "open"}
        for name, state in states.items():
            with self.subTest(name):
                r = self.get(f"accounts/{name}@hagiang.gov.vn", self.token)
                self.assertEqual(r.json()["state"], state)

    def test_an_alias_leads_to_it(self):
        Address.objects.create(account=self.an, address="ly.an@hagiang.gov.vn")

        r = self.get("accounts/ly.an@hagiang.gov.vn", self.token)

        self.assertEqual(r.json()["address"], "an@hagiang.gov.vn")

    def test_one_of_another_unit_is_as_missing_as_one_that_never_was(self):
        missing = self.get("accounts/khong.co@hagiang.gov.vn", self.of_unit)
        for page in (BINH, "accounts/a%00b", "accounts/@", "accounts/x@elsewhere.vn"):
            with self.subTest(page):
                r = self.get(page, self.of_unit)

                self.assertEqual((r.status_code, r.content), (404, missing.content))
        self.assertEqual(self.get(AN, self.of_unit).status_code, 200)

    def test_a_program_of_a_unit_lists_those_of_it_and_below(self):
        self.assertEqual(self.listed(self.of_unit), ["an", "huong"])
        self.assertIn("binh", self.listed())

    def test_a_unit_is_a_filter_with_those_below_it(self):
        self.assertEqual(self.listed(query=f"unit={self.ours.pk}"), ["an", "huong"])
        r = self.get(f"accounts?unit={self.theirs.pk}", self.of_unit)
        self.assertEqual((r.status_code, r.json()["code"]), (404, "unit"))

    def test_pages_follow_each_other_until_none_is_left(self):
        everybody, found, query = self.listed(), [], "limit=2"
        while True:
            r = self.get(f"accounts?{query}", self.token).json()
            self.assertLessEqual(len(r["accounts"]), 2)
            found += [each["address"].partition("@")[0] for each in r["accounts"]]
            if r["next"] is None:
                break
            query = f"limit=2&cursor={r['next']}"

        self.assertEqual(found, everybody)
        self.assertEqual(len(set(found)), Account.objects.count())

    def test_only_those_that_changed_since(self):
        let_pass(self, hours=1)
        since = timezone.now().isoformat().replace("+", "%2B")
        self.assertEqual(self.listed(query=f"changed_since={since}"), [])

        locks.lock(self.binh, actor=self.huong)

        self.assertEqual(self.listed(query=f"changed_since={since}"), ["binh"])

    def test_one_that_is_new_has_changed(self):
        let_pass(self, hours=1)
        since = timezone.now().isoformat().replace("+", "%2B")

        cast.make("moi")

        self.assertEqual(self.listed(query=f"changed_since={since}"), ["moi"])

    def test_what_cannot_be_read_is_refused_by_name(self):
        for query in (
            *("unit=x", "limit=0", "limit=501", "cursor=%FF", "cursor=eA==", "cursor=!"),
            *("changed_since=2026-11-27", "changed_since=2026-13-27T08:00:00Z", "khong-co=1"),
            *("changed_since=2026-11-27T08:00:00", "unit=99999999999999999999", "limit=%00"),
            f"cursor={'OTk5' * 20}",
        ):
            with self.subTest(query):
                r = self.get(f"accounts?{query}", self.token)

                self.assertEqual((r.status_code, r.json()["code"]), (422, "invalid"))
                self.assertEqual(list(r.json()["errors"]), [query.partition("=")[0]])

    def test_units_are_those_of_the_program(self):
        r = self.get("units", self.of_unit)

        self.assertEqual(
            [(each["path"], each["parent"]) for each in r.json()["units"]],
            [("Sở Y tế", None), ("Sở Y tế/Phòng Tổ chức", self.ours.pk)],
        )

    def test_figures_are_those_of_the_reports(self):
        r = self.get("coverage", self.of_unit).json()

        self.assertEqual([each["accounts"] for each in r["units"]], [2, 1])
        self.assertEqual((r["total"]["accounts"], r["total"]["phones"]), (2, 1))

    def test_the_status_is_that_of_the_monitors(self):
        parts = self.get("status", self.token).json()["parts"]

        self.assertEqual(set(parts), set(self.client.get("/readyz").json()))
