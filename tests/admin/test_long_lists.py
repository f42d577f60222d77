"""Lists of the administration over many rows: what they count, and the indexes they go along."""

import datetime as dt
import uuid
from unittest import mock

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, ActivationSlip, DataRequest
from otp.models import Code, Message
from tests.support import cast
from tests.support.plans import plans_of

ACCOUNTS = "/quan-tri/accounts/account/"
CODES = "/quan-tri/otp/code/"
SLIPS = "/quan-tri/phieu-kich-hoat/"
CLOSED_REQUESTS = "/quan-tri/yeu-cau-du-lieu/?loc=da-xong"
UNCOUNTED = ("/quan-tri/hop-thu-to-chuc/", SLIPS, "/quan-tri/nghi-viec/", "/quan-tri/xoa/")
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


class OnwardTests(LongListTestCase):
    def test_nothing_is_counted_to_its_end(self):
        for page in UNCOUNTED:
            with self.subTest(page):
                with CaptureQueriesContext(connection) as asked:
                    self.assertEqual(self.client.get(page).status_code, 200)

                counts = [each["sql"] for each in asked if "COUNT(" in each["sql"]]
                self.assertEqual([sql for sql in counts if "LIMIT" not in sql], [])

    def test_the_newest_slips_are_read_first(self):
        now = timezone.now()
        times = (now - dt.timedelta(hours=n // 10) for n in range(CROWD))
        ActivationSlip.objects.bulk_create(
            ActivationSlip(account=self.an, given_at=at, good_until=at, ended_at=at) for at in times
        )
        analyse("accounts_activationslip")

        (plan,) = plans_of(lambda: self.client.get(SLIPS), 'FROM "accounts_activationslip"')

        self.assertIn("slip_newest", plan)

    def test_the_requests_closed_last_are_read_first(self):
        now = timezone.now()
        closed = {"state": "withdrawn", "closed_at": now, "due_on": timezone.localdate()}
        DataRequest.objects.bulk_create(
            DataRequest(account=self.an, kind="correct", text="x", **closed) for _ in range(CROWD)
        )
        analyse("accounts_datarequest")

        plans = plans_of(lambda: self.client.get(CLOSED_REQUESTS), '"closed_at" IS NOT NULL')

        self.assertEqual(len(plans), 1)  # none to count them
        self.assertIn("data_request_closed", plans[0])
        self.assertNotIn("Sort", plans[0])

    def test_a_page_is_named_without_how_many_there_are(self):
        now = timezone.now()
        ActivationSlip.objects.bulk_create(
            ActivationSlip(account=self.an, given_at=now, good_until=now, ended_at=now)
            for _ in range(3)
        )
        with mock.patch("accounts.activation.staff_views.SLIPS_ON_A_PAGE", 2):
            first, second = self.client.get(SLIPS), self.client.get(f"{SLIPS}?trang=2")

        self.assertContains(first, "<span>Trang 1</span>")
        self.assertContains(first, 'rel="next"')
        self.assertContains(second, "<span>Trang 2</span>")
        self.assertNotContains(second, 'rel="next"')
