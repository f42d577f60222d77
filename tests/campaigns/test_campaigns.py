"""The campaign against default passwords: three warnings, a lock with consent, no mistakes."""

import datetime as dt
import io
from dataclasses import replace

import time_machine
from django.conf import settings
from django.core import mail
from django.core.management import call_command
from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.campaigns import password_rules
from accounts.campaigns.stages import CampaignRefused, TooLate
from accounts.credentials.passwords import change_password
from accounts.models import Account, AuditEvent, Campaign, CampaignMember
from otp.models import OFFICE_ZONE, Message
from tests.support import cast
from tests.support.campaigning import Office, days_pass, locked, mails, send_all
from tests.support.cast import NEW_PASSWORD
from tests.support.clock import Clock


def run():
    said = io.StringIO()
    call_command("run_campaigns", stdout=said)
    return said.getvalue()


class CampaignTestCase(Office, TestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()

    def days_until(self, mail):
        """Read how many days the lock was away, when the mail was written."""
        day, month, year = map(int, mail.subject[-10:].split("/"))
        return (dt.date(year, month, day) - timezone.localdate()).days

    def give_number(self, person, **more):
        """Give somebody a confirmed number."""
        Account.objects.filter(pk=person.pk).update(
            phone="+84987000001", phone_confirmed_at=timezone.now(), **more
        )

    def run_at(self, *, hour):
        """Let a run happen today, at an hour of the office."""
        now = timezone.localtime(timezone=OFFICE_ZONE).replace(hour=hour, minute=0, second=0)
        with time_machine.travel(now, tick=False):
            run()

    def change(self, person):
        change_password(person, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)


class WarningTests(CampaignTestCase):
    def test_nobody_is_told_of_a_plan(self):
        self.plan(self.department)

        run()

        self.assertFalse(Message.objects.exists())

    def test_a_number_that_gets_codes_is_warned_too_until_the_password_is_changed(self):
        self.give_number(self.gam)
        Account.objects.filter(pk=self.hoa.pk).update(phone="+84987000002")
        doubted = cast.make("nghi", unit=self.department, has_default_password=True)
        self.give_number(doubted, phone_doubted_at=timezone.now())
        self.running(self.department)

        self.run_at(hour=2)
        text = Message.objects.get(channel="sms")
        day = timezone.localdate(timezone=OFFICE_ZONE) + dt.timedelta(days=14)
        self.assertIn(f"Hay doi truoc ngay {day:%d/%m/%Y}", text.text)
        self.assertEqual(text.to, "+84987000001")
        self.change(self.gam)
        self.run_at(hour=2)

        text.refresh_from_db()
        self.assertEqual((text.state, text.reason, text.to), ("skipped", "withdrawn", ""))

    def test_nobody_is_warned_by_sms_at_night_nor_after_a_stop(self):
        self.give_number(self.gam)
        for hour, hours in ((2, 6), (10, 0), (21, 11)):
            with self.subTest(hour):
                campaign = self.running(self.department)
                self.run_at(hour=hour)
                text = Message.objects.filter(channel="sms").latest("pk")
                waits = (text.due_at - text.created_at) / dt.timedelta(hours=1)
                self.assertEqual(round(waits, 2), hours)

                password_rules.stop(campaign, by=self.province, why="x")
                text.refresh_from_db()
                self.assertEqual((text.state, text.text), ("skipped", ""))

    def test_an_office_without_the_wording_warns_by_mail_alone(self):
        self.give_number(self.gam)
        self.running(self.department)
        sms = replace(settings.PROFILE.sms, default_password="")
        with override_settings(PROFILE=replace(settings.PROFILE, sms=sms)):
            run()

        self.assertEqual(set(Message.objects.values_list("channel", flat=True)), {"mail"})

    def test_those_of_the_units_and_below_are_warned_and_nobody_else(self):
        self.running(self.department)

        self.run_and_send()

        self.assertEqual(
            sorted(to for each in mail.outbox for to in each.to),
            [self.gam.address, self.hoa.address],
        )

    def test_each_is_warned_three_times_on_its_day(self):
        self.running(self.department)
        left = []
        for after in (0, 6, 1, 5, 1):
            days_pass(after)
            for _ in range(3):
                self.run_and_send()
            left.append([self.days_until(each) for each in mails(self.gam)])

        self.assertEqual(left, [[14], [14], [14, 7], [14, 7], [14, 7, 1]])
        self.assertIn("lần nhắc cuối", mails(self.gam)[-1].body)
        self.assertNotIn("lần nhắc cuối", mails(self.gam)[0].body)

    def test_a_mail_has_no_link_and_no_secret(self):
        self.running(self.department)
        self.run_and_send()

        body = mails(self.gam)[0].body

        self.assertNotIn("http", body)
        self.assertNotIn("/dang-nhap", body)
        self.assertIn("không bao giờ hỏi mật khẩu", body)
        self.assertIn("0219.350 1038", body)

    def test_nothing_goes_out_before_the_first_day(self):
        self.running(self.department, first_day=timezone.localdate() + dt.timedelta(days=2))
        run()
        self.assertFalse(Message.objects.exists())

        days_pass(2)
        run()

        self.assertEqual(Message.objects.count(), 2)

    def test_mails_are_spread_over_time(self):
        for n in range(25):
            cast.make(f"nguoi{n}", unit=self.department, has_default_password=True)
        self.running(self.department)
        Clock(self).stand_at(timezone.now())

        run()

        first, last = Message.objects.order_by("due_at")[0], Message.objects.latest("due_at")
        self.assertEqual(last.due_at - first.due_at, dt.timedelta(seconds=2.6))
        self.assertGreater(last.good_until - last.due_at, dt.timedelta(hours=23))

    def test_whoever_has_changed_the_password_is_left_in_peace(self):
        self.running(self.department)
        self.run_and_send()
        self.change(self.gam)
        days_pass(7)
        mail.outbox.clear()

        self.run_and_send()

        self.assertEqual(self.outcomes(), {"gam": "changed", "hoa": ""})
        self.assertEqual(mails(self.gam), [])

    def test_a_late_run_moves_the_rest_so_that_everybody_has_all_the_days(self):
        self.running(self.department)
        self.run_and_send()
        days_pass(12)  # nobody ran anything on the seventh day
        today = timezone.localdate()

        self.run_and_send()

        self.assertIn(f"{today + dt.timedelta(days=7):%d/%m/%Y}", mails(self.gam)[-1].subject)
        days_pass(1)
        self.run_and_send()
        self.assertEqual(len(mails(self.gam)), 2)

    def test_those_who_come_later_are_in_no_list(self):
        campaign = self.running(self.department)
        late = cast.make("muon", unit=self.department, has_default_password=True)
        self.consent(campaign)

        self.until_the_lock(campaign)
        run()

        self.assertEqual(mails(late), [])
        self.assertFalse(locked(late))

    def test_staff_the_locked_and_the_disabled_are_in_no_list(self):
        Account.objects.filter(pk=self.unit_it.pk).update(has_default_password=True)
        for name, columns in (
            ("khoa", {"locked_at": timezone.now()}),
            ("nghi", {"is_active": False}),
        ):
            cast.make(name, unit=self.department, has_default_password=True, **columns)

        self.running(self.department)

        self.assertEqual(set(self.outcomes()), {"gam", "hoa"})

    def test_nobody_is_in_two_campaigns_at_once(self):
        self.running(self.division)

        self.running(self.department)

        self.assertEqual(CampaignMember.objects.filter(account=self.hoa).count(), 1)
        self.assertEqual(CampaignMember.objects.filter(account=self.gam).count(), 1)


class LockTests(CampaignTestCase):
    def setUp(self):
        super().setUp()
        self.campaign = self.running(self.department)

    def test_those_who_never_changed_are_locked_on_the_day(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        self.assertFalse(locked(self.gam))
        self.log_in("gam")

        said = run()

        self.assertIn("2 locked", said)
        self.assertTrue(locked(self.gam) and locked(self.hoa))
        self.assertFalse(locked(self.ky))
        self.assertContains(self.log_in("gam", client=self.client_class()), "chưa đúng")
        self.assertEqual(Campaign.objects.get().state, Campaign.State.DONE)

    def test_nobody_is_locked_before_the_day(self):
        self.consent(self.campaign)
        for days in (7, 6):
            self.run_and_send()
            days_pass(days)
        self.run_and_send()

        run()

        self.assertFalse(locked(self.gam))

    def test_without_consent_it_waits_and_says_so(self):
        self.until_the_lock(self.campaign)
        days_pass(5)

        said = run()

        self.assertIn("2 to lock, waiting for the consent of IT", said)
        self.assertFalse(locked(self.gam))
        self.come_in(self.province)
        page = self.client.get(f"/quan-tri/chien-dich/{self.campaign.pk}/")
        self.assertContains(page, "Đã đến ngày khóa 2 hộp thư, nhưng chưa ai bị khóa")

        self.consent(self.campaign)
        run()

        self.assertTrue(locked(self.gam))

    def test_consent_can_be_taken_back(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        password_rules.withdraw_lock(self.campaign, by=self.province, why="Chờ thêm")

        run()

        self.assertFalse(locked(self.gam))

    def test_whoever_changed_on_the_last_day_is_not_locked(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        self.change(self.gam)

        run()

        self.assertEqual(self.outcomes(), {"gam": "changed", "hoa": "locked"})
        self.assertFalse(locked(self.gam))

    def test_staff_are_never_locked(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        Account.objects.filter(pk=self.gam.pk).update(is_staff=True)

        run()

        self.assertEqual(self.outcomes(), {"gam": "left", "hoa": "locked"})
        self.assertFalse(locked(self.gam))

    def test_whoever_a_warning_did_not_reach_is_not_locked(self):
        self.consent(self.campaign)
        for days in (7, 6, 1):
            run()
            last = self.member(self.gam).mail
            if days == 1:
                Message.objects.filter(pk=last.pk).update(
                    state=Message.State.FAILED, to="", subject="", text=""
                )
            send_all()
            days_pass(days)

        run()

        self.assertEqual(self.outcomes(), {"gam": "unwarned", "hoa": "locked"})
        self.assertFalse(locked(self.gam))

    def test_months_after_the_last_warning_consent_comes_too_late(self):
        self.until_the_lock(self.campaign)
        Message.objects.all().delete()  # as `prune` does
        self.consent(self.campaign)

        run()

        self.assertEqual(self.outcomes(), {"gam": "unwarned", "hoa": "unwarned"})

    def test_nobody_is_locked_while_the_last_mail_is_on_its_way(self):
        self.consent(self.campaign)
        for days in (7, 6):
            self.run_and_send()
            days_pass(days)
        run()
        days_pass(1)
        run()
        self.assertFalse(locked(self.gam))

        Message.objects.filter(state="queued").update(
            good_until=timezone.now() + dt.timedelta(hours=1)
        )
        send_all()
        run()

        self.assertFalse(locked(self.gam))  # not on the day on which the mail arrived
        days_pass(1)
        run()
        self.assertTrue(locked(self.gam))

    def test_an_account_that_is_gone_is_nobody_s_trouble(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        self.gam.delete()

        run()

        self.assertTrue(locked(self.hoa))
        self.assertEqual(Campaign.objects.get().state, Campaign.State.DONE)

    def test_a_lock_says_why(self):
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        run()

        row = AuditEvent.objects.get(event="locked", account=self.gam)

        self.assertEqual(row.actor, self.province)
        self.assertEqual(row.detail["why"], "Công văn 1/UBND")
        self.assertEqual(row.detail["ticket"], f"campaign-{self.campaign.pk}")


class StopTests(CampaignTestCase):
    def test_after_a_stop_nothing_happens_any_more(self):
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)
        password_rules.stop(campaign, by=self.province, why="Theo chỉ đạo")
        mail.outbox.clear()

        run()

        self.assertEqual(self.outcomes(), {"gam": "stopped", "hoa": "stopped"})
        self.assertFalse(locked(self.gam))
        self.assertEqual(mail.outbox, [])

    def test_mails_that_still_wait_are_taken_back(self):
        campaign = self.running(self.department)
        run()

        password_rules.stop(campaign, by=self.province, why="Theo chỉ đạo")

        send_all()
        self.assertEqual(mail.outbox, [])
        self.assertEqual(
            set(Message.objects.values_list("state", "reason", "to")),
            {("skipped", "withdrawn", "")},
        )

    def test_what_is_stopped_stays_so(self):
        campaign = self.running(self.department)
        password_rules.stop(campaign, by=self.province, why="Theo chỉ đạo")

        for act in (
            lambda: password_rules.start(campaign, by=self.province),
            lambda: self.consent(campaign),
            lambda: password_rules.withdraw_lock(campaign, by=self.province, why="x"),
            lambda: password_rules.stop(campaign, by=self.province, why="x"),
        ):
            self.assertRaises(CampaignRefused, act)

    def test_the_stopped_can_be_in_another_campaign(self):
        password_rules.stop(self.running(self.department), by=self.province, why="x")

        self.running(self.department)

        self.assertEqual(self.member(self.gam).outcome, "")

    def test_a_plan_whose_first_day_has_passed_is_not_started(self):
        campaign = self.plan(self.department)
        days_pass(1)

        with self.assertRaises(TooLate):
            password_rules.start(campaign, by=self.province)

        self.assertFalse(CampaignMember.objects.exists())


class TrailTests(CampaignTestCase):
    def test_every_step_is_on_record(self):
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)
        run()

        self.assertEqual(AuditEvent.objects.get(event="campaign-planned").actor, self.province)
        started = AuditEvent.objects.get(event="campaign-started")
        self.assertEqual((started.actor, started.detail["people"]), (self.province, 2))
        of_gam = AuditEvent.objects.filter(event="campaign-step", account=self.gam)
        self.assertEqual(
            list(of_gam.order_by("pk").values_list("reason", flat=True)),
            ["warned-14", "warned-7", "warned-1", "locked"],
        )
        alone = AuditEvent.objects.filter(event="campaign-step", account=None).order_by("pk")
        self.assertEqual(
            list(alone.values_list("reason", "actor")),
            [("lock-approved", self.province.pk), ("done", None)],
        )

    def test_a_stop_is_on_record_with_its_reason(self):
        password_rules.stop(self.running(self.department), by=self.province, why="Theo chỉ đạo")

        row = AuditEvent.objects.get(event="campaign-stopped")

        self.assertEqual((row.actor, row.detail["why"]), (self.province, "Theo chỉ đạo"))
        self.assertEqual(row.detail["people"], 2)
