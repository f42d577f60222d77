"""Migrations are taken back and done again: what there was is there afterwards."""

import datetime as dt

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

from accounts.models import Account, Campaign, CampaignMember
from otp.counting import limits
from otp.models import Meter
from tests.support import cast

LIMIT = limits.Limit("test", 2, dt.timedelta(minutes=10))
IMPORTED = "imported${SHA512-CRYPT}$6$rounds=100000$" + "s" * 16 + "$" + "x" * 86
FIRST, DAY = dt.date(2026, 11, 2), dt.timedelta(days=1)
# Warnings sent, the last of them, and what became of the person.
MEMBERS = {
    "an": (0, None, ""),
    "binh": (1, FIRST, "left"),
    "chi": (2, FIRST + 8 * DAY, ""),
    "dung": (3, FIRST + 15 * DAY, "locked"),
}
SENDERS = "SELECT * FROM mail_senders ORDER BY sender"
WARNINGS = """
SELECT warnings_sent, first_warned_on, last_warned_on, outcome
FROM accounts_campaignmember ORDER BY id
"""
WARNINGS_BEFORE = """
SELECT warned_14_on, warned_7_on, warned_1_on FROM accounts_campaignmember ORDER BY id
"""
FUNCTIONS = "SELECT to_regproc('otp_charge_ceilings'), to_regproc('otp_tally')"
VIEWS = "SELECT to_regclass('mail_passdb'), to_regclass('accounts_address')"


def read(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def meters():
    return list(Meter.objects.order_by("key").values("key", "count", "until"))


class BackAndForthTests(cast.Cast, TransactionTestCase):
    def put_a_campaign_under_way(self):
        campaign = Campaign.objects.create(name="x", basis="x", first_day=FIRST)
        for name, (sent, last, outcome) in MEMBERS.items():
            CampaignMember.objects.create(
                campaign=campaign,
                account=getattr(self, name),
                warnings_sent=sent,
                first_warned_on=FIRST if sent else None,
                last_warned_on=last,
                outcome=outcome,
                decided_on=FIRST + 20 * DAY if outcome else None,
            )

    def go(self, app, name):
        call_command("migrate", app, name, verbosity=0)

    def test_nothing_is_lost(self):
        self.set_up_people()
        Account.objects.filter(pk=self.an.pk).update(password=IMPORTED)
        self.put_a_campaign_under_way()
        limits.charge(LIMIT, "an")
        senders, warnings, counted = read(SENDERS), read(WARNINGS), meters()
        self.addCleanup(call_command, "migrate", verbosity=0)

        self.go("accounts", "0042_aliases_right")
        self.assertEqual(
            read(WARNINGS_BEFORE),
            [
                (None, None, None),
                (FIRST, None, None),
                (FIRST, FIRST + 8 * DAY, None),
                (FIRST, FIRST + 9 * DAY, FIRST + 15 * DAY),
            ],
        )
        self.go("accounts", "0045_warnings_are_dated")
        self.assertEqual(read(WARNINGS), warnings)

        self.go("otp", "0010_kicks")
        self.assertEqual(read(FUNCTIONS), [(None, None)])
        self.go("accounts", "0008_words_of_names")
        self.assertEqual(read(VIEWS), [(None, None)])
        call_command("migrate", verbosity=0)

        self.assertEqual(read(SENDERS), senders)
        self.assertEqual(Account.objects.get(pk=self.an.pk).password, IMPORTED)
        self.assertEqual(read("SELECT domain FROM mail_domains"), [("hagiang.gov.vn",)])
        self.assertEqual(meters(), counted)
        self.assertTrue(limits.charge(LIMIT, "an").granted)
