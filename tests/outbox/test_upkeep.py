"""What keeps the outbox in order: one round of sending, signs of life, old rows deleted."""

import datetime as dt
import io
import time
from unittest import mock

from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings

from otp import outbox
from otp.models import Code, Message, Meter
from tests.outbox.test_delivery import OutboxTests, State


class CommandTests(OutboxTests):
    def test_once_sends_what_is_due_and_clears_up(self):
        sent = [self.queue(), self.queue_notice()]
        late = self.queue("late@example.vn")
        Message.objects.filter(pk=late.pk).update(good_until=Now())

        call_command("deliver_messages", "--once")

        for message in sent:
            self.assert_state(message, State.ACCEPTED)
        self.assert_state(late, State.EXPIRED)

    def test_the_wait_is_measured_on_what_is_due(self):
        self.assertIsNone(outbox.oldest_waiting())
        message = self.queue()
        began = time.monotonic()
        Message.objects.filter(pk=message.pk).update(due_at=Now() - dt.timedelta(seconds=30))
        later = self.queue("later@example.vn")
        Message.objects.filter(pk=later.pk).update(due_at=Now() + dt.timedelta(seconds=90))

        waited = outbox.oldest_waiting()

        since = dt.timedelta(seconds=time.monotonic() - began)
        self.assertGreaterEqual(waited, dt.timedelta(seconds=30))
        self.assertLessEqual(waited, dt.timedelta(seconds=30) + since)

    def test_a_sender_counts_as_alive_for_a_while_after_each_sign(self):
        self.assertFalse(outbox.sender_is_alive())

        outbox.tend([])

        self.assertTrue(outbox.sender_is_alive())
        Meter.objects.update(until=Now())
        self.assertFalse(outbox.sender_is_alive())
        outbox.tend([])
        self.assertTrue(outbox.sender_is_alive())

    @override_settings(RETENTION_CODES_DAYS=90)
    def test_prune_deletes_what_is_older_than_it_must_be(self):
        old, kept = self.queue("old@example.vn"), self.queue("kept@example.vn")
        notices = [self.queue_notice(), self.queue_notice()]
        for message, days in ((old, 91), (kept, 89), (notices[0], 91), (notices[1], 89)):
            past = dt.timedelta(days=days)
            Message.objects.filter(pk=message.pk).update(created_at=Now() - past)
            Code.objects.filter(message=message).update(
                issued_at=F("issued_at") - past,
                gap_until=F("gap_until") - past,
                expires_at=F("expires_at") - past,
            )
        Meter.objects.create(key="over", count=1, until=Now() - dt.timedelta(seconds=1))
        meters = Meter.objects.count()

        call_command("prune", stdout=(told := io.StringIO()))

        self.assertCountEqual(Message.objects.all(), [kept, notices[1]])
        self.assertCountEqual(Code.objects.all(), [kept.code])
        self.assertEqual(Meter.objects.count(), meters - 1)
        self.assertEqual(
            told.getvalue(),
            "messages: 2\ncodes: 1\nmeters: 1\ndead numbers: 0\njobs: 0\nkept addresses: 0\n"
            "proposals: 0\nreplaced numbers: 0\ndevices: 0\nmail logins: 0\nwebmail logins: 0\n"
            "programs' keys: 0\nwords of webhooks: 0\ndata requests: 0\n",
        )

    def test_prune_takes_more_than_one_batch(self):
        for _ in range(5):
            self.queue_notice()
        Message.objects.update(created_at=Now() - dt.timedelta(days=400))

        with mock.patch("accounts.management.commands.prune.BATCH", 2):
            call_command("prune", stdout=io.StringIO())

        self.assertFalse(Message.objects.exists())
