"""The figures of a day's codes: counted while they may change, and kept from then on."""

import datetime as dt

from django.core.management import call_command
from django.test import TestCase
from django.utils import timezone

from accounts.models import CodeDay
from accounts.reports import code_history
from accounts.reports.code_history import Counts
from otp import outbox
from otp.models import Code, Message, Purpose
from tests.support.clock import let_pass

State = Message.State


class KeptTests(TestCase):
    def setUp(self):
        self.day = timezone.localdate()
        used = self.send("used", State.ACCEPTED)
        self.send("idle", State.ACCEPTED)
        self.send("dead", State.REJECTED)
        now = timezone.now()
        Code.objects.filter(pk=used).update(verified_at=now, used_at=now)

    def send(self, name, state):
        issued = outbox.send_code(
            f"{name}@example.vn", Purpose.RECOVERY, to="+84912466981", text="{code}", nonce="n"
        )
        sent = Message.objects.filter(code_id=issued.id)
        sent.update(state=state, gateway="twilio", to="", text="")
        return issued.id

    def figures(self, day=None):
        return code_history.of_days([day or self.day])[day or self.day].total

    def test_a_day_that_has_settled_is_kept_and_outlives_its_codes(self):
        before = self.figures()
        self.assertEqual(before, Counts(asked=3, sent=2, used=1, idle=1, wrong=1))
        let_pass(self, days=3)

        call_command("snapshot", verbosity=0)
        Code.objects.all().delete()

        self.assertEqual(self.figures(), before)

    def test_a_day_that_may_still_change_is_counted(self):
        let_pass(self, days=1)
        call_command("snapshot", verbosity=0)
        self.assertFalse(CodeDay.objects.filter(day=self.day).exists())

        Message.objects.update(state=State.DELIVERED)

        self.assertEqual(self.figures().sent, 3)

    def test_a_day_without_codes_is_kept_too(self):
        empty = self.day - dt.timedelta(days=5)

        code_history.keep([empty], today=self.day)
        with self.assertNumQueries(1):
            self.assertEqual(self.figures(empty), Counts())

    def test_to_keep_it_twice_changes_nothing(self):
        let_pass(self, days=3)
        for _ in range(2):
            call_command("snapshot", verbosity=0)

        self.assertEqual(CodeDay.objects.filter(day=self.day).count(), 2)  # twilio, and none
