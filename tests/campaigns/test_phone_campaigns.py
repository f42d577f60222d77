"""The rules of a campaign for phone numbers: who is in it, reminded once, excused, resumed."""

import datetime as dt
import threading

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.campaigns import phone_rules
from accounts.campaigns.stages import CampaignRefused, TooLate
from accounts.models import Account, AuditEvent, PhoneCampaign, PhoneMember
from accounts.models.phone_state import months_before
from tests.support.campaigning import PhoneOffice, confirm, mails, phone_days_pass
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

Event = AuditEvent.Event


class PhoneTestCase(PhoneOffice, TestCase):
    def setUp(self):
        self.set_up_phones()


class ListTests(PhoneTestCase):
    def test_it_lists_who_has_none_an_unconfirmed_and_an_old_one(self):
        self.running_phones()

        self.assertEqual(self.phone_outcomes(), {"gam": "", "hoa": "", "ky": ""})

    def test_without_an_age_no_confirmation_is_too_old(self):
        self.running_phones(older_than=None)

        self.assertEqual(self.phone_outcomes(), {"gam": "", "hoa": ""})

    def test_only_the_units_and_kinds_chosen(self):
        Account.objects.filter(pk=self.hoa.pk).update(kind="organisation")

        self.running_phones(self.department, kinds=["organisation"])

        self.assertEqual(self.phone_outcomes(), {"hoa": ""})

    def test_who_is_locked_closed_staff_or_asked_already_is_not_in_it(self):
        Account.objects.filter(pk=self.gam.pk).update(locked_at=timezone.now())
        Account.objects.filter(pk=self.hoa.pk).update(is_active=False)
        self.running_phones()
        self.running_phones()

        self.assertEqual(self.phone_outcomes(), {"ky": ""})
        self.assertEqual(PhoneMember.objects.count(), 1)

    def test_a_number_in_doubt_is_missing_until_it_is_confirmed_again(self):
        Account.objects.filter(pk=self.lan.pk).update(phone_doubted_at=timezone.now())
        campaign = self.running_phones()
        self.assertIn("lan", self.phone_outcomes())

        with override_settings(PHONE_CONFIRMATION=False):
            self.assertIsNotNone(PhoneMember.objects.asking(self.lan))
        confirm(self.lan)
        Account.objects.filter(pk=self.lan.pk).update(phone_doubted_at=None)
        phone_rules.run()

        self.assertEqual(campaign.members.get(account=self.lan).outcome, "confirmed")

    @override_settings(PHONE_CONFIRMATION=False)
    def test_where_nothing_is_confirmed_any_number_will_do(self):
        self.running_phones()

        self.assertEqual(self.phone_outcomes(), {"gam": ""})

    def test_nobody_is_told_of_a_plan_and_it_starts_once_and_in_time(self):
        campaign = self.plan_phones()
        self.run_and_send()
        self.assertFalse(mails() or PhoneMember.objects.exists())
        phone_rules.start(campaign, by=self.province)

        with self.assertRaises(CampaignRefused):
            phone_rules.start(campaign, by=self.province)
        late = self.plan_phones()
        phone_days_pass(1)
        with self.assertRaises(TooLate):
            phone_rules.start(PhoneCampaign.objects.get(pk=late.pk), by=self.province)

    def test_months_end_where_the_month_does(self):
        for day, months, expected in (
            (dt.date(2026, 3, 31), 1, dt.date(2026, 2, 28)),
            (dt.date(2026, 1, 15), 12, dt.date(2025, 1, 15)),
            (dt.date(2026, 1, 15), 1, dt.date(2025, 12, 15)),
        ):
            with self.subTest(day=day, months=months):
                self.assertEqual(months_before(day, months).date(), expected)


class ReminderTests(PhoneTestCase):
    def test_everybody_is_reminded_once_for_each_day(self):
        self.running_phones()
        for _run in range(3):
            self.run_and_send()
        self.assertEqual([len(mails(each)) for each in (self.gam, self.hoa, self.lan)], [1, 1, 0])
        phone_days_pass(6)
        self.run_and_send()
        self.assertEqual(len(mails(self.gam)), 1)

        phone_days_pass(1)
        self.run_and_send()
        phone_days_pass(30)
        self.run_and_send()

        self.assertEqual(len(mails(self.gam)), 2)
        text = mails(self.gam)[0].body
        self.assertIn("số điện thoại", text)
        self.assertNotIn("http", text)
        reminded = AuditEvent.objects.filter(reason="phone-reminded", account=self.gam)
        self.assertEqual(reminded.count(), 2)

    def test_a_late_run_makes_one_of_two_reminders(self):
        self.running_phones()
        phone_days_pass(8)
        self.run_and_send()
        self.run_and_send()

        self.assertEqual(len(mails(self.gam)), 1)

    def test_who_has_done_it_or_left_is_not_reminded_and_the_end_comes_by_itself(self):
        campaign = self.running_phones()
        self.run_and_send()
        confirm(self.gam)
        Account.objects.filter(pk=self.hoa.pk).update(is_active=False)
        phone_rules.excuse(self.ky, by=self.province, why="Không có điện thoại di động")
        phone_days_pass(7)
        self.run_and_send()

        self.assertEqual(
            self.phone_outcomes(), {"gam": "confirmed", "hoa": "left", "ky": "excused"}
        )
        self.assertEqual(len(mails()), 3)
        campaign.refresh_from_db()
        self.assertEqual(campaign.state, "done")

    def test_a_unit_is_reminded_at_once_and_once_a_day(self):
        campaign = self.running_phones(reminder_days=[timezone.localdate()])
        units = {self.department.pk, self.division.pk}
        self.assertEqual(phone_rules.remind_now(campaign, units=units, by=self.unit_it), 2)
        self.assertEqual(phone_rules.remind_now(campaign, units=units, by=self.unit_it), 0)

        self.run_and_send()

        self.assertEqual([len(mails(each)) for each in (self.gam, self.hoa, self.ky)], [1, 1, 1])


class StopTests(PhoneTestCase):
    def test_stopped_nobody_is_reminded_and_resumed_nobody_is_told_twice(self):
        campaign = self.running_phones()
        self.run_and_send()
        phone_rules.stop(campaign, by=self.province, why="Công văn 10")
        phone_days_pass(7)
        self.run_and_send()
        self.assertEqual(len(mails()), 3)
        self.assertIsNone(PhoneMember.objects.asking(self.gam))

        phone_rules.resume(campaign, by=self.province, why="Công văn 11")
        self.run_and_send()
        self.run_and_send()

        self.assertEqual([len(mails(each)) for each in (self.gam, self.hoa, self.ky)], [2, 2, 2])
        self.assertIsNotNone(PhoneMember.objects.asking(self.gam))
        events = AuditEvent.objects.filter(detail__kind="phone", actor=self.province)
        self.assertLessEqual(
            {Event.CAMPAIGN_PLANNED, Event.CAMPAIGN_STOPPED, Event.CAMPAIGN_RESUMED},
            set(events.values_list("event", flat=True)),
        )

    def test_a_mail_that_waits_is_not_sent_after_the_stop(self):
        campaign = self.running_phones()
        phone_rules.run()
        phone_rules.stop(campaign, by=self.province, why="x")
        self.run_and_send()

        self.assertEqual(mails(), [])

    def test_who_was_not_told_before_the_stop_is_told_after_it(self):
        campaign = self.running_phones()
        for day, sent in enumerate((0, 1)):
            phone_days_pass(7 * day)
            phone_rules.run()
            for _time in range(2):
                phone_rules.stop(campaign, by=self.province, why="x")
                member = campaign.members.get(account=self.gam)
                self.assertEqual(member.reminders_sent, sent)
                phone_rules.resume(campaign, by=self.province, why="y")

            self.run_and_send()

            self.assertEqual(len(mails(self.gam)), sent + 1)

    def test_whose_excuse_ended_during_the_stop_is_asked_again(self):
        campaign = self.running_phones()
        phone_rules.excuse(self.gam, by=self.province, why="x")
        phone_rules.stop(campaign, by=self.province, why="x")
        phone_rules.end_excuse(self.gam, by=self.province, why="x")
        self.assertEqual(self.phone_outcomes()["gam"], "excused")

        phone_rules.resume(campaign, by=self.province, why="y")

        self.assertEqual(self.phone_outcomes()["gam"], "")

    def test_resumed_it_leaves_alone_whom_another_campaign_asks_by_now(self):
        first = self.running_phones()
        phone_rules.stop(first, by=self.province, why="x")
        self.running_phones(self.department)

        self.assertEqual(phone_rules.resume(first, by=self.province, why="y"), 1)
        self.assertEqual(first.members.get(outcome="").account, self.ky)

    def test_a_plan_that_was_dropped_is_not_resumed(self):
        campaign = self.plan_phones()
        phone_rules.stop(campaign, by=self.province, why="x")

        with self.assertRaises(CampaignRefused):
            phone_rules.resume(campaign, by=self.province, why="y")


class TogetherTests(PhoneOffice, TransactionTestCase):
    def setUp(self):
        self.set_up_phones()

    def test_resumed_while_another_starts_it_leaves_its_people_alone(self):
        first = self.running_phones()
        phone_rules.stop(first, by=self.province, why="x")
        second = self.plan_phones(self.department)
        started, waited_for = threading.Event(), threading.Event()
        resumed = []

        def start():
            with transaction.atomic():
                phone_rules.start(second, by=self.province)
                started.set()
                self.assertTrue(waited_for.wait(PATIENCE), "nobody came to wait")
            connection.close()

        def resume():
            self.assertTrue(started.wait(PATIENCE), "the other did not start")
            resumed.append(phone_rules.resume(first, by=self.province, why="y"))
            connection.close()

        threads = [threading.Thread(target=each) for each in (start, resume)]
        for thread in threads:
            thread.start()
        wait_for(waiting_for_locks, "the campaign that is resumed to wait for the other")
        waited_for.set()
        for thread in threads:
            thread.join()

        self.assertEqual(resumed, [1])
        self.assertEqual(first.members.get(outcome="").account, self.ky)


class ExcuseTests(PhoneTestCase):
    def test_an_excuse_holds_for_campaigns_to_come_and_is_taken_back(self):
        phone_rules.excuse(self.gam, by=self.province, why="Không có điện thoại di động")
        campaign = self.running_phones()
        self.assertNotIn("gam", self.phone_outcomes())
        phone_rules.run()
        phone_rules.excuse(self.hoa, by=self.province, why="Không có điện thoại di động")
        self.assertEqual(self.phone_outcomes()["hoa"], "excused")
        self.run_and_send()
        self.assertEqual([len(mails(each)) for each in (self.hoa, self.ky)], [0, 1])

        phone_rules.end_excuse(self.hoa, by=self.province, why="Đã có máy")

        self.assertEqual(campaign.members.get(account=self.hoa).outcome, "")
        trail = AuditEvent.objects.filter(account=self.hoa, event__startswith="phone-")
        events = trail.values_list("event", flat=True)
        self.assertEqual(list(events.order_by("pk")), ["phone-excused", "phone-excuse-ended"])
