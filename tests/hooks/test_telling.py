"""What webhooks are told: signed, in the transaction of its cause, of their unit, no secrets."""

import datetime as dt

from django.db import transaction
from django.test import TestCase

from accounts.credentials.passwords import change_password
from accounts.hooks import rules
from accounts.models import Account, AuditEvent, Hook, HookMessage, Removal
from accounts.removal.erasing import erase
from tests.hooks.hooks import Hooks


class TellingTests(Hooks, TestCase):
    def setUp(self):
        self.set_up_hooks()

    def test_a_lock_is_told_signed_and_then_forgotten(self):
        self.lock(self.an)

        self.send()

        (told,) = self.receiver.told
        self.assertTrue(told["signed"])
        self.assertEqual((told["type"], told["path"]), ("locked", "/nhan?khoa=1"))
        self.assertEqual(told["host"], f"127.0.0.1:{self.receiver.port}")
        self.assertEqual(told["data"], {"address": self.an.address, "unit": self.ward.pk})
        at = AuditEvent.objects.get(event="locked").at
        self.assertLess(abs(dt.datetime.fromisoformat(told["timestamp"]) - at).total_seconds(), 1)
        (row,) = self.stored()
        self.assertEqual((row.state, row.data, row.tries), ("taken", {}, 1))
        self.assertEqual(f"msg_{row.uid.hex}", told["id"])
        self.assertEqual((self.now().outcome, self.hook.failures), ("http-204", 0))

    def test_what_was_undone_is_not_told(self):
        with transaction.atomic():
            self.lock(self.an)
            transaction.set_rollback(True)

        self.assertEqual(self.stored(), [])

    def test_a_password_set_anew_is_told_without_a_way_to_learn_it(self):
        change_password(self.person(self.an), "Con-duong-lang-98!", event="password-changed")

        self.send()

        self.assertEqual(self.receiver.types, ["password-changed"])
        self.assertNotIn(b"lang-98", self.receiver.told[0]["raw"])

    def test_a_webhook_of_a_unit_hears_of_it_and_those_below_and_of_no_campaign(self):
        for unit, people in ((self.ours, [self.an]), (self.theirs, [self.binh]), (None, "both")):
            with self.subTest(unit=unit):
                HookMessage.objects.all().delete()
                Hook.objects.update(unit=unit)
                self.lock(self.an)
                self.lock(self.binh)
                AuditEvent.record(AuditEvent.Event.CAMPAIGN_STARTED, actor=self.huong, campaign=3)
                self.unlock(self.an)
                self.unlock(self.binh)

                told = [(row.event, row.data) for row in self.stored()]

                if unit is None:
                    self.assertEqual(len(told), 5)
                    self.assertIn(("campaign-started", {"campaign": 3, "kind": "password"}), told)
                else:
                    addresses = [data["address"] for _, data in told]
                    self.assertEqual(addresses, [people[0].address] * 2)

    def test_only_what_was_chosen_is_told_and_nothing_after_the_end(self):
        Hook.objects.update(events=["unlocked"])
        self.lock(self.an)
        self.unlock(self.an)
        self.assertEqual([row.event for row in self.stored()], ["unlocked"])

        rules.end(self.hook.pk, by=self.huong)
        self.lock(self.an)
        self.unlock(self.an)

        self.assertEqual(self.stored(), [])

    def test_of_a_campaigns_steps_only_the_last_is_told(self):
        record, step = AuditEvent.record, AuditEvent.Event.CAMPAIGN_STEP
        record(step, reason="lock-approved", campaign=3)
        record(step, self.an, reason="locked", campaign=3)
        record(step, reason="done", campaign=4, kind="phone")

        self.assertEqual(
            [(row.event, row.data) for row in self.stored()],
            [("campaign-step", {"campaign": 4, "kind": "phone"})],
        )

    def test_of_a_removed_account_only_the_last_word_waits(self):
        self.lock(self.an)
        removal = Removal.objects.create(why="x", proposed_by=self.huong, decided_by=self.huong)

        with transaction.atomic():
            erase([self.an.pk], removal)

        (row,) = self.stored()
        self.assertEqual(row.event, "account-removed")
        self.assertEqual(row.data, {"address": self.an.address, "unit": self.ward.pk})
        self.send()
        self.assertEqual(self.receiver.types, ["account-removed"])
        self.assertEqual(self.stored()[0].data, {})

    def test_every_event_is_one_of_the_audit_trail(self):
        self.assertLessEqual(set(Hook.Event.values), set(AuditEvent.Event.values))

    def test_many_at_once_are_told_each(self):
        people = [
            (account, {}) for account in Account.objects.filter(pk__in=[self.an.pk, self.binh.pk])
        ]
        AuditEvent.record_many(AuditEvent.Event.IMPORTED, people)

        self.send()

        self.assertEqual(self.receiver.types, ["imported"] * 2)
        self.assertEqual(len(set(self.receiver.ids)), 2)
        self.assertTrue(all(each["signed"] for each in self.receiver.told))

    def person(self, account):
        return Account.objects.get(pk=account.pk)
