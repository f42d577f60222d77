"""The hotline: one look says how somebody stands; what helps is done with a ground, on record."""

import re

from django.test import Client, TestCase, TransactionTestCase
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import locks
from accounts.hotline import remedies
from accounts.models import AuditEvent, DailyHelp, Session
from accounts.models.audit_event import Ground
from otp import codes
from otp.models import Code, Message, Purpose
from tests.support import cast
from tests.support.cast import newest_code, wrong_code
from tests.support.clock import Clock, let_pass
from tests.support.crowd import at_once
from tests.support.forms import drawn_from

GROUND = {"why": "người gọi báo không nhận được tin", "ticket": "P-2026-0017"}
# Where a check of the caller is asked for; it is looked at in test_caller_check.py.
UNCHECKED = {"unchecked": "quen giọng"}


def page_of(account, action=""):
    return f"/ho-tro/tai-khoan/{account.pk}/{action}{'/' if action else ''}"


class Desk(cast.Cast):
    """Mai sits at the hotline."""

    def setUp(self):
        self.set_up_people()
        self.mai = cast.make_staff("mai", "hotline")
        self.come_in(self.mai)
        self.caller = Client(REMOTE_ADDR="203.0.113.7")

    def see(self, account=None):
        return self.client.get(page_of(account or self.an))

    def do(self, action, account=None, client=None, **ground):
        page, client = page_of(account or self.an, action), client or self.client
        return client.post(
            page, GROUND | UNCHECKED | ground | drawn_from(client, page), follow=True
        )

    def word_given(self, account=None):
        """Grant an extra code and read the word that the page shows."""
        r = self.do("cap-them-ma", account)
        return re.search(r'<p class="number">([^<]+)</p>', r.content.decode())[1]

    def ask_with(self, word, address="an", client=None):
        """Send step 1 with the hotline's word."""
        data = {"address": address, "word": word}
        return (client or self.caller).post(cast.ASK, data)

    def sentence(self, account=None):
        return self.see(account).context["overview"].sentence

    def spend_the_day(self):
        """Ask for both codes of the day, as a stranger might."""
        self.ask(client=self.caller)
        let_pass(self, minutes=6)
        self.ask(client=Client(REMOTE_ADDR="198.51.100.1"))
        let_pass(self, minutes=6)

    def guess_wrong(self, times):
        for n in range(times):
            if n % 5 == 0:
                Code.objects.all().delete()
                self.ask(client=self.caller)
            self.guess(wrong_code(), self.caller)


class ExtraCodeTests(Desk, TestCase):
    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)  # on one day, whenever the tests run
        super().setUp()

    def test_a_stranger_burns_the_day_and_the_owner_finishes_the_same_day(self):
        """QU-07: seen, undone, and the page had said from when."""
        self.spend_the_day()
        refused = self.ask(client=self.caller)
        self.assertContains(refused, "00:00")
        self.assertContains(self.see(), "Cấp thêm một mã hôm nay")

        self.assertContains(refused, "Từ do hotline đọc")
        word = self.word_given()

        self.ask_with(word.replace(" ", "-").upper())
        self.guess(newest_code(), self.caller)
        self.assertEqual(self.choose(client=self.caller).status_code, 302)
        event = AuditEvent.objects.get(event="code-granted")
        self.assertEqual((event.actor, event.account), (self.mai, self.an))
        self.assertEqual(event.detail, GROUND | UNCHECKED)

    def test_once_a_day(self):
        self.spend_the_day()
        self.ask_with(self.word_given())
        let_pass(self, minutes=6)

        self.assertNotContains(self.see(), "Cấp thêm một mã hôm nay")
        self.assertContains(self.do("cap-them-ma"), "đã được cấp thêm một mã rồi")

        self.assertEqual(Code.objects.filter(voided=True).count(), 1)

    def test_not_where_codes_are_left(self):
        self.ask(client=self.caller)

        r = self.do("cap-them-ma")

        self.assertContains(r, "còn lượt yêu cầu mã hôm nay")
        self.assertFalse(DailyHelp.objects.exists())
        self.assertFalse(AuditEvent.objects.filter(event="code-granted").exists())

    def test_the_five_minutes_stay(self):
        self.ask(client=self.caller)
        let_pass(self, minutes=6)
        self.ask(client=Client())

        word = self.word_given()

        self.assertContains(self.ask_with(word), "Chưa gửi mã mới")
        let_pass(self, minutes=6)
        self.assertEqual(self.ask_with(word).status_code, 302)

    def test_the_next_day_has_its_own(self):
        clock = Clock(self, 2026, 11, 23, 9, 0)
        for day in (23, 24):
            clock.to(2026, 11, day, 9, 0)
            self.ask(client=Client())
            clock.forward(minutes=6)
            self.ask(client=Client())
            clock.forward(minutes=6)
            with self.subTest(day):
                remedies.give_extra_code(self.an, actor=self.mai, ground=Ground())
        self.assertEqual(DailyHelp.objects.count(), 2)


class ExtraCodeRaceTests(cast.Cast, TransactionTestCase):
    def test_of_many_at_once_one_is_given(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)  # on one day, whenever the tests run
        self.set_up_people()
        mai = cast.make_staff("mai", "hotline")
        for at in (12, 6):
            codes.issue(self.an.address, Purpose.RECOVERY, nonce="x")
            let_pass(self, minutes=at)

        def give(_):
            try:
                remedies.give_extra_code(self.an, actor=mai, ground=Ground())
            except remedies.NotNow:
                return False
            return True

        given = at_once(give, 8)

        self.assertEqual(sum(given), 1)
        self.assertEqual(DailyHelp.objects.count(), 1)


class ReopenTests(Desk, TestCase):
    def test_after_ten_wrong_guesses_the_hotline_opens_again(self):
        self.guess_wrong(10)
        Code.objects.all().delete()
        self.assertContains(self.see(), "Mở lại việc lấy lại mật khẩu")

        self.assertContains(self.do("mo-lai"), "Đã mở lại")

        self.ask(client=self.caller)
        self.assertEqual(self.guess(newest_code(), self.caller).status_code, 302)
        self.assertEqual(AuditEvent.objects.get(event="recovery-reopened").actor, self.mai)

    def test_it_is_not_offered_where_nothing_is_closed(self):
        self.assertNotContains(self.see(), "Mở lại việc lấy lại mật khẩu")

    def test_what_is_open_is_not_opened_again(self):
        self.assertContains(self.do("mo-lai"), "đang mở, không cần mở lại")
        self.assertFalse(AuditEvent.objects.filter(event="recovery-reopened").exists())

    def test_it_is_opened_once_a_day(self):
        self.guess_wrong(10)
        Code.objects.all().delete()
        self.do("mo-lai")
        self.guess_wrong(10)
        Code.objects.all().delete()

        with self.assertRaises(remedies.NotNow):
            remedies.reopen_recovery(self.an, actor=self.mai, ground=Ground())

        self.assertEqual(AuditEvent.objects.filter(event="recovery-reopened").count(), 1)


class LockTests(Desk, TestCase):
    def test_lock_and_unlock_undo_each_other(self):
        self.log_in(client=self.caller)
        self.assertContains(self.do("khoa"), "Đã khóa tài khoản.")
        self.assertEqual(self.caller.get("/").status_code, 302)
        self.assertContains(self.log_in(client=self.caller), "chưa đúng")

        self.assertContains(self.do("mo-khoa"), "Đã mở khóa tài khoản.")

        self.assertEqual(self.log_in(client=self.caller).status_code, 302)
        for event in ("locked", "unlocked"):
            row = AuditEvent.objects.get(event=event)
            self.assertEqual((row.actor, row.detail["ticket"]), (self.mai, GROUND["ticket"]))

    def test_sessions_end(self):
        self.log_in(client=self.caller)

        self.assertContains(self.do("ket-thuc-phien"), "Đã kết thúc các phiên")

        self.assertFalse(Session.objects.filter(account=self.an).exists())
        self.assertEqual(AuditEvent.objects.get(event="sessions-cut").actor, self.mai)


class GroundTests(Desk, TestCase):
    def test_nothing_is_done_on_a_get_or_without_a_ground(self):
        self.log_in(client=self.caller)
        for action in ("khoa", "ket-thuc-phien", "hien-so"):
            with self.subTest(action):
                self.assertContains(self.client.get(page_of(self.an, action)), "Lý do")
                r = self.do(action, why="", ticket="")

                self.assertContains(r, "Hãy ghi lý do.")
                self.assertContains(r, "Hãy ghi số phiếu.")
        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)
        self.assertTrue(Session.objects.filter(account=self.an).exists())

    def test_numbers_do_not_belong_into_it(self):
        for why in ("gọi từ 0987466981", "căn cước 001 199 012 345", "số 0987.466.981 nhé"):
            with self.subTest(why):
                self.assertContains(self.do("khoa", why=why), "Đừng ghi số điện thoại")
        self.assertContains(self.do("khoa", ticket="0987466981"), "Đây là số điện thoại")
        self.assertFalse(AuditEvent.objects.filter(event="locked").exists())

    def test_dates_and_numbers_of_papers_may_stand_there(self):
        r = self.do("khoa", why="công văn 123/CV ngày 22/11/2026", ticket="2026-11-22-000123")

        self.assertContains(r, "Đã khóa tài khoản.")

    def test_there_are_no_other_actions(self):
        self.assertEqual(
            self.client.post(page_of(self.an, "doi-mat-khau"), GROUND).status_code, 404
        )

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
                self.assertContains(self.do("khoa", why=why), "Đừng ghi số điện thoại")
        for ticket in ("SĐT 0987466981", "P0987466981", "0987.466.981"):
            with self.subTest(ticket):
                self.assertContains(self.do("khoa", ticket=ticket), "Đây là số điện thoại")
        self.assertFalse(AuditEvent.objects.filter(event="locked").exists())

    def test_nothing_but_nul_is_no_ground(self):
        self.assertContains(self.do("khoa", why="\0", ticket="\0"), "Hãy ghi lý do.")
        self.an.refresh_from_db()
        self.assertFalse(self.an.is_locked)

    def test_a_lock_by_hand_counts_as_work_whatever_its_ticket(self):
        self.do("khoa", ticket="campaign-1")

        self.assertEqual(AuditEvent.objects.get(event="locked").reason, "")


class RevealTests(Desk, TestCase):
    def test_the_whole_number_is_shown_once_with_a_ground_and_for_a_minute(self):
        self.assertNotContains(self.client.get(page_of(self.an, "hien-so")), "466981")

        r = self.do("hien-so")

        self.assertContains(r, "0987466981")
        self.assertEqual(r.headers["Refresh"], f"60; url={page_of(self.an)}")
        self.assertEqual(r.headers["Cache-Control"], "no-store")
        self.assertNotContains(self.see(), "466981")
        event = AuditEvent.objects.get(event="phone-revealed")
        self.assertEqual((event.actor, event.account), (self.mai, self.an))
        self.assertNotIn("466981", str(event.detail))

    def test_there_is_nothing_to_show_of_somebody_without_one(self):
        self.assertEqual(self.do("hien-so", self.binh).status_code, 404)
        self.assertNotContains(self.see(self.binh), "Hiện đủ số")

    def test_the_owner_sees_that_it_was_read(self):
        self.do("hien-so")
        self.log_in(client=self.caller)

        r = self.caller.get("/cau-hinh/hoat-dong/")

        self.assertContains(r, "Xem đủ số điện thoại")
        self.assertNotContains(r, "Xem thông tin tài khoản")


class ColleagueTests(Desk, TestCase):
    """AD-04: helping is no way to a colleague's account, or round one's own limits."""

    def test_the_hotline_does_nothing_to_staff_or_to_itself(self):
        khoa = cast.make_staff("khoa", "hotline", phone="+84912000555")
        for account in (khoa, self.mai, cast.make_staff("sep")):
            for action in ("khoa", "ket-thuc-phien", "hien-so", "dat-lai-xac-thuc"):
                with self.subTest(account=account.address, action=action):
                    self.assertEqual(self.do(action, account).status_code, 403)
            self.assertNotContains(self.see(account), "Việc có thể làm")

    def test_it_of_the_province_resets_a_colleague_s_factor(self):
        self.come_in(cast.make_staff("lan", "province-it"))

        r = self.do("dat-lai-xac-thuc", self.mai)

        self.assertContains(r, "Đã đặt lại xác thực hai lớp.")
        self.assertFalse(TOTPDevice.objects.filter(user=self.mai).exists())

    def test_but_not_its_own_and_not_a_superuser_s(self):
        lan = cast.make_staff("lan", "province-it")
        sep = cast.make_staff("sep")
        self.come_in(lan)

        for account in (lan, sep):
            self.assertEqual(self.do("dat-lai-xac-thuc", account).status_code, 403)
            self.assertEqual(self.do("khoa", account).status_code, 403)

    def test_a_civil_servant_has_no_factor_to_reset(self):
        self.come_in(cast.make_staff("lan", "province-it"))

        self.assertContains(self.do("dat-lai-xac-thuc"), "không có xác thực hai lớp")

        self.assertFalse(Message.objects.filter(channel="mail").exists())


class LateTests(Desk, TestCase):
    def test_what_somebody_else_has_done_meanwhile_is_said(self):
        locks.lock(self.an, actor=self.mai)
        self.assertContains(self.do("khoa"), "Tài khoản đã bị khóa từ trước.")
        locks.unlock(self.an, actor=self.mai)

        self.assertContains(self.do("mo-khoa"), "Tài khoản không bị khóa.")
