"""What a second look at the staff's side found, and must not come back."""

import io
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import Client, TestCase
from django.utils import timezone

from accounts.access.login import FAILURES
from accounts.credentials import phone_proposals
from accounts.credentials.passwords import change_password
from accounts.credentials.refusals import NotNow
from accounts.hotline import overview, remedies
from accounts.models import Account, AuditEvent, PhoneProposal, Unit
from accounts.models.audit_event import Ground
from otp.counting import limits
from otp.models import Code, Message
from otp.outbox import NUMBER_CAP
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD, wind_back, wrong_code

GROUND = {"why": "người gọi báo", "ticket": "P-1"}


class StaffTestCase(cast.Cast, TestCase):
    """Lan is IT of the province, Mai sits at the hotline."""

    def setUp(self):
        self.set_up_people()
        self.lan = cast.make_staff("lan", "province-it")
        self.mai = cast.make_staff("mai", "hotline")
        self.come_in(self.mai)

    def act(self, slug, account=None, **ground):
        page = f"/ho-tro/tai-khoan/{(account or self.an).pk}/{slug}/"
        return self.client.post(page, GROUND | ground, follow=True)

    def look(self, words, unit=""):
        return self.client.post("/ho-tro/", {"words": words, "unit": unit})

    def propose(self, account=None, by=None):
        return phone_proposals.propose(
            account or self.an,
            "+84912345671",
            evidence="x",
            ticket="1",
            by=by or self.lan,
        )


class WordsTests(StaffTestCase):
    def test_no_way_to_write_a_number_gets_into_the_trail(self):
        for why in (
            "0987-466-981",
            "(098) 7466981",
            "0987  466  981",
            "0987,466,981",
            "0987\u00a0466\u00a0981",
            "gọi ngày 22/11/2026 số +84987466981",
            "０９８７４６６９８１",
        ):
            with self.subTest(why):
                self.assertContains(self.act("khoa", why=why), "Đừng ghi số điện thoại")
        for ticket in ("SĐT 0987466981", "P0987466981", "0987.466.981"):
            with self.subTest(ticket):
                self.assertContains(self.act("khoa", ticket=ticket), "Đây là số điện thoại")
        self.assertFalse(AuditEvent.objects.filter(event="locked").exists())

    def test_a_campaign_s_words_are_kept_as_strictly(self):
        self.come_in(self.lan)
        unit = Unit.objects.create(name="Sở Y tế")
        data = {"name": "x", "basis": "y", "first_day": "01/12/2099", "units": [unit.pk]}
        for changed in ({"name": "gọi 0987466981"}, {"basis": "0987 466 981"}, {"name": "\0"}):
            with self.subTest(changed):
                r = self.client.post("/quan-tri/chien-dich/moi/", data | changed)

                self.assertEqual(r.status_code, 200)

    def test_nothing_but_nul_is_no_ground(self):
        self.assertContains(self.act("khoa", why="\0", ticket="\0"), "Hãy ghi lý do.")
        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_odd_signs_are_looked_for_like_others(self):
        for words in ("a½b", "¼½¾⅓⑴⑵", "ŉ", "đ'đ", "\\", "Ⅷ", "a b c d e f g h"):
            for fields in ((words, ""), ("", words), (words, words)):
                with self.subTest(fields):
                    self.assertIn(self.look(*fields).status_code, (200, 302))

    def test_nul_in_a_page_s_address_is_answered(self):
        self.come_in(self.lan)
        for page in (
            "accounts/account/?kind__exact=%00",
            "accounts/auditevent/?event__exact=%00",
            "otp/message/?state__exact=%00",
            "accounts/auditevent/xuat/?at__gte=%00",
        ):
            with self.subTest(page):
                self.assertEqual(self.client.get(f"/quan-tri/{page}").status_code, 400)

    def test_a_filter_that_cannot_be_read_is_no_fault_of_the_portal(self):
        self.come_in(self.lan)
        for query in ("at__gte=abc", "at__year=0", "ok__exact=7"):
            with self.subTest(query):
                r = self.client.get(f"/quan-tri/accounts/auditevent/xuat/?{query}")

                self.assertIn(r.status_code, (302, 400))


class NumberTests(StaffTestCase):
    def test_a_number_is_not_read_out_digit_by_digit(self):
        for digits in ("7466981", "87466981", "987466981"):
            with self.subTest(digits):
                self.assertEqual(self.look(digits).context["found"].people, [])
        for digits in ("6981", "466981", "0987466981"):
            with self.subTest(digits):
                self.assertEqual(self.look(digits).status_code, 302)


class ProposalTests(StaffTestCase):
    def approve(self, proposal):
        phone_proposals.approve(proposal, by=self.mai)

    def test_one_whose_proposer_is_staff_no_longer_is_not_approved(self):
        proposal = self.propose()
        Account.objects.filter(pk=self.lan.pk).update(locked_at=timezone.now())

        with self.assertRaises(NotNow):
            self.approve(proposal)

    def test_dismissal_takes_what_was_proposed_along(self):
        self.propose()

        call_command("create_staff", "lan", "--role", "none", stdout=io.StringIO())

        self.assertEqual(PhoneProposal.objects.get().phone, "")

    def test_one_that_the_owner_has_overtaken_is_not_approved(self):
        for column in ("phone_changed_at", "password_changed_at"):
            proposal = self.propose()
            Account.objects.filter(pk=self.an.pk).update(**{column: timezone.now()})
            with self.subTest(column), self.assertRaises(NotNow):
                self.approve(proposal)
            Account.objects.filter(pk=self.an.pk).update(**{column: None})
            phone_proposals.decline(proposal, by=self.lan)

    def test_a_new_password_drops_it(self):
        self.propose()

        change_password(self.an, NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_CHANGED)

        self.assertEqual(PhoneProposal.objects.get().state, "declined")

    def test_one_that_nobody_decided_forgets_its_number_at_night(self):
        self.propose()
        PhoneProposal.objects.update(proposed_at="2026-01-01T00:00:00Z")

        call_command("prune", stdout=io.StringIO())

        proposal = PhoneProposal.objects.get()
        self.assertEqual((proposal.state, proposal.phone), ("expired", ""))
        self.assertEqual(AuditEvent.objects.get(event="phone-declined").reason, "expired")

    def test_a_post_without_a_decision_decides_nothing(self):
        proposal = self.propose()

        self.client.post(f"/ho-tro/doi-so/{proposal.pk}/", {})

        proposal.refresh_from_db()
        self.assertEqual(proposal.state, "open")


class SentenceTests(StaffTestCase):
    def seen(self, account=None):
        account = account or self.an
        account.refresh_from_db()
        return overview.overview_of(account.address, account)

    def test_a_number_that_has_had_its_six(self):
        for _ in range(NUMBER_CAP.count):
            limits.charge(NUMBER_CAP, self.an.phone)

        self.assertIn("đã nhận đủ 6 mã trong 24 giờ", self.seen().sentence)

    def test_a_log_in_that_is_held(self):
        for _ in range(FAILURES.count):
            limits.charge(FAILURES, self.an.address)

        self.assertIn("Đăng nhập đang tạm dừng", self.seen().remarks[0])
        self.assertIn("yêu cầu mã ngay", self.seen().sentence)

    def test_a_default_password_that_opens_no_mail(self):
        Account.objects.filter(pk=self.em.pk).update(
            default_password_until=timezone.now(),
            phone="+84912000444",
            phone_confirmed_at=timezone.now(),
        )

        self.assertIn("không mở được thư nữa", self.seen(self.em).remarks[0])

    def test_a_new_number_that_is_closed_by_guessing(self):
        self.log_in(client=(an := Client()))
        page = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
        for _ in range(2):
            Code.objects.all().delete()
            an.post(page, {"phone": "0912 345 671", "password": PASSWORD})
            for _ in range(5):
                an.post(f"{page}xac-thuc/", {"code": wrong_code()})

        self.assertIn("xác nhận số điện thoại mới đang đóng", self.seen().remarks[0])

    def test_looking_does_not_push_out_what_happened(self):
        self.act("khoa")
        for _ in range(25):
            self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")

        self.assertIn("locked", [event.event for event in self.seen().events])

    def test_sessions_can_be_ended_where_only_a_mail_program_is_open(self):
        r = self.client.get(f"/ho-tro/tai-khoan/{self.binh.pk}/")

        self.assertContains(r, "Kết thúc các phiên đăng nhập")


class OnceADayTests(StaffTestCase):
    def close(self):
        for _ in range(2):
            Code.objects.all().delete()
            self.ask(client=(browser := Client()))
            for _ in range(5):
                self.guess(wrong_code(), browser)
        Code.objects.all().delete()

    def test_what_is_open_is_not_opened_again(self):
        self.assertContains(self.act("mo-lai"), "đang mở, không cần mở lại")
        self.assertFalse(AuditEvent.objects.filter(event="recovery-reopened").exists())

    def test_it_is_opened_once_a_day(self):
        self.close()
        self.act("mo-lai")
        self.close()

        with self.assertRaises(NotNow):
            remedies.reopen_recovery(self.an, actor=self.mai, ground=Ground())

        self.assertEqual(AuditEvent.objects.filter(event="recovery-reopened").count(), 1)

    def test_a_civil_servant_has_no_factor_to_reset(self):
        self.come_in(self.lan)

        self.assertContains(self.act("dat-lai-xac-thuc"), "không có xác thực hai lớp")

        self.assertFalse(Message.objects.filter(channel="mail").exists())


class TrailTests(StaffTestCase):
    def test_one_row_that_was_read_is_on_record(self):
        self.come_in(self.lan)
        pk = AuditEvent.objects.first().pk

        self.client.get(f"/quan-tri/accounts/auditevent/{pk}/change/")

        self.assertEqual(AuditEvent.objects.get(event="audit-viewed").detail["row"], str(pk))

    def test_who_is_staff_no_longer_can_still_be_looked_for(self):
        self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")
        call_command("create_staff", "mai", "--role", "none", stdout=io.StringIO())
        self.come_in(self.lan)

        r = self.client.get("/quan-tri/accounts/auditevent/")

        self.assertContains(r, f"?staff={self.mai.pk}")

    def test_a_lock_by_hand_counts_as_work_whatever_its_ticket(self):
        self.act("khoa", ticket="campaign-1")

        self.assertEqual(AuditEvent.objects.get(event="locked").reason, "")

    def test_new_recovery_codes_need_the_password_and_are_told(self):
        page = "/cau-hinh/xac-thuc-hai-lop/"
        self.client.post(page)
        self.assertEqual(Message.objects.get(channel="mail").to, self.mai.address)
        wind_back(minutes=11)

        r = self.client.post(page)

        self.assertRedirects(r, "/dang-nhap/")
        self.assertEqual(AuditEvent.objects.filter(event="recovery-codes-made").count(), 1)


class CreateStaffTests(TestCase):
    def test_the_person_s_own_name_is_no_password(self):
        for password in ("HuongGiang#1990", "Lehuonggiang-1"):
            with (
                self.subTest(password),
                mock.patch("sys.stdin", io.StringIO(f"{password}\n")),
                self.assertRaises(CommandError),
            ):
                call_command("create_staff", "h", "--role", "hotline", "--name", "Lê Hương Giang")

    def test_a_role_takes_the_place_of_every_right(self):
        cast.make_staff("sep")

        call_command("create_staff", "sep", "--role", "auditor", stdout=io.StringIO())

        self.assertFalse(Account.objects.get().is_superuser)


class UnitItTests(StaffTestCase):
    def test_nobody_is_put_out_of_every_unit_s_sight(self):
        unit = Unit.objects.create(name="Sở Y tế")
        Account.objects.filter(pk=self.an.pk).update(unit=unit)
        self.come_in(cast.make_staff("hoa", "unit-it", unit=unit))
        fields = {"full_name": "X", "kind": "person", "unit": "", "is_active": "on"}

        self.client.post(
            f"/quan-tri/accounts/account/{self.an.pk}/change/", fields | cast.NO_ALIASES
        )

        self.an.refresh_from_db()
        self.assertEqual((self.an.unit, self.an.full_name), (unit, "Lý Văn An"))
