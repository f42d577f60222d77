"""A new number for somebody who lost SIM and password: two of the staff, and all are told."""

import io
import re
from contextlib import suppress

from django.core.management import call_command
from django.test import Client, TestCase, TransactionTestCase
from django.utils import timezone

from accounts.credentials import phone_proposals
from accounts.credentials.passwords import change_password
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, PhoneProposal, Unit
from otp.models import Message
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, newest_code
from tests.support.crowd import at_once
from tests.support.forms import drawn_from

EVIDENCE = {"evidence": "đã đối chiếu căn cước với trưởng phòng", "ticket": "CV-12/2026"}
NEW_PHONE = "+84912345671"
WAITING = "/ho-tro/doi-so/"


class Proposals(cast.Cast):
    """Lan is IT of the province, Mai sits at the hotline."""

    def setUp(self):
        self.set_up_people()
        self.lan = cast.make_staff("lan", "province-it")
        self.mai = cast.make_staff("mai", "hotline")
        self.come_in(self.lan)
        self.other = Client()
        self.come_in(self.mai, client=self.other)

    def propose(self, account=None, client=None, **changed):
        page = f"/ho-tro/tai-khoan/{(account or self.an).pk}/de-nghi-doi-so/"
        data = EVIDENCE | {"phone": "0912 345 671"} | changed
        client = client or self.client
        return client.post(page, data | drawn_from(client, page), follow=True)

    def decide(self, decision, client=None, pk=None):
        pk = pk or PhoneProposal.objects.latest("pk").pk
        return (client or self.other).post(
            f"/ho-tro/doi-so/{pk}/", {"decision": decision}, follow=True
        )


class TwoPeopleTests(Proposals, TestCase):
    def test_one_proposes_another_approves(self):
        self.assertContains(self.propose(), "Một cán bộ khác phải duyệt")
        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84987466981")

        self.assertContains(self.decide("approve"), "Đã duyệt")

        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, NEW_PHONE)
        self.assertTrue(self.an.phone_is_confirmed)
        proposal = PhoneProposal.objects.get()
        self.assertEqual((proposal.phone, proposal.decided_by), ("", self.mai))

    def test_the_person_can_then_get_the_password_back(self):
        self.propose(self.binh)
        self.decide("approve")

        self.ask("binh", client=(browser := Client()))
        self.guess(newest_code(), browser)

        self.assertEqual(self.choose(client=browser).status_code, 302)

    def test_both_numbers_and_the_mailbox_are_told(self):
        self.propose()
        Message.objects.all().delete()
        self.decide("approve")

        told = sorted(Message.objects.values_list("channel", "to"))
        self.assertEqual(
            told, [("mail", self.an.address), ("sms", NEW_PHONE), ("sms", "+84987466981")]
        )

    def test_nobody_approves_their_own_proposal(self):
        self.propose()
        self.assertContains(
            self.client.get(f"/ho-tro/doi-so/{PhoneProposal.objects.get().pk}/"),
            "cần một cán bộ khác duyệt",
        )

        r = self.decide("approve", client=self.client)

        self.assertContains(r, "Người đề nghị không tự duyệt được")
        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84987466981")

    def test_it_can_be_taken_back_or_turned_down(self):
        for client, button, said in (
            (self.client, "Rút lại", "Đã rút lại đề nghị"),
            (self.other, "Không duyệt", "Đã từ chối đề nghị"),
        ):
            with self.subTest(button):
                self.propose()
                pk = PhoneProposal.objects.latest("pk").pk
                self.assertContains(client.get(f"/ho-tro/doi-so/{pk}/"), button)

                self.assertContains(self.decide("decline", client), said)

                self.assertEqual(PhoneProposal.objects.get(pk=pk).state, "declined")
        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, "+84987466981")

    def test_all_of_it_is_on_record_without_the_number(self):
        self.propose()
        self.decide("approve")
        self.propose(self.binh, phone="0912345672")
        self.decide("decline")

        for event, actor in (
            ("phone-proposed", self.lan),
            ("phone-approved", self.mai),
            ("phone-declined", self.mai),
        ):
            row = AuditEvent.objects.filter(event=event).latest("pk")
            self.assertEqual((row.actor, row.detail["ticket"]), (actor, "CV-12/2026"))
            self.assertNotIn("345", str(row.detail))

    def test_a_decision_is_final(self):
        self.propose()
        self.decide("decline")

        self.assertEqual(self.decide("approve").status_code, 404)

    def test_it_waits_three_days(self):
        self.propose()
        PhoneProposal.objects.update(proposed_at="2026-01-01T00:00:00Z")

        self.assertEqual(self.decide("approve").status_code, 404)
        self.assertContains(self.propose(), "Một cán bộ khác phải duyệt")

    def test_one_at_a_time(self):
        self.propose()

        self.assertContains(self.propose(phone="0912345672"), "Đã có một đề nghị")

        self.assertEqual(PhoneProposal.objects.count(), 1)

    def test_the_number_in_force_need_not_be_proposed(self):
        self.assertContains(self.propose(phone="0987466981"), "đang dùng chính số này")

    def test_no_page_shows_the_new_number(self):
        self.propose()

        for page in (
            "/ho-tro/doi-so/",
            f"/ho-tro/doi-so/{PhoneProposal.objects.get().pk}/",
            f"/ho-tro/tai-khoan/{self.an.pk}/",
        ):
            r = self.other.get(page)
            self.assertContains(r, "***671")
            self.assertNotContains(r, "345671")

    def test_bad_input_is_answered_in_words(self):
        for changed, words in (
            ({"phone": "0219 3501 038"}, "không nhận được"),
            ({"phone": ""}, "Hãy nhập số điện thoại"),
            ({"evidence": ""}, "Hãy ghi căn cứ."),
            ({"evidence": "căn cước 001199012345"}, "Đừng ghi số"),
            ({"evidence": "x" * 301}, "ghi ngắn lại"),
            ({"ticket": ""}, "Hãy ghi số phiếu."),
        ):
            with self.subTest(words):
                self.assertContains(self.propose(**changed), words)
        self.assertFalse(PhoneProposal.objects.exists())


class OvertakenTests(Proposals, TestCase):
    def proposed(self):
        return phone_proposals.propose(self.an, NEW_PHONE, evidence="x", ticket="1", by=self.lan)

    def approve(self, proposal):
        phone_proposals.approve(proposal, by=self.mai)

    def test_one_whose_proposer_is_staff_no_longer_is_not_approved(self):
        proposal = self.proposed()
        Account.objects.filter(pk=self.lan.pk).update(locked_at=timezone.now())

        with self.assertRaises(NotNow):
            self.approve(proposal)

    def test_nor_one_whose_proposer_lost_the_right_or_the_unit_and_stays_staff(self):
        unit = Unit.objects.create(name="Sở Y tế")
        for role in ("auditor", "hotline", "unit-it"):
            with self.subTest(role):
                proposal = self.proposed()
                call_command("create_staff", "lan", role=role, unit=unit.name, stdout=io.StringIO())

                with self.assertRaises(NotNow):
                    self.approve(proposal)
                phone_proposals.decline(proposal, by=self.mai)

    def test_one_that_nobody_can_approve_is_seen_as_such_and_gives_way_to_a_new_one(self):
        self.propose()
        call_command("create_staff", "lan", role="auditor", stdout=io.StringIO())
        dead = PhoneProposal.objects.get()
        for page in (WAITING, f"/ho-tro/doi-so/{dead.pk}/", f"/ho-tro/tai-khoan/{self.an.pk}/"):
            with self.subTest(page):
                self.assertContains(self.other.get(page), "Không duyệt được nữa.")
        self.assertNotContains(self.other.get(f"/ho-tro/doi-so/{dead.pk}/"), 'value="approve"')
        nga = cast.make_staff("nga", "province-it")
        self.come_in(nga, client=(again := Client()))

        self.assertContains(self.propose(client=again), "Một cán bộ khác phải duyệt")

        self.assertNotContains(self.other.get(WAITING), "Không duyệt được nữa.")
        self.assertEqual(PhoneProposal.objects.get(pk=dead.pk).state, "declined")
        self.assertEqual(PhoneProposal.objects.get(pk=dead.pk).phone, "")
        self.assertContains(self.decide("approve"), "Đã duyệt")

    def test_what_is_listed_is_what_may_be_decided(self):
        self.propose()
        colleague = cast.make_staff("nga", "province-it")
        self.propose(account=colleague, phone="0912 345 672")
        home = "/quan-tri/"
        for role, listed in (("province-it", 2), ("hotline", 1), ("auditor", None)):
            with self.subTest(role):
                call_command("create_staff", "mai", role=role, stdout=io.StringIO())
                self.come_in(Account.objects.get(pk=self.mai.pk), client=(desk := Client()))
                r = desk.get(WAITING)

                if listed is None:
                    self.assertEqual(r.status_code, 403)
                    self.assertNotContains(desk.get("/ho-tro/"), WAITING)
                    self.assertNotContains(desk.get(home), WAITING)
                else:
                    self.assertEqual(len(re.findall(rf"{WAITING}\d+/", r.content.decode())), listed)
                    self.assertContains(desk.get("/ho-tro/"), f"{listed} đề nghị đang chờ duyệt")
                    found = re.search(
                        r"Đề nghị đổi số chờ.*?(\d)", desk.get(home).content.decode(), re.S
                    )
                    self.assertEqual(found[1], str(listed))

    def test_dismissal_takes_what_was_proposed_along(self):
        self.proposed()

        call_command("create_staff", "lan", "--role", "none", stdout=io.StringIO())

        self.assertEqual(PhoneProposal.objects.get().phone, "")

    def test_one_that_the_owner_has_overtaken_is_not_approved(self):
        for column in ("phone_changed_at", "password_changed_at"):
            proposal = self.proposed()
            Account.objects.filter(pk=self.an.pk).update(**{column: timezone.now()})
            with self.subTest(column), self.assertRaises(NotNow):
                self.approve(proposal)
            Account.objects.filter(pk=self.an.pk).update(**{column: None})
            phone_proposals.decline(proposal, by=self.lan)

    def test_a_new_password_drops_it(self):
        self.proposed()

        change_password(self.an, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)

        self.assertEqual(PhoneProposal.objects.get().state, "declined")

    def test_one_that_nobody_decided_forgets_its_number_at_night(self):
        self.proposed()
        PhoneProposal.objects.update(proposed_at="2026-01-01T00:00:00Z")

        call_command("prune", stdout=io.StringIO())

        proposal = PhoneProposal.objects.get()
        self.assertEqual((proposal.state, proposal.phone), ("expired", ""))
        self.assertEqual(AuditEvent.objects.get(event="phone-declined").reason, "expired")

    def test_a_post_without_a_decision_decides_nothing(self):
        proposal = self.proposed()

        self.other.post(f"/ho-tro/doi-so/{proposal.pk}/", {})

        proposal.refresh_from_db()
        self.assertEqual(proposal.state, "open")


class WhoMayTests(Proposals, TestCase):
    def test_the_hotline_does_not_propose(self):
        self.assertEqual(self.propose(client=self.other).status_code, 403)

    def test_nobody_proposes_for_themselves_or_approves_their_own_number(self):
        self.assertEqual(self.propose(self.lan).status_code, 403)
        vinh = cast.make_staff("vinh", "province-it")
        self.come_in(vinh, client=(browser := Client()))
        self.propose(vinh)

        self.assertEqual(self.decide("approve", browser).status_code, 403)

    def test_the_hotline_does_not_approve_for_staff(self):
        self.propose(cast.make_staff("khoa", "hotline"))

        self.assertEqual(self.decide("approve").status_code, 403)


class RaceTests(Proposals, TransactionTestCase):
    def test_two_decisions_at_once_are_one(self):
        self.propose()
        proposal = PhoneProposal.objects.get()
        other = cast.make_staff("hai", "hotline")
        decisions = ((phone_proposals.approve, self.mai), (phone_proposals.decline, other)) * 3
        outcome = []

        def decide(n):
            rule, by = decisions[n]
            with suppress(NotNow):
                rule(proposal, by=by)
                outcome.append(rule.__name__)

        at_once(decide, len(decisions))

        self.assertEqual(len(outcome), 1)
        changed = Account.objects.get(pk=self.an.pk).phone == NEW_PHONE
        self.assertEqual(changed, outcome == ["approve"])
