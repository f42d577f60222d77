"""Reports and exports read from a replica while it is up to date, and nothing is written there."""

import os

from django.db import connection
from django.test import TransactionTestCase

from accounts.models import AuditEvent
from otp.models import Meter
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, PASSWORD, token_of
from tests.support.programs import deployment
from tests.support.programs.deployment import Server, Visitor, database_url
from tests.support.programs.ports import free_port
from tests.support.sending import let_a_sender_live

REPORTS = (
    *("/quan-tri/bao-cao/", "/quan-tri/bao-cao/ma/", "/quan-tri/bao-cao/ho-tro/"),
    "/quan-tri/accounts/auditevent/xuat/",
)
READ_LAST = ("accounts_unitday", "otp_message", "accounts_auditevent", "accounts_account")
WRITE = """
import django; django.setup()
from accounts.models import Account
Account(address="x@hagiang.gov.vn").save(using="replica")
"""


class ReplicaTests(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        self.staff = cast.make_staff("it")
        self.replica = f"{database_url()}?application_name=replica"
        let_a_sender_live()

    def come_in(self, replica):
        self.server = Server(DATABASE_REPLICA_URL=replica, OTP_PEPPER=os.environ["OTP_PEPPER"])
        self.addCleanup(self.server.end)
        visitor = Visitor(self.server)
        visitor.post(LOGIN, username="it", password=PASSWORD)
        visitor.post(FACTOR, token=token_of(self.staff))
        return visitor

    def read(self, visitor):
        for page in REPORTS:
            visitor.get(page)
            self.assertEqual(visitor.last.status, 200, (page, self.server.log()))

    def asked(self):
        """Give the last statement of each session at the replica, the newest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT query FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'replica'"
                " ORDER BY query_start DESC"
            )
            return [query for (query,) in cursor.fetchall()]

    def test_reports_and_exports_read_from_it_and_other_pages_do_not(self):
        visitor = self.come_in(self.replica)
        visitor.get("/ho-tro/?q=binh")
        visitor.get("/quan-tri/accounts/account/")
        self.assertEqual(self.asked(), [])

        for page, table in zip(REPORTS, READ_LAST, strict=True):
            visitor.get(page)
            self.assertIn(table, self.asked()[0], page)
        self.assertEqual(visitor.last.status, 200)
        self.assertTrue(AuditEvent.objects.filter(event="exported", actor=self.staff).exists())
        self.assertNotIn("primary", self.server.log())

    def test_one_that_is_behind_is_not_read_from(self):
        Meter.objects.filter(pk="sender").update(until="2026-01-01T00:00Z")
        visitor = self.come_in(self.replica)

        self.read(visitor)

        self.assertIn("otp_meter", " ".join(self.asked()))
        self.assertEqual(self.server.log().count("seconds behind"), 1)

    def test_one_that_is_away_is_not_missed(self):
        visitor = self.come_in(f"postgresql://u:geheim@127.0.0.1:{free_port()}/mailportal")

        self.read(visitor)

        self.assertEqual(self.server.log().count("the replica is away"), 1)
        self.assertNotIn("geheim", self.server.log())

    def test_nothing_can_be_written_there(self):
        done = deployment.run(
            "-c",
            WRITE,
            DJANGO_SETTINGS_MODULE="mailportal.settings",
            DATABASE_URL=database_url(),
            DATABASE_REPLICA_URL=self.replica,
        )

        self.assertIn("read-only transaction", done.stdout)
