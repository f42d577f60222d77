"""What runs by itself: when it is due, how it fared, who is told that it did not."""

import datetime as dt
from io import StringIO

from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import SimpleTestCase, TestCase, override_settings
from django.utils import timezone

from accounts.models import Upkeep
from accounts.upkeep import records, schedule
from otp.models import OFFICE_ZONE
from otp.outbox import alerts
from tests.support import cast
from tests.support.clock import Clock

PAGE = "/quan-tri/accounts/upkeep/"
ALWAYS = {
    *("prune", "prune_audit", "snapshot", "run_campaigns", "verify_audit"),
    *("doubt_numbers", "run_departures", "run_removals"),
}


class TimesTests(SimpleTestCase):
    def due(self, name, *now):
        task = next(task for task in schedule.tasks() if task.name == name)
        return task.next_run(dt.datetime(*now, tzinfo=OFFICE_ZONE)).astimezone(OFFICE_ZONE)

    def test_the_list_is_that_of_the_office(self):
        self.assertEqual({task.name for task in schedule.tasks()}, ALWAYS)

        with override_settings(
            BACKUP_DIR="/var/backups/mailportal",
            DIRECTORY="ldaps://ldap",
            AUDIT_SYSLOG="soc.example.gov.vn:6514",
        ):
            more = {task.name for task in schedule.tasks()}

        self.assertEqual(more - ALWAYS, {"backup", "sync_directory", "ship_audit"})

    def test_nights_are_those_of_the_office(self):
        self.assertEqual(
            self.due("snapshot", 2026, 3, 1, 12, 0),
            dt.datetime(2026, 3, 1, 23, 50, tzinfo=OFFICE_ZONE),
        )
        self.assertEqual(
            self.due("prune", 2026, 3, 1, 1, 30), dt.datetime(2026, 3, 2, 1, 30, tzinfo=OFFICE_ZONE)
        )

    @override_settings(AUDIT_FILE="/var/log/mailportal/audit.jsonl")
    def test_the_trail_is_brought_outside_every_five_minutes(self):
        for minutes, due in (((12, 0), (12, 1)), ((12, 1), (12, 6)), ((12, 57), (13, 1))):
            expected = dt.datetime(2026, 3, 1, *due, tzinfo=OFFICE_ZONE)
            self.assertEqual(self.due("ship_audit", 2026, 3, 1, *minutes), expected)

    def test_campaigns_are_looked_at_every_hour(self):
        self.assertEqual(
            self.due("run_campaigns", 2026, 3, 1, 12, 6),
            dt.datetime(2026, 3, 1, 13, 5, tzinfo=OFFICE_ZONE),
        )


class RecordTests(TestCase):
    def run_quietly(self, name, *arguments):
        call_command(name, *arguments, stdout=StringIO(), stderr=StringIO())

    def test_each_task_puts_its_runs_on_record(self):
        for name in ALWAYS:
            with self.subTest(name):
                self.run_quietly(name)
                row = Upkeep.objects.get(name=name)
                self.assertIsNotNone(row.succeeded_at)
                self.assertEqual((row.runs, row.failed_runs), (1, 0))

    def test_a_failure_is_on_record_with_its_reason_until_it_goes_well_again(self):
        with self.assertRaises(CommandError):
            self.run_quietly("verify_audit", "--through", "1:" + "f" * 64)

        row = Upkeep.objects.get(name="verify_audit")
        self.assertEqual((row.failures, row.succeeded_at), (1, None))
        self.assertEqual(row.reason, "The audit trail is not whole: 1 faults.")
        self.assertIn("verify_audit", " ".join(records.failing()))

        self.run_quietly("verify_audit")

        self.assertEqual(list(records.failing()), [])

    def test_of_other_faults_only_the_kind_is_kept(self):
        with self.assertRaises(ValueError), records.recorded("prune"):
            raise ValueError("+84912345678")

        self.assertEqual(Upkeep.objects.get(name="prune").reason, "ValueError")

    def test_a_task_is_overdue_when_its_time_has_long_passed(self):
        clock = Clock(self)
        for name in ALWAYS:
            self.run_quietly(name)
        self.assertTrue(records.all_in_time())

        clock.forward(hours=2)
        self.assertTrue(records.all_in_time())

        clock.forward(hours=1, minutes=1)
        late = list(records.overdue())
        self.assertEqual(len(late), 4)
        self.assertIn("run_campaigns", late[0])

        clock.forward(hours=23)
        self.assertEqual(len(list(records.overdue())), len(ALWAYS))

    def test_what_never_ran_is_overdue_too(self):
        Upkeep.objects.update(since=timezone.now() - dt.timedelta(days=2))

        self.assertEqual(len(list(records.overdue())), len(ALWAYS))

    def test_what_was_done_by_hand_or_could_not_be_missed_is_not_done_again(self):
        now = timezone.now()
        Upkeep.objects.update(since=now)
        self.assertFalse(records.is_due("prune", now - dt.timedelta(hours=1)))
        self.assertTrue(records.is_due("prune", now + dt.timedelta(seconds=1)))

        Upkeep.objects.filter(name="prune").update(since=now - dt.timedelta(days=9))
        self.assertTrue(records.is_due("prune", now - dt.timedelta(hours=1)))

        self.run_quietly("prune")

        self.assertFalse(records.is_due("prune", now - dt.timedelta(hours=1)))

    def test_the_monitor_sees_it_and_the_portal_is_not_taken_away(self):
        self.assertIs(self.client.get("/readyz").json()["jobs"], True)

        Upkeep.objects.update(since=timezone.now() - dt.timedelta(days=2))

        r = self.client.get("/readyz")
        self.assertIs(r.json()["jobs"], False)

    @override_settings(ALERT_EMAILS=["it@example.gov.vn"])
    def test_it_is_told(self):
        Upkeep.objects.update(since=timezone.now() - dt.timedelta(days=2))
        with self.assertRaises(ValueError), records.recorded("prune"):
            raise ValueError

        told = alerts.raise_due()

        self.assertLessEqual({"job-overdue", "job-failed"}, set(told))


class PageTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.come_in(cast.make_staff("huong", "province-it"))

    def test_it_shows_when_each_ran_and_will_run_and_what_went_wrong(self):
        call_command("prune", stdout=StringIO())
        with self.assertRaises(CommandError), records.recorded("verify_audit"):
            raise CommandError("The audit trail is not whole: 1 faults.")

        r = self.client.get(PAGE)

        self.assertContains(r, "Xóa dữ liệu hết hạn lưu")
        self.assertContains(r, "The audit trail is not whole: 1 faults.")
        self.assertContains(r, "01:30")

    def test_what_the_office_does_not_run_is_not_shown(self):
        Upkeep.objects.create(name="backup")

        self.assertNotContains(self.client.get(PAGE), "Sao lưu")
