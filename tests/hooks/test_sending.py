"""How webhooks are sent: at least once under one id, in order, by one sender at a time."""

import os
import threading
from contextlib import closing
from unittest import mock

from django.conf import settings
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from accounts.hooks import rules, sending, standing
from accounts.models import Hook, HookMessage
from otp.models import Message
from otp.outbox import alerts
from otp.suppliers import direct
from tests.hooks import receiver
from tests.hooks.hooks import Hooks
from tests.hooks.receiver import Receiver
from tests.support.clock import Clock, let_pass
from tests.support.programs import gateway
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import PATIENCE, wait_for


class RetryTests(Hooks, TestCase):
    def setUp(self):
        self.set_up_hooks()

    def pass_the_pause(self):
        let_pass(self, seconds=sending.LONGEST_PAUSE.total_seconds())

    def test_what_was_not_taken_is_sent_again_under_its_id_and_what_is_behind_it_waits(self):
        self.receiver.plan = [500]
        self.lock(self.an)
        self.unlock(self.an)

        self.send()

        self.assertEqual(self.receiver.types, ["locked"])
        self.assertEqual((self.now().failures, self.hook.outcome), (1, "http-500"))
        self.send()
        self.assertEqual(len(self.receiver.told), 1, "it is paused")
        let_pass(self, seconds=6)
        self.send()
        self.assertEqual(self.receiver.types, ["locked", "locked", "unlocked"])
        first, again, other = self.receiver.told
        self.assertEqual((first["id"], first["raw"]), (again["id"], again["raw"]))
        self.assertNotEqual(other["id"], first["id"])
        self.assertTrue(again["signed"])
        self.assertGreater(again["at"], first["at"])
        self.assertEqual((self.now().failures, self.hook.paused_until), (0, None))

    def test_each_pause_is_longer_and_none_longer_than_the_longest(self):
        Clock(self).stand_at(timezone.now())
        self.lock(self.an)
        pauses = []
        for _ in range(11):
            self.receiver.plan = [500]
            Hook.objects.update(paused_until=None)
            HookMessage.objects.update(due_at=timezone.now())
            self.send()
            pauses.append(round((self.now().paused_until - timezone.now()).total_seconds()))
        self.assertEqual(pauses[:3], [5, 10, 20])
        self.assertEqual(pauses[-1], 900)
        self.assertEqual(pauses, sorted(pauses))

    def test_one_that_is_refused_time_and_again_lets_the_others_pass(self):
        self.receiver.plan = [422] * sending.PASSED_AFTER
        self.lock(self.an)
        self.unlock(self.an)

        for _ in range(sending.PASSED_AFTER):
            Hook.objects.update(paused_until=None)
            self.send()
        Hook.objects.update(paused_until=None)
        self.send()
        self.pass_the_pause()
        self.send()

        refused = ["locked"] * sending.PASSED_AFTER
        self.assertEqual(self.receiver.types, [*refused, "unlocked", "locked"])

    def test_after_a_day_it_is_given_up_and_forgotten_and_later_deleted(self):
        self.receiver.plan = [500] * 3
        self.lock(self.an)
        self.send()

        let_pass(self, hours=24, seconds=1)
        self.send()

        (row,) = self.stored()
        self.assertEqual((row.state, row.data, row.outcome), ("given-up", {}, "http-500"))
        self.assertEqual(len(self.receiver.told), 1)
        self.assertEqual(sending.forget_old(), 0)
        let_pass(self, days=7)
        self.assertEqual(sending.forget_old(), 1)

    def test_a_receiver_that_asks_to_wait_is_left_alone_so_long(self):
        self.receiver.plan = [receiver.later(600)]
        self.lock(self.an)

        self.send()

        left = (self.now().paused_until - timezone.now()).total_seconds()
        self.assertAlmostEqual(left, 600, delta=30)

    def test_one_that_is_off_waits_and_one_that_is_on_again_is_tried_at_once(self):
        self.receiver.plan = [500]
        self.lock(self.an)
        self.send()
        rules.switch(self.hook.pk, on=False, by=self.huong)
        self.pass_the_pause()
        self.send()
        self.assertEqual(len(self.receiver.told), 1)

        rules.switch(self.hook.pk, on=True, by=self.huong)
        self.send()

        self.assertEqual(self.receiver.types, ["locked", "locked"])

    def test_a_ping_goes_first_and_is_not_repeated(self):
        self.receiver.plan = [500, 500]
        self.lock(self.an)
        self.send()

        rules.ping(self.hook.pk)
        rules.ping(self.hook.pk)
        self.send()
        self.pass_the_pause()
        self.send()

        self.assertEqual(self.receiver.types, ["locked", "ping", "locked"])
        self.assertEqual(self.receiver.told[1]["data"], {})

    def test_a_redirect_is_not_followed(self):
        other = Receiver()
        self.addCleanup(other.close)
        self.receiver.plan = [receiver.redirect(other.address)]
        self.lock(self.an)

        self.send()

        self.assertEqual(other.told, [])
        self.assertIn("không đi theo", standing.in_words(self.now().outcome))

    def test_a_receiver_in_a_network_that_is_not_listed_is_not_reached(self):
        self.lock(self.an)
        with self.settings(WEBHOOK_NETWORKS=[]):
            self.send()

        self.assertEqual(self.receiver.told, [])
        self.assertIn("WEBHOOK_NETWORKS", standing.in_words(self.now().outcome))

    def test_a_new_secret_signs_what_waited_too(self):
        self.lock(self.an)
        self.receiver.secret = rules.replace_secret(self.hook.pk, by=self.huong).secret

        self.send()

        self.assertTrue(self.receiver.told[0]["signed"])

    def test_an_hour_of_failures_is_told_to_it(self):
        self.receiver.plan = [500]
        self.lock(self.an)
        self.send()
        self.assertEqual(list(standing.failing()), [])

        let_pass(self, hours=1, seconds=1)

        (line,) = standing.failing()
        self.assertIn("“Quản lý cán bộ” không giao được từ", line)
        self.assertIn("trả lời lỗi 500", line)
        self.assertIn("webhook", alerts.raise_due())

    def test_what_waits_is_counted_for_monitors(self):
        self.assertEqual(standing.waiting(), (0, 0))
        self.lock(self.an)
        let_pass(self, minutes=10)

        count, longest = standing.waiting()

        self.assertEqual(count, 1)
        self.assertAlmostEqual(longest, 600, delta=30)


class AtOnceTests(Hooks, TransactionTestCase):
    """Real threads and real processes."""

    def setUp(self):
        self.set_up_hooks()

    def test_two_senders_at_once_send_each_message_once(self):
        for _ in range(20):
            self.lock(self.an)
            self.unlock(self.an)
        start = threading.Barrier(4)

        def work():
            start.wait()
            self.send()
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.send()

        self.assertEqual(self.receiver.types, ["locked", "unlocked"] * 20)
        self.assertEqual(len(set(self.receiver.ids)), 40)
        self.assertEqual({row.tries for row in self.stored()}, {1})

    def test_while_one_sends_no_other_takes_anything_of_the_webhook(self):
        self.lock(self.an)
        self.unlock(self.an)
        first = sending.claim()

        self.assertIsNone(sending.claim())
        let_pass(self, seconds=sending.LEASE.total_seconds() + 1)
        again = sending.claim()

        self.assertEqual((first.uid, first.tries, again.tries), (again.uid, 1, 2))
        # The first was slow, and failed: that says nothing of who sends by now.
        sending.keep(first, sending.Answer("http-500", taken=False))
        self.assertEqual(self.now().failures, 0)
        # It was taken after all: the next is next.
        sending.keep(first, sending.Answer("http-204", taken=True))
        self.assertEqual([row.state for row in self.stored()], ["taken", "waiting"])
        self.assertIsNone(sending.claim())

    def test_it_and_what_happens_meanwhile_do_not_wait_for_each_other(self):
        def work():
            self.lock(self.an)
            connection.close()

        thread = threading.Thread(target=work)
        with transaction.atomic():
            rules.switch(self.hook.pk, on=False, by=self.huong)
            thread.start()
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
        self.assertEqual([row.event for row in self.stored()], ["locked"])

    def test_what_happens_while_it_is_ended_is_not_kept(self):
        with transaction.atomic():
            rules.end(self.hook.pk, by=self.huong)
            thread = threading.Thread(target=lambda: (self.lock(self.an), connection.close()))
            thread.start()
            thread.join(10)
        thread.join()

        self.send()

        self.assertEqual((self.stored(), self.receiver.told), ([], []))

    def test_a_silent_receiver_delays_neither_another_nor_a_message(self):
        other = Receiver()
        self.addCleanup(other.close)
        hook = self.make("Máy thứ hai", receiver=other, events=["locked"])
        self.receiver.plan = [receiver.hold]
        self.enterContext(mock.patch.object(direct, "WITHIN", 60))
        webhooks = sending.Webhooks()
        self.lock(self.an)
        webhooks.start()
        self.addCleanup(webhooks.end)
        self.addCleanup(self.receiver.released.set)

        wait_for(lambda: other.told, "the other receiver to be told")
        self.lock(self.binh)
        wait_for(lambda: len(other.told) == 2, "the other receiver to be told again")

        self.assertEqual(self.receiver.types, ["locked"])
        wait_for(lambda: not hook.messages.waiting().exists(), "what came of it")


class ProcessTests(Hooks, TransactionTestCase):
    """The sender's own process, and its death."""

    def setUp(self):
        self.set_up_hooks()

    def start(self):
        log = self.enterContext(closing(Output()))
        environment = {
            **os.environ,
            **gateway.supply(self).environment(""),
            "DATABASE_URL": database_url(),
            "OTP_PEPPER": ",".join(settings.OTP_PEPPERS),
            "WEBHOOK_NETWORKS": "127.0.0.0/8",
            "LOG_LEVEL": "INFO",
        }
        sender = Program("manage.py", "deliver_messages", env=environment, stderr=log)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        sender.log = log
        wait_for(lambda: "sender: started" in log.text(), "the sender", log=log.text)
        return sender

    def test_a_sender_that_is_killed_in_between_loses_nothing(self):
        self.receiver.plan = [receiver.hold]
        sender = self.start()
        self.lock(self.an)
        wait_for(lambda: self.receiver.told, "the first try", log=sender.log.text)

        sender.kill()
        sender.wait()
        Hook.objects.update(claimed_until=timezone.now())  # as after its time
        sender = self.start()
        wait_for(lambda: len(self.receiver.told) == 2, "the second try", log=sender.log.text)

        first, again = self.receiver.told
        self.assertEqual((first["id"], first["raw"]), (again["id"], again["raw"]))
        wait_for(lambda: self.stored()[0].state == "taken", "the message", log=sender.log.text)
        self.assertNotIn(self.an.address, sender.log.text())
        self.assertEqual(Message.objects.filter(channel="hook").count(), 0)

    def test_a_sender_that_is_told_to_stop_ends_what_it_began(self):
        sender = self.start()
        self.lock(self.an)
        wait_for(lambda: self.receiver.told, "the message", log=sender.log.text)

        sender.terminate()

        self.assertEqual(sender.wait(), 0, sender.log.text())
        self.assertEqual([row.state for row in self.stored()], ["taken"])
