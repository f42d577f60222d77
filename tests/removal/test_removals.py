"""Accounts are removed by two people of the staff, and nothing of them is left."""

import io
import json
import threading
from contextlib import closing

from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.audit import chain
from accounts.custody import rules as custody
from accounts.leaving import rules as leaving
from accounts.models import (
    Account,
    ActivationSlip,
    Address,
    AddressQuarantine,
    AuditEvent,
    Campaign,
    CampaignMember,
    Departure,
    FactorProposal,
    PhoneCampaign,
    PhoneProposal,
    Removal,
    RemovalMember,
    Session,
    Unit,
)
from accounts.organisation.domains import copy_domains
from accounts.removal import rules
from otp.models import Message
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, PASSWORD, newest_code
from tests.support.clock import Clock
from tests.support.crowd import at_once
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

LISTS, NEW = "/quan-tri/xoa/", "/quan-tri/xoa/moi/"
DEPARTED, CAMPAIGN = f"{LISTS}nghi-viec/", f"{LISTS}chien-dich/{{}}/"
MAY_NOT = "Người đề nghị không còn quyền làm việc này"
AN, NAME, PHONE = "an@hagiang.gov.vn", "Lý Văn An", "0987466981"
TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""


def everything():
    """Give all that the database holds, as one text."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        texts = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(entry)::text FROM "{table}" AS entry')
            texts.append(json.dumps([table, *cursor.fetchall()], ensure_ascii=False))
    return "\n".join(texts)


def of_removal(pk, rest=""):
    return f"{LISTS}{pk}/{rest}"


class Removing(cast.Cast):
    """A mixin: IT 1 and IT 2 look after Sở Y tế, where An and Em are."""

    def setUp(self):
        self.set_up_people()
        self.office = Unit.objects.create(name="Sở Y tế")
        people = Account.objects.filter(pk__in=[self.an.pk, self.em.pk, self.chi.pk])
        people.update(unit=self.office)
        Address.objects.create(address="ly.an@hagiang.gov.vn", account=self.an)
        copy_domains()
        self.desks = {}
        for number, role in ((1, "unit-it"), (2, "unit-it"), (3, "province-it")):
            staff = cast.make_staff(f"it.{number}", role, unit=self.office)
            Account.objects.filter(pk=staff.pk).update(is_superuser=False)
            self.desks[number] = Client(REMOTE_ADDR=f"192.0.2.{number}")
        self.sit_down()

    def sit_down(self):
        """Log the staff in: their sessions do not last for days."""
        for number, desk in self.desks.items():
            self.come_in(Account.objects.get(address__startswith=f"it.{number}@"), desk)

    def propose(self, name="an", by=1, why="QĐ 5/QĐ-SYT"):
        return self.desks[by].post(NEW, {"address": name, "why": why})

    def proposed(self, *args, **kwargs):
        r = self.propose(*args, **kwargs)
        removal = Removal.objects.latest("pk")
        self.assertRedirects(r, of_removal(removal.pk))
        return removal

    def confirm(self, removal, by=2):
        return self.desks[by].post(of_removal(removal.pk, "xac-nhan/"), follow=True)

    def is_there(self, account):
        return Account.objects.filter(pk=account.pk).exists()

    def outcomes(self, removal):
        return sorted(removal.members.values_list("outcome", "reason"))


class TwoPeopleTests(Removing, TestCase):
    def test_one_proposes_another_confirms_and_the_list_is_shown_before(self):
        removal = self.proposed()

        self.assertContains(self.desks[2].get(LISTS), ', <span class="address">')
        page = self.desks[2].get(of_removal(removal.pk))
        for said in (AN, NAME, "Sở Y tế", "chưa lần nào", "số đã xác thực", "QĐ 5/QĐ-SYT"):
            self.assertContains(page, said)
        self.assertContains(
            self.desks[2].get(of_removal(removal.pk, "xac-nhan/")), "không lấy lại được"
        )
        self.assertTrue(self.is_there(self.an))
        r = self.confirm(removal)
        self.assertContains(r, "(đã xóa)")
        self.assertNotContains(r, NAME)
        self.assertFalse(self.is_there(self.an))
        self.assertEqual(Removal.objects.get().state, "done")
        for event in ("removal-proposed", "removal-confirmed", "account-removed"):
            self.assertTrue(AuditEvent.objects.filter(event=event, actor__isnull=False), event)

    def test_who_proposed_cannot_confirm(self):
        removal = self.proposed()

        self.assertContains(self.confirm(removal, by=1), "cần một cán bộ khác")

        self.assertTrue(self.is_there(self.an))
        for state in ("confirmed", "done"):
            for decided_by in (None, removal.proposed_by_id):
                with self.assertRaises(IntegrityError), transaction.atomic():
                    Removal.objects.update(state=state, decided_by=decided_by)

    def test_the_word_of_who_is_staff_no_longer_does_not_count(self):
        removal = self.proposed()
        Account.objects.filter(address__startswith="it.1@").update(is_staff=False)

        self.assertContains(self.confirm(removal), MAY_NOT)

    def test_nor_does_the_word_of_who_lost_the_right_and_stays_staff(self):
        removal = self.proposed()
        call_command("create_staff", "it.1", role="auditor", stdout=io.StringIO())

        for page in (LISTS, of_removal(removal.pk)):
            self.assertContains(self.desks[2].get(page), MAY_NOT)
            self.assertNotContains(self.desks[2].get(page), "xac-nhan/")
            self.assertNotContains(self.desks[2].get(page), "cho đến khi có người xác nhận")
        self.assertContains(self.confirm(removal), MAY_NOT)

        self.assertTrue(self.is_there(self.an))

    def test_nor_of_who_looks_after_another_unit_now(self):
        removal = self.proposed()
        other = Unit.objects.create(name="Sở Tài chính")
        Account.objects.filter(address__startswith="it.1@").update(unit=other)

        self.assertContains(self.confirm(removal), MAY_NOT)

    def test_nobody_is_asked_to_confirm_what_they_cannot(self):
        removal = self.proposed()
        self.assertContains(self.look(removal, by=1), "cần một cán bộ khác")
        self.confirm(removal)

        r = self.look(removal)

        self.assertContains(r, "đã được quyết định")
        self.assertNotContains(r, "Xóa vĩnh viễn")

    def look(self, removal, by=2):
        """Open the page that asks to confirm, or what it leads to."""
        return self.desks[by].get(of_removal(removal.pk, "xac-nhan/"), follow=True)

    def test_the_it_of_a_unit_reaches_its_own_only(self):
        self.assertContains(self.propose("binh"), "trong phạm vi của bạn")
        removal = self.proposed("binh", by=3)

        for page in ("", "xac-nhan/"):
            self.assertEqual(self.desks[1].get(of_removal(removal.pk, page)).status_code, 404)
        member = removal.members.get().pk
        for page in ("xac-nhan/", "rut/", f"nguoi/{member}/"):
            self.assertEqual(self.desks[1].post(of_removal(removal.pk, page)).status_code, 404)
        self.assertNotContains(self.desks[1].get(LISTS), "QĐ 5")
        self.assertContains(self.desks[3].get(LISTS), "QĐ 5")

    def test_what_cannot_be_is_said(self):
        for fields, said in (
            ({"name": "it.2"}, "trong phạm vi của bạn"),
            ({"name": "khong.co"}, "trong phạm vi của bạn"),
            ({"name": ""}, "Hãy nhập địa chỉ thư của tài khoản cần xóa."),
            ({"why": ""}, "Hãy ghi căn cứ"),
        ):
            with self.subTest(fields):
                self.assertContains(self.propose(**fields), said)
        self.proposed()
        self.assertContains(self.propose(), "đã có trong một danh sách")

    def test_withdrawn_until_confirmed_and_not_afterwards(self):
        removal = self.proposed()
        self.assertContains(
            self.desks[1].post(of_removal(removal.pk, "rut/"), follow=True), "Không tài khoản nào"
        )
        self.assertContains(self.confirm(removal), "đã được quyết định")
        self.assertTrue(AuditEvent.objects.filter(event="removal-withdrawn", account=self.an))
        again = self.proposed()
        self.confirm(again)

        r = self.desks[2].post(of_removal(again.pk, "rut/"), follow=True)
        self.assertContains(r, "đã được quyết định")
        self.assertEqual(self.outcomes(again), [("removed", "")])

    def test_a_list_that_nobody_confirms_in_time_is_dropped(self):
        removal = self.proposed()
        Removal.objects.update(proposed_at=timezone.now() - Removal.LIFE)

        self.assertContains(self.confirm(removal), "đã quá hạn")
        call_command("run_removals", stdout=io.StringIO())

        self.assertEqual(self.outcomes(removal), [("dropped", "")])
        self.proposed()

    def test_a_page_that_shows_another_count_is_refused_once(self):
        removal = self.proposed()
        page = self.desks[2].get(of_removal(removal.pk, "xac-nhan/"))
        drawn = page.context["form"]["drawn_from"].field.widget.value
        member = RemovalMember.objects.create(
            removal=removal, account=self.em, unit=self.office, was_locked=False, was_active=True
        )

        r = self.desks[2].post(of_removal(removal.pk, "xac-nhan/"), {"drawn_from": drawn})

        self.assertContains(r, "số tài khoản sẽ xóa")
        self.desks[2].post(of_removal(removal.pk, f"nguoi/{member.pk}/"))
        self.assertEqual(self.outcomes(removal), [("", ""), ("spared", "")])
        self.assertTrue(AuditEvent.objects.filter(event="removal-spared", account=self.em))
        self.confirm(removal)
        self.assertTrue(self.is_there(self.em))


class ObstacleTests(Removing, TestCase):
    def test_who_is_responsible_for_a_mailbox_is_handed_over_first(self):
        registry = cast.make("vanthu", kind="organisation", unit=self.office)
        it = Account.objects.get(address__startswith="it.3@")
        custody.entrust(registry, responsible=self.an, deputy=None, decision="1", by=it)

        self.assertContains(self.propose(), "bàn giao")

    def test_a_deputy_goes_and_the_mailbox_stays(self):
        registry = cast.make("vanthu", kind="organisation", unit=self.office)
        Account.objects.filter(pk=self.em.pk).update(
            phone="+84912000777", phone_confirmed_at=timezone.now()
        )
        it = Account.objects.get(address__startswith="it.3@")
        self.em.refresh_from_db()
        custody.entrust(registry, responsible=self.em, deputy=self.an, decision="1", by=it)

        self.confirm(self.proposed())

        registry.refresh_from_db()
        self.assertEqual((registry.custody.responsible, registry.custody.deputy), (self.em, None))
        self.assertTrue(AuditEvent.objects.filter(reason="deputy-removed", account=registry))

    def test_while_mail_is_forwarded_neither_end_is_removed(self):
        registry = cast.make("vanthu", kind="organisation", unit=self.office)
        it = Account.objects.get(address__startswith="it.3@")
        clock = Clock(self, 2026, 3, 2, 9, 0)
        leaving.plan(
            self.an,
            last_day=timezone.localdate() - timezone.timedelta(days=1),
            forward_to=registry,
            forward_days=30,
            sentence="x",
            why="x",
            by=it,
        )
        for number in self.desks:
            self.come_in(
                Account.objects.get(address__startswith=f"it.{number}@"), self.desks[number]
            )

        self.assertContains(self.propose("an"), "còn đang được chuyển cho đơn vị")
        self.assertContains(self.propose("vanthu"), "đang được chuyển đến đây")
        self.assertContains(self.desks[1].post(DEPARTED, {"why": "x"}), "Không có tài khoản nào")
        clock.to(2026, 4, 2, 9, 0)
        for number in self.desks:
            self.come_in(
                Account.objects.get(address__startswith=f"it.{number}@"), self.desks[number]
            )
        self.confirm(self.proposed("vanthu"))
        self.assertFalse(self.is_there(registry))
        self.assertIsNone(Departure.objects.get().forward_to)
        self.assertContains(self.desks[1].get(LISTS), "1 người đã nghỉ việc")
        self.desks[1].post(DEPARTED, {"why": "x"})
        self.confirm(Removal.objects.latest("pk"))
        self.assertFalse(self.is_there(self.an))

    def test_what_happened_since_takes_the_account_out_of_the_list(self):
        now = timezone.now()
        for name, before, change in (
            ("logged-in", {}, {"last_login": now}),
            ("password", {}, {"password_changed_at": now}),
            ("unlocked", {"locked_at": now}, {"locked_at": None}),
            ("opened", {"is_active": False}, {"is_active": True}),
            ("custody", {}, {}),
            ("staff", {}, {"is_staff": True}),
        ):
            with self.subTest(name), transaction.atomic():
                Account.objects.filter(pk=self.an.pk).update(**before)
                removal = self.proposed()
                Account.objects.filter(pk=self.an.pk).update(**change)
                if name == "custody":
                    registry = cast.make("vanthu", kind="organisation", unit=self.office)
                    it = Account.objects.get(address__startswith="it.3@")
                    an = Account.objects.get(pk=self.an.pk)
                    custody.entrust(registry, responsible=an, deputy=None, decision="1", by=it)

                r = self.confirm(removal)

                self.assertContains(r, "không xóa")
                self.assertTrue(self.is_there(self.an))
                self.assertEqual(removal.members.get().reason, name)
                transaction.set_rollback(True)

    def test_a_campaigns_list(self):
        day = timezone.localdate() - timezone.timedelta(days=20)
        campaign = Campaign.objects.create(
            name="x", basis="x", first_day=day, started_at=timezone.now(), state="running"
        )
        campaign.units.set([self.office])
        for account in (self.an, self.em, self.chi):
            CampaignMember.objects.create(
                campaign=campaign,
                account=account,
                outcome="locked",
                warnings_sent=3,
                first_warned_on=day,
                last_warned_on=day + timezone.timedelta(days=13),
                decided_on=day + timezone.timedelta(days=14),
            )
        people = Account.objects.filter(pk__in=[self.an.pk, self.em.pk])
        people.update(locked_at=timezone.now(), has_default_password=True)
        page = CAMPAIGN.format(campaign.pk)
        self.assertContains(self.desks[1].get(f"/quan-tri/chien-dich/{campaign.pk}/"), page)
        self.assertContains(self.desks[1].get(page), "Danh sách có 2 tài khoản")
        self.desks[1].post(page, {"why": "x"})

        self.confirm(Removal.objects.get())

        self.assertEqual(set(people), set())
        self.assertTrue(self.is_there(self.chi))
        self.assertContains(
            self.desks[1].get(f"/quan-tri/chien-dich/{campaign.pk}/nguoi/"), "đã xóa", count=2
        )


class ErasedTests(Removing, TransactionTestCase):
    """An has been staff once, and left traces everywhere."""

    def setUp(self):
        super().setUp()
        self.log_in("an")
        self.client.post("/cau-hinh/thong-tin/an@hagiang.gov.vn/", {"phone": "0912345678"})
        self.ask("an", client=Client())
        self.log_in("an", "wrong", client=Client())
        self.desks[3].post(
            f"/quan-tri/accounts/account/{self.an.pk}/change/",
            {"full_name": NAME, "kind": "person", "unit": self.office.pk, "is_active": "on"}
            | cast.NO_ALIASES,
        )
        ActivationSlip.objects.create(
            account=self.em, pepper_id="x", good_until=timezone.now(), given_by=self.an
        )
        PhoneProposal.objects.create(
            account=self.em,
            phone_masked="***111",
            evidence=f"Theo {AN}",
            ticket="1",
            state="approved",
            proposed_by=self.chi,
            decided_by=self.an,
        )
        FactorProposal.objects.create(
            account=self.em, evidence=f"Theo {AN}", ticket="1", proposed_by=self.an
        )
        AuditEvent.record(AuditEvent.Event.LOCKED, self.em, actor=self.an, why=f"Theo {AN}")
        AuditEvent.record(AuditEvent.Event.LOCKED, self.an, actor=self.chi, why=NAME)
        self.noted = chain.verify()

    @override_settings(DOVEADM_URL="http://127.0.0.1:1/", DOVEADM_API_KEY="x")
    def test_nothing_of_the_person_is_left_and_the_trail_is_whole(self):
        self.assertRegex(everything(), NAME)
        sessions = Session.objects.filter(account=self.an)
        self.assertTrue(sessions.exists())
        self.assertEqual(self.noted.faults, [])

        self.confirm(self.proposed())

        kicks = Message.objects.filter(channel="kick")
        self.assertEqual(list(kicks.values_list("to", "to_masked")), [(AN, "")])
        kicks.delete()
        held = everything()
        for trace in (AN, "ly.an@", NAME, PHONE[1:], "912345678"):
            with self.subTest(trace):
                self.assertNotIn(trace, held)
        self.assertFalse(sessions.exists())
        self.assertFalse(Message.objects.filter(state="queued").exclude(channel="kick").exists())
        self.assertEqual(chain.verify(self.noted.head).faults, [])
        call_command("verify_audit", "--all", "--through", self.noted.head, stdout=io.StringIO())
        with connection.cursor() as cursor:
            for view in ("passdb", "userdb", "aliases", "senders", "reach", "logins"):
                cursor.execute(f"SELECT v::text FROM mail_{view} AS v")
                self.assertNotIn("an@hagiang", str(cursor.fetchall()).replace("van.an@", ""))
        self.assert_hotline_sees_that_it_is_gone()

    def assert_hotline_sees_that_it_is_gone(self):
        page = self.desks[3].get(f"/ho-tro/tai-khoan/{self.em.pk}/")
        self.assertContains(page, "(đã xóa)")
        gone = AuditEvent.objects.filter(account=self.an.pk).earliest("pk")
        for page in ("", f"{gone.pk}/change/", "xuat/"):
            r = self.desks[3].get(f"/quan-tri/accounts/auditevent/{page}")
            text = b"".join(r.streaming_content) if r.streaming else r.content
            self.assertIn(f"(đã xóa) {self.an.pk}".encode(), text)
        page = self.desks[3].get(f"/ho-tro/tai-khoan/{self.an.pk}/")
        self.assertEqual(page.status_code, 404)
        self.assertContains(self.desks[3].get("/quan-tri/phieu-kich-hoat/"), "(đã xóa)")

    def test_to_a_stranger_it_is_an_address_that_nobody_has(self):
        granted = Client()
        self.guess(newest_code(), granted)
        self.confirm(self.proposed())
        seen = {}
        for name in ("an", "khong.co"):
            stranger = Client()
            pages = [
                stranger.post(LOGIN, {"username": name, "password": PASSWORD}),
                stranger.post(ASK, {"address": name}),
                stranger.get(CODE),
            ]
            seen[name] = [(r.status_code, r.headers.get("Location")) for r in pages]
        self.assertEqual(seen["an"][0], seen["khong.co"][0])
        self.assertRedirects(self.client.get("/"), "/dang-nhap/?next=/")
        self.assertEqual(granted.post(cast.NEW, {}).status_code, 302)

    def test_the_address_and_its_alias_are_kept_for_as_long_as_is_set(self):
        with override_settings(ADDRESS_QUARANTINE_DAYS=30):
            self.confirm(self.proposed())

        ends = AddressQuarantine.objects.ends([AN, "ly.an@hagiang.gov.vn"])
        self.assertEqual(len(ends), 2)
        for until in ends.values():
            self.assertEqual((until - timezone.now()).days, 29)


class AtOnceTests(Removing, TransactionTestCase):
    def test_two_confirm_at_once_and_it_is_done_once(self):
        removal = self.proposed()

        answers = at_once(lambda number: self.confirm(removal, by=number + 2).content.decode(), 2)

        self.assertEqual(sum("Đã xác nhận. Danh sách" in answer for answer in answers), 1)
        self.assertEqual(AuditEvent.objects.filter(event="account-removed").count(), 1)
        self.assertEqual(chain.verify().faults, [])

    def test_who_logs_in_first_stays(self):
        removal = self.proposed()
        rules.confirm(removal, by=Account.objects.get(address__startswith="it.2@"))
        done = []

        def carry_out():
            with closing(connection):
                done.extend(rules.carry_out(removal))

        with transaction.atomic():
            self.log_in("an")
            thread = threading.Thread(target=carry_out)
            thread.start()
            wait_for(waiting_for_locks, "the removal to wait for the account")
        thread.join(PATIENCE)

        self.assertEqual(done, ["changed"])
        self.assertTrue(self.is_there(self.an))

    def test_who_is_removed_during_the_log_in_is_unknown(self):
        removal = self.proposed()
        rules.confirm(removal, by=Account.objects.get(address__startswith="it.2@"))
        answers = []

        def come_in():
            with closing(connection):
                r = self.log_in("an", client=Client())
                answers.append((r.status_code, r.context and r.context["form"].errors.as_text()))

        with transaction.atomic():
            rules.carry_out(removal)
            thread = threading.Thread(target=come_in)
            thread.start()
            wait_for(waiting_for_locks, "the log-in to wait for the account")
        thread.join(PATIENCE)

        unknown = self.log_in("khong.co", client=Client())
        errors = unknown.context["form"].errors.as_text()
        self.assertEqual(answers, [(unknown.status_code, errors)])
        self.assertFalse(Session.objects.filter(account=self.an.pk).exists())

    def test_who_is_removed_while_they_do_something_is_nobody_afterwards(self):
        posts = {
            "/cau-hinh/thong-tin/an@hagiang.gov.vn/": {"phone": "0912000777"},
            "/cau-hinh/mat-khau/": {
                "password": cast.PASSWORD,
                "new_password1": cast.NEW_PASSWORD,
                "new_password2": cast.NEW_PASSWORD,
            },
            "/cau-hinh/du-lieu/yeu-cau/": {"kind": "erase", "text": "Xóa giúp tôi"},
        }
        browsers = {page: Client(raise_request_exception=False) for page in posts}
        for browser in browsers.values():
            self.log_in("an", client=browser)
        removal = self.proposed()
        rules.confirm(removal, by=Account.objects.get(address__startswith="it.2@"))
        answers = {}

        def post(page):
            with closing(connection):
                answers[page] = browsers[page].post(page, posts[page]).status_code

        with transaction.atomic():
            rules.carry_out(removal)
            threads = [threading.Thread(target=post, args=[page]) for page in posts]
            for thread in threads:
                thread.start()
            wait_for(waiting_for_locks, "somebody to wait for the account")
        for thread in threads:
            thread.join(PATIENCE)

        self.assertEqual(dict.fromkeys(posts, 302), answers)
        self.assertFalse(self.is_there(self.an))

    def test_staff_who_wait_for_an_account_that_goes_find_no_such_page(self):
        removal = self.proposed()
        second = Account.objects.get(address__startswith="it.2@")
        rules.confirm(removal, by=second)
        desk, today = Client(raise_request_exception=False), timezone.localdate()
        self.come_in(second, client=desk)
        campaign = PhoneCampaign.objects.create(
            kinds=["person"], reminder_days=[today], asked_first_from=today, postponements=0
        )
        campaign.units.add(self.office)
        page = f"/quan-tri/chien-dich/so-dien-thoai/{campaign.pk}/nguoi/{self.an.pk}/mien/"
        answers = []

        def excuse():
            with closing(connection):
                answers.append(desk.post(page, {"why": "Không có máy"}).status_code)

        with transaction.atomic():
            rules.carry_out(removal)
            thread = threading.Thread(target=excuse)
            thread.start()
            wait_for(waiting_for_locks, "somebody to wait for the account")
        thread.join(PATIENCE)

        self.assertEqual(answers, [404])


class WorkerTests(Removing, TransactionTestCase):
    def test_a_long_list_is_left_to_the_worker_and_may_be_broken_off(self):
        departed = [Account(address=f"p{n}@hagiang.gov.vn", unit=self.office) for n in range(205)]
        Account.objects.bulk_create(departed)
        people = Account.objects.filter(address__regex="^p[0-9]")
        people.update(is_active=False)
        removal = rules.propose(
            people, why="x", by=Account.objects.get(address__startswith="it.1@")
        )
        self.assertContains(self.confirm(removal), "Đang xóa, còn 205 tài khoản")
        rules._remove_some(removal.pk)
        self.assertEqual(people.count(), 205 - rules.CHUNK)

        out = io.StringIO()
        call_command("run_removals", stdout=out)

        self.assertIn(f"removed: {205 - rules.CHUNK}\n", out.getvalue())
        self.assertFalse(people.exists())
        self.assertEqual(Removal.objects.get().state, "done")
        self.assertEqual(chain.verify().faults, [])
