"""Runs of a campaign that meet, die and are stopped: each person is warned once and locked justly.

Each of these tests fails when the lock it is about is taken out.
"""

import contextlib
import io
import os
import signal
import threading
from collections import Counter

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TransactionTestCase

from accounts.campaigns import password_rules, stages
from accounts.campaigns.stages import CampaignRefused
from accounts.credentials.passwords import change_password
from accounts.models import Account, AuditEvent, Campaign, CampaignMember
from otp.models import Message
from tests.support import cast
from tests.support.campaigning import Office, days_pass, locked, send_all
from tests.support.cast import NEW_PASSWORD
from tests.support.crowd import at_once
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import PATIENCE, wait_for, wait_for_end, waiting_for_locks

ROOT = settings.BASE_DIR
PEOPLE = 350  # more than three batches
CROWD = 8

# At each mail from the 150th on, wait for a lock that the test holds.
HOLD_MAILS = """
CREATE FUNCTION hold_mails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM otp_message) >= 150 THEN
        PERFORM pg_advisory_xact_lock(42);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER hold_mails AFTER INSERT ON otp_message
    FOR EACH ROW EXECUTE FUNCTION hold_mails()
"""
LET_MAILS_GO = "DROP TRIGGER hold_mails ON otp_message; DROP FUNCTION hold_mails()"


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def run(_=0):
    call_command("run_campaigns", stdout=io.StringIO())


def mails_to_each():
    """Count the mails of each person, by how many there were."""
    return Counter(Counter(Message.objects.values_list("address_key", flat=True)).values())


class RunTestCase(Office, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()

    def crowd(self):
        Account.objects.bulk_create(
            Account(
                address=f"nguoi{n}@hagiang.gov.vn",
                password="!",
                unit=self.department,
                has_default_password=True,
            )
            for n in range(PEOPLE - 2)  # with Gam and Hoa
        )


class TogetherTests(RunTestCase):
    def test_two_runs_at_once_warn_everybody_once(self):
        self.crowd()
        self.running(self.department)

        at_once(run, CROWD)

        self.assertEqual(mails_to_each(), {1: PEOPLE})
        self.assertEqual(
            AuditEvent.objects.filter(event="campaign-step", reason="warned-14").count(), PEOPLE
        )

    def test_two_runs_at_once_lock_everybody_once(self):
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)

        at_once(run, CROWD)

        self.assertEqual(AuditEvent.objects.filter(event="locked").count(), 2)
        self.assertEqual(AuditEvent.objects.filter(reason="done").count(), 1)

    def test_two_who_start_it_start_it_once(self):
        campaign = self.plan(self.department)

        def start(_):
            try:
                return password_rules.start(campaign, by=self.province)
            except CampaignRefused:
                return "refused"

        found = Counter(at_once(start, CROWD))

        self.assertEqual(found, {2: 1, "refused": CROWD - 1})
        self.assertEqual(AuditEvent.objects.filter(event="campaign-started").count(), 1)

    def test_campaigns_started_at_once_share_nobody(self):
        campaigns = [self.plan(self.department) for _ in range(CROWD)]

        at_once(lambda n: password_rules.start(campaigns[n], by=self.province), CROWD)

        self.assertEqual(CampaignMember.objects.filter(outcome="").count(), 2)


class ChangeTests(RunTestCase):
    def setUp(self):
        super().setUp()
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)

    def test_a_password_changed_in_the_same_moment_is_not_locked(self):
        """The change holds the account; the run waits for it, and then sees what was changed."""
        changing, locking = threading.Event(), threading.Event()

        def change():
            with transaction.atomic():
                Account.objects.select_for_update().get(pk=self.gam.pk)
                changing.set()
                self.assertTrue(locking.wait(PATIENCE), "nobody came to wait")
                change_password(self.gam, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)
            connection.close()

        def lock():
            self.assertTrue(changing.wait(PATIENCE), "the change did not begin")
            run()
            connection.close()

        threads = [threading.Thread(target=each) for each in (change, lock)]
        for thread in threads:
            thread.start()
        wait_for(waiting_for_locks, "the run to wait for the account")
        locking.set()
        for thread in threads:
            thread.join()

        self.assertEqual(self.outcomes(), {"gam": "changed", "hoa": "locked"})
        self.assertFalse(locked(self.gam))

    def test_changes_and_locks_in_a_heap_leave_nobody_locked_who_changed(self):
        people = [
            cast.make(f"nguoi{n}", unit=self.department, has_default_password=True)
            for n in range(CROWD)
        ]
        for each in Campaign.objects.all():
            password_rules.stop(each, by=self.province, why="x")
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)

        def act(n):
            if n == 0:
                return run()
            account = Account.objects.get(pk=people[n].pk)
            return change_password(account, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)

        at_once(act, CROWD)
        run()

        for person in people:
            member = self.member(person)
            person.refresh_from_db()
            with self.subTest(person.address):
                self.assertEqual(person.is_locked, member.outcome == "locked")
                if member.outcome == "changed":
                    self.assertFalse(person.has_default_password)


class KilledTests(RunTestCase):
    def start_a_run(self):
        process = Program(
            "manage.py",
            "run_campaigns",
            env=os.environ
            | {"DATABASE_URL": database_url(), "OTP_PEPPER": ",".join(settings.OTP_PEPPERS)},
            stdout=self.enterContext(contextlib.closing(Output())),
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_killed_in_the_middle_and_begun_again_it_warns_everybody_once(self):
        self.crowd()
        self.running(self.department)
        execute(HOLD_MAILS)
        self.addCleanup(execute, "DROP FUNCTION IF EXISTS hold_mails CASCADE")
        with self.mails_held():
            process = self.start_a_run()
            wait_for(self.it_waits_at_a_mail, "a run that waits at a mail")
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_for(self.nobody_else_is_there, "the end of the killed run's connection")
        execute(LET_MAILS_GO)
        warned = CampaignMember.objects.filter(warnings_sent__gt=0).count()
        self.assertEqual(warned, stages.BATCH)
        self.assertEqual(mails_to_each(), {1: warned})

        self.assertEqual(wait_for_end(self.start_a_run(), "the run"), 0)

        self.assertEqual(mails_to_each(), {1: PEOPLE})
        self.assertEqual(CampaignMember.objects.filter(warnings_sent__gt=0).count(), PEOPLE)

    @contextlib.contextmanager
    def mails_held(self):
        # Of the session, not of a transaction: in one, PostgreSQL would show its activity as it
        # was at the first look.
        execute("SELECT pg_advisory_lock(42)")
        try:
            yield
        finally:
            execute("SELECT pg_advisory_unlock(42)")

    def it_waits_at_a_mail(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event = 'advisory' AND pid <> pg_backend_pid())"
            )
            return cursor.fetchone()[0]

    def nobody_else_is_there(self):
        """Say whether PostgreSQL has seen that the one who was killed is gone."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return cursor.fetchone()[0] == 0

    def test_after_a_stop_a_run_that_was_under_way_does_no_more(self):
        self.crowd()
        campaign = self.running(self.department)
        execute(HOLD_MAILS)
        self.addCleanup(execute, "DROP FUNCTION IF EXISTS hold_mails CASCADE")

        def stop():
            password_rules.stop(campaign, by=self.province, why="Theo chỉ đạo")
            connection.close()

        with self.mails_held():
            process = self.start_a_run()
            wait_for(self.it_waits_at_a_mail, "a run that waits at a mail")
            stopping = threading.Thread(target=stop)
            stopping.start()
        self.assertEqual(wait_for_end(process, "the run"), 0)
        stopping.join()

        send_all()
        # The stop came after the second batch or a later one, and took back what still waited.
        self.assertFalse(Message.objects.exclude(state="skipped").exists())
        self.assertEqual(set(CampaignMember.objects.values_list("outcome", flat=True)), {"stopped"})
        days_pass(7)
        run()
        self.assertFalse(Message.objects.exclude(state="skipped").exists())
