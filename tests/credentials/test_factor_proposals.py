"""The second factor of somebody who lost app and recovery codes: two of the staff take it away."""

import io
from contextlib import suppress

from django.core.management import call_command
from django.test import Client, TestCase, TransactionTestCase

from accounts.credentials import factor_proposals, second_factor
from accounts.credentials.passwords import change_password
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, FactorProposal, Unit
from accounts.models.audit_event import Ground
from otp.models import Message
from tests.hotline.test_desk import GROUND, UNCHECKED
from tests.self_service.test_own_factor import OFF, turn_on
from tests.support import cast
from tests.support.cast import FACTOR, NEW_PASSWORD, PASSWORD
from tests.support.crowd import at_once
from tests.support.forms import drawn_from


class Proposals(cast.Cast):
    """Lan is IT of the province, Mai sits at the hotline; An lost the phone with the app."""

    def setUp(self):
        self.set_up_people()
        self.lan = cast.make_staff("lan", "province-it")
        self.mai = cast.make_staff("mai", "hotline")
        turn_on(self.an)
        self.come_in(self.lan)
        self.other = Client()
        self.come_in(self.mai, client=self.other)
        Message.objects.all().delete()

    def propose(self, account=None, client=None):
        page = f"/ho-tro/tai-khoan/{(account or self.an).pk}/bo-xac-thuc/"
        client = client or self.client
        return client.post(page, GROUND | UNCHECKED | drawn_from(client, page), follow=True)

    def decide(self, decision, client=None):
        page = f"/ho-tro/bo-xac-thuc/{FactorProposal.objects.latest('pk').pk}/"
        return (client or self.other).post(page, {"decision": decision}, follow=True)

    def has_factor(self):
        return Account.objects.get(pk=self.an.pk).has_factor


class TwoPeopleTests(Proposals, TestCase):
    def test_one_proposes_another_approves(self):
        self.assertContains(self.propose(), "Một cán bộ khác phải duyệt")
        self.assertTrue(self.has_factor())
        self.assertIn("đã ghi đề nghị bỏ", Message.objects.get(channel="mail").text)
        proposed = AuditEvent.objects.get(event="factor-proposed")
        self.assertEqual((proposed.account, proposed.actor), (self.an, self.lan))
        self.assertContains(self.other.get("/ho-tro/doi-so/"), "Bỏ xác thực hai lớp")
        self.assertContains(self.other.get("/ho-tro/"), "1 đề nghị đang chờ duyệt")

        self.assertContains(self.decide("approve"), "Đã duyệt")

        self.assertFalse(self.has_factor())
        reset = AuditEvent.objects.get(event="factor-reset")
        self.assertEqual((reset.account, reset.actor), (self.an, self.mai))
        self.assertEqual(Message.objects.filter(channel="mail").count(), 2)
        self.log_in("an", client=(browser := Client()))
        self.assertEqual(browser.get("/").status_code, 200)

    def test_one_alone_cannot_finish(self):
        self.propose()

        self.assertContains(self.decide("approve", self.client), "cần một cán bộ khác")

        self.assertTrue(self.has_factor())
        self.assertContains(self.decide("decline", self.client), "Đã rút lại")
        self.assertTrue(self.has_factor())
        self.assertEqual(AuditEvent.objects.get(event="factor-declined").actor, self.lan)

    def test_only_one_waits_at_a_time(self):
        self.propose()

        self.assertContains(self.propose(), "đang chờ duyệt")

        self.assertEqual(FactorProposal.objects.count(), 1)

    def test_it_is_dropped_when_its_ground_is_gone(self):
        def by_owner():
            change_password(self.an, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)

        def by_time():
            FactorProposal.objects.update(proposed_at="2026-01-01T00:00:00Z")
            call_command("prune", stdout=io.StringIO())

        def by_dismissal():
            call_command("create_staff", "lan", "--role", "none", stdout=io.StringIO())

        table = ((by_owner, "declined"), (by_time, "expired"), (by_dismissal, "declined"))
        for gone, state in table:
            with self.subTest(gone.__name__):
                self.propose()
                gone()

                self.assertEqual(FactorProposal.objects.latest("pk").state, state)
                self.assertEqual(self.decide("approve").status_code, 404)
                self.assertTrue(self.has_factor())

    def test_it_does_not_count_once_its_proposer_lost_the_right(self):
        unit = Unit.objects.create(name="Sở Y tế")
        Account.objects.filter(pk=self.an.pk).update(unit=unit)
        self.propose()
        for role, still in (("auditor", False), ("hotline", False), ("unit-it", True)):
            with self.subTest(role):
                call_command("create_staff", "lan", role=role, unit="Sở Y tế", stdout=io.StringIO())

                r = self.decide("approve")

                self.assertEqual("không còn quyền làm việc này" not in r.content.decode(), still)
                self.assertEqual(self.has_factor(), not still)

    def test_one_that_nobody_can_approve_is_seen_as_such_and_gives_way_to_a_new_one(self):
        self.propose()
        dead = FactorProposal.objects.get()
        call_command("create_staff", "lan", role="auditor", stdout=io.StringIO())
        for page in ("doi-so", f"bo-xac-thuc/{dead.pk}", f"tai-khoan/{self.an.pk}"):
            with self.subTest(page):
                self.assertContains(self.other.get(f"/ho-tro/{page}/"), "Không duyệt được nữa.")
        self.assertNotContains(self.other.get(f"/ho-tro/bo-xac-thuc/{dead.pk}/"), 'value="approve"')
        self.come_in(cast.make_staff("nga", "province-it"), client=(again := Client()))

        self.assertContains(self.propose(client=again), "Một cán bộ khác phải duyệt")

        self.assertEqual(FactorProposal.objects.get(pk=dead.pk).state, "declined")
        self.assertContains(self.decide("approve"), "Đã duyệt")

    def test_it_is_dropped_when_its_owner_turns_the_factor_off(self):
        self.propose()
        first, last, *_ = second_factor.make_recovery_codes(self.an)
        self.log_in("an", client=(owner := Client()))
        owner.post(FACTOR, {"token": first})

        owner.post(OFF, {"token": last, "password": PASSWORD})
        turn_on(self.an)

        self.assertEqual(FactorProposal.objects.get().state, "declined")
        self.assertEqual(self.decide("approve").status_code, 404)
        self.assertTrue(self.has_factor())


class WhoMayTests(Proposals, TestCase):
    def test_the_hotline_does_not_propose(self):
        page = f"/ho-tro/tai-khoan/{self.an.pk}/bo-xac-thuc/"

        self.assertEqual(self.other.post(page, GROUND).status_code, 403)

    def test_it_is_offered_for_those_who_have_one(self):
        for person, offered in ((self.an, True), (self.binh, False), (self.mai, False)):
            with self.subTest(person.address):
                page = self.client.get(f"/ho-tro/tai-khoan/{person.pk}/").content.decode()

                self.assertEqual("/bo-xac-thuc/" in page, offered)
        r = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")
        self.assertContains(r, "có xác thực hai lớp")
        self.assertContains(self.propose(self.binh), "không bật xác thực hai lớp")

    def test_a_colleague_s_is_reset_by_the_province_alone_as_before(self):
        self.assertContains(self.propose(self.mai), "không bật xác thực hai lớp")

        self.assertFalse(FactorProposal.objects.exists())


class RaceTests(Proposals, TransactionTestCase):
    def test_two_decisions_at_once_are_one(self):
        proposal = factor_proposals.propose(self.an, actor=self.lan, ground=Ground("x", "1"))
        other = cast.make_staff("hai", "hotline")
        decisions = ((factor_proposals.approve, self.mai), (factor_proposals.decline, other)) * 3
        outcome = []

        def decide(n):
            rule, by = decisions[n]
            with suppress(NotNow):
                rule(proposal, by=by)
                outcome.append(rule.__name__)

        at_once(decide, len(decisions))

        self.assertEqual(len(outcome), 1)
        self.assertEqual(self.has_factor(), outcome == ["decline"])
