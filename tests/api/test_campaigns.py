"""What programs read of campaigns: how they stand, and figures of the units they may know of."""

import datetime as dt

from django.test import TestCase

from accounts.campaigns import password_rules
from accounts.models import CampaignMember
from accounts.models.campaign import WARNED_BEFORE
from tests.api.programs import Programs, admit
from tests.support.campaigning import CAMPAIGNS, Office


class CampaignTests(Programs, Office, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.set_up_office()
        self.token = admit(scopes=["campaigns"])

    def read(self, page, token=None):
        r = self.get(f"campaigns/{page}", token or self.token)
        self.assertEqual(r.status_code, 200, r.content)
        return r.json()

    def test_a_campaign_against_default_passwords_is_counted_by_unit(self):
        campaign = self.running(self.department, self.other)
        CampaignMember.objects.filter(account=self.hoa).update(
            outcome="changed", decided_on=campaign.first_day
        )

        (listed,) = self.read("password")["campaigns"]
        told = self.read(f"password/{campaign.pk}")

        self.assertEqual((listed["name"], listed["state"]), ("Đổi mật khẩu", "running"))
        self.assertEqual(listed["lock_day"], campaign.lock_day.isoformat())
        counts = {"locked": 0, "unwarned": 0, "left": 0, "stopped": 0}
        self.assertEqual(told["total"], {"people": 3, "open": 2, "changed": 1} | counts)
        by_path = {each["path"]: (each["people"], each["changed"]) for each in told["units"]}
        self.assertEqual(by_path, {"Sở Một": (2, 1), "Sở Một/Phòng Một": (1, 1), "Sở Hai": (1, 0)})
        self.assertNotIn("gam@", str(told))

    def test_each_outcome_is_counted_as_the_pages_count_it(self):
        self.come_in(self.province)
        campaign = self.running(self.department, self.other)
        people = [self.gam.pk, self.hoa.pk]
        for outcome in CampaignMember.Outcome.values:
            decided_on = campaign.lock_day if outcome else None
            campaign.members.filter(account__in=people).update(
                outcome=outcome,
                decided_on=decided_on,
                warnings_sent=len(WARNED_BEFORE),
                first_warned_on=campaign.first_day,
                last_warned_on=campaign.first_day + dt.timedelta(days=13),
            )

            total = self.read(f"password/{campaign.pk}")["total"]
            shown = self.client.get(f"{CAMPAIGNS}{campaign.pk}/").context

            with self.subTest(outcome):
                self.assertEqual(total[outcome or "open"], 2 if outcome else 3)
                spared = total["unwarned"] + total["left"] + total["stopped"]
                told = [total[name] for name in ("people", "changed", "open", "locked")]
                self.assertEqual(
                    [tile.value for tile in shown["tiles"]], [*map(str, told), str(spared)]
                )
                self.assertEqual(sum(told[1:]) + spared, total["people"])
                *units, whole = (row.values[1] for row in shown["by_unit"].rows)
                self.assertEqual((sum(units), whole), (total["open"], total["open"]))

    def test_of_a_plan_it_says_who_would_be_told(self):
        campaign = self.plan(self.department)

        told = self.read(f"password/{campaign.pk}")

        self.assertEqual((told["state"], told["started_at"]), ("planned", None))
        self.assertEqual((told["total"]["people"], told["total"]["open"]), (2, 2))

    def test_a_campaign_for_phone_numbers_is_counted_by_unit(self):
        campaign = self.running_phones()

        told = self.read(f"phone/{campaign.pk}")

        self.assertEqual(self.read("phone")["campaigns"][0]["id"], campaign.pk)
        self.assertEqual(told["first_day"], campaign.reminder_days[0].isoformat())
        self.assertEqual(
            told["total"]["people"],
            sum(each["people"] for each in told["units"] if "/" not in each["path"]),
        )
        total = told["total"]
        parts = total["missing"] + total["done"] + total["excused"] + total["left"]
        self.assertEqual(total["people"], parts)
        self.assertGreater(total["missing"], 0)

    def test_a_token_of_a_unit_reads_of_its_people_alone(self):
        everywhere = self.running(self.department, self.other)
        division = admit("Phòng", scopes=["campaigns"], unit=self.division)
        elsewhere = admit("Y tế", scopes=["campaigns"], unit=self.ours)

        told = self.read(f"password/{everywhere.pk}", division)

        self.assertEqual(told["total"]["people"], 1)
        self.assertEqual([each["path"] for each in told["units"]], ["Phòng Một"])
        self.assertEqual(self.read("password", elsewhere)["campaigns"], [])
        r = self.get(f"campaigns/password/{everywhere.pk}", elsewhere)
        self.assertEqual((r.status_code, r.json()["code"]), (404, "campaign"))

    def test_a_list_comes_in_pages(self):
        planned = [self.plan(self.department).pk for _ in range(3)]
        password_rules.start(password_rules.Campaign.objects.get(pk=planned[0]), by=self.province)

        first = self.read("password?limit=2")
        rest = self.read(f"password?limit=2&cursor={first['next']}")

        keys = [each["id"] for each in first["campaigns"] + rest["campaigns"]]
        self.assertEqual((keys, rest["next"]), (planned, None))
