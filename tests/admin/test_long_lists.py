"""Lists of the administration over many rows: what they count, and the indexes they go along."""

import datetime as dt
import uuid
from unittest import mock

from django.db import connection
from django.test import TestCase
from django.utils import timezone

from accounts.models import Account
from otp.models import Code, Message
from tests.support import cast
from tests.support.plans import plans_of

ACCOUNTS = "/quan-tri/accounts/account/"
CODES = "/quan-tri/otp/code/"
CROWD = 1_000  # rows: with a handful, every index is as good


def add_codes(count):
    """Add so many codes of today whose messages arrived."""
    now = timezone.now()
    times = {"issued_at": now, "gap_until": now + dt.timedelta(minutes=5), "expires_at": now}
    made = Code.objects.bulk_create(
        Code(address_key=uuid.uuid4().hex, purpose="recovery", ordinal=1, **times)
        for _ in range(count)
    )
    times = dict.fromkeys(("created_at", "due_at", "good_until", "changed_at"), now)
    Message.objects.bulk_create(
        Message(code=each, channel="sms", state="accepted", **times) for each in made
    )


def analyse(*tables):
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")


class LongListTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.come_in(cast.make_staff("huong"))


class CodeTests(LongListTestCase):
    def test_fewer_are_counted_than_of_other_lists(self):
        add_codes(3)
        with mock.patch("otp.admin.MOST_CODES", 2):
            r = self.client.get(CODES)

        self.assertEqual(r.context["cl"].result_count, 2)
        self.assertContains(r, "Hơn 2 mã xác thực")

    def test_those_that_could_not_be_sent_are_found_by_their_messages(self):
        add_codes(CROWD)
        analyse("otp_code", "otp_message")
        today = timezone.localdate()
        days = {"local_day__gte": today, "local_day__lt": today + dt.timedelta(days=1)}

        for query in ({}, days):
            with self.subTest(query):
                for plan in plans_of(
                    lambda query=query: self.client.get(CODES, query | {"fate": "wrong"}),
                    "'rejected', 'failed'",
                    bitmaps=False,
                ):
                    self.assertIn("Index Only Scan using message_not_arrived", plan)


class NumberTests(LongListTestCase):
    def test_those_confirmed_long_ago_are_found_among_all_who_were_later(self):
        now = timezone.now()
        Account.objects.bulk_create(
            Account(address=f"n{n}@hagiang.gov.vn", phone="+84987000001", phone_confirmed_at=now)
            for n in range(CROWD)
        )
        analyse("accounts_account")

        plans = plans_of(
            lambda: self.client.get(ACCOUNTS, {"phone": "old-24"}), '"phone_confirmed_at" <'
        )

        self.assertEqual(len(plans), 2)  # to count them, and to show some
        for plan in plans:
            self.assertIn("account_confirmed", plan)
