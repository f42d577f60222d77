"""Campaigns under way when the portal is upgraded, or taken back: the days of warnings are kept."""

import datetime as dt

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

from accounts.models import Campaign, CampaignMember
from tests.support import cast

BEFORE, AFTER = "0042_aliases_right", "0045_warnings_are_dated"
FIRST = dt.date(2026, 11, 2)
# Warnings sent, the last of them, and what became of the person.
MEMBERS = {
    "an": (0, None, ""),
    "binh": (1, FIRST, "left"),
    "chi": (2, FIRST + dt.timedelta(days=8), ""),
    "dung": (3, FIRST + dt.timedelta(days=15), "locked"),
}


class WarningTests(TransactionTestCase):
    def setUp(self):
        self.addCleanup(call_command, "migrate", verbosity=0)
        campaign = Campaign.objects.create(name="x", basis="x", first_day=FIRST)
        for name, (sent, last, outcome) in MEMBERS.items():
            CampaignMember.objects.create(
                campaign=campaign,
                account=cast.make(name),
                warnings_sent=sent,
                first_warned_on=FIRST if sent else None,
                last_warned_on=last,
                outcome=outcome,
                decided_on=FIRST + dt.timedelta(days=20) if outcome else None,
            )

    def rows(self, columns):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM accounts_campaignmember ORDER BY id")
            return cursor.fetchall()

    def test_the_warnings_of_a_campaign_survive_the_way_back_and_forth(self):
        now = self.rows("warnings_sent, first_warned_on, last_warned_on, outcome")

        call_command("migrate", "accounts", BEFORE, verbosity=0)
        day = dt.timedelta(days=1)
        self.assertEqual(
            self.rows("warned_14_on, warned_7_on, warned_1_on"),
            [
                (None, None, None),
                (FIRST, None, None),
                (FIRST, FIRST + 8 * day, None),
                (FIRST, FIRST + 9 * day, FIRST + 15 * day),
            ],
        )
        call_command("migrate", "accounts", AFTER, verbosity=0)

        self.assertEqual(self.rows("warnings_sent, first_warned_on, last_warned_on, outcome"), now)
