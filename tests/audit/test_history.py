"""Strangers hide nothing: what they try is folded, whatever its number (GO-07)."""

import datetime as dt

from django.test import Client, TestCase
from django.utils import timezone

from accounts import caller
from accounts.audit import history
from accounts.models import AuditEvent
from otp.counting import keyed_names
from otp.models import OFFICE_ZONE
from tests.support import cast
from tests.support.clock import Clock

ACTIVITY = "/cau-hinh/hoat-dong/"
NEW = "Đăng nhập từ thiết bị mới"
Event = AuditEvent.Event


class Histories(cast.Cast, TestCase):
    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 12, 0)
        self.set_up_people()
        self.log_in()

    def happened(self, *events, account=None, ok=True, at=None, every=dt.timedelta(), client=None):
        """Write rows of the trail, the first at a moment of this morning."""
        at = at or dt.datetime(2026, 3, 2, 8, 0, tzinfo=OFFICE_ZONE)
        rows = [
            AuditEvent(
                event=event,
                account=account or self.an,
                ok=ok,
                at=at + n * every,
                client=client or f"198.51.100.{n % 2}",
                address_key=keyed_names.name_of("address", self.an.address),
            )
            for n, event in enumerate(events)
        ]
        AuditEvent.objects.bulk_create(rows)

    def page(self, query=""):
        return self.client.get(f"{ACTIVITY}?{query}")

    def lines(self, query=""):
        return [entry.sentence for entry in self.page(query).context["history"].entries]


class FoldingTests(Histories):
    def test_what_only_a_newer_release_knows_is_shown_as_it_stands(self):
        self.happened("not-yet-known")
        self.happened(*["not-yet-failed"] * 2, ok=False)

        lines = self.lines()

        self.assertIn("not-yet-known", lines)
        self.assertIn("2 lần: not-yet-failed, 08:00", lines)

    def test_a_reset_is_seen_however_many_tries_follow(self):
        self.happened(Event.PASSWORD_RESET, at=timezone.now() - dt.timedelta(hours=5))
        self.happened(*[Event.LOGIN_FAILED] * 52, ok=False, every=dt.timedelta(seconds=83))

        r = self.page()

        self.assertContains(r, "52 lần nhập sai mật khẩu, 08:00–09:10")
        self.assertContains(r, "Từ 2 địa chỉ IP")
        self.assertContains(r, "Lấy lại mật khẩu bằng tin nhắn")
        self.assertEqual(
            self.lines(),
            [
                NEW,
                "Đăng nhập",
                "52 lần nhập sai mật khẩu, 08:00–09:10",
                "Lấy lại mật khẩu bằng tin nhắn",
            ],
        )

    def test_so_does_the_hotline(self):
        self.happened(Event.PHONE_CHANGED, at=timezone.now() - dt.timedelta(hours=5))
        self.happened(*[Event.LOGIN_FAILED] * 500, ok=False, every=dt.timedelta(seconds=9))
        hoa = cast.make_staff("hoa", role="hotline")
        self.come_in(hoa, client=(desk := Client()))

        r = desk.get(f"/ho-tro/tai-khoan/{self.an.pk}/")

        self.assertContains(r, "500 lần nhập sai mật khẩu, 08:00–09:14")
        self.assertContains(r, "Đổi số điện thoại")
        self.assertContains(r, "hoa@hagiang.gov.vn", count=1)

    def test_by_the_door_it_is_the_same(self):
        for n in range(3):
            self.log_in(password="sai", client=Client(REMOTE_ADDR=f"198.51.100.{n}"))
            self.clock.forward(minutes=5)

        self.assertContains(self.page(), "3 lần nhập sai mật khẩu, 12:00–12:10")
        self.assertContains(self.page(), "Từ 3 địa chỉ IP")

    def test_one_try_is_told_as_ever(self):
        self.happened(Event.LOGIN_FAILED, ok=False)

        r = self.page()

        self.assertContains(r, "Đăng nhập không thành công")
        self.assertContains(r, "08:00 02/03/2026")
        self.assertContains(r, "198.51.100.0")

    def test_that_something_failed_is_said_once(self):
        failures = (
            *(Event.LOGIN_FAILED, Event.LOGIN_HELD, Event.CODE_WRONG, Event.CODE_SPENT),
            *(Event.SLIP_WRONG, Event.FACTOR_WRONG, Event.CALLER_WRONG, Event.WEBMAIL_REUSED),
        )
        self.happened(*failures, *failures[:2], ok=False)
        page = self.page()
        self.assertContains(page, "event__sentence--failed", count=len(failures))
        self.assertNotContains(page, "badge--warning")

        self.happened("not-yet-failed", ok=False)

        self.assertContains(self.page(), "badge--warning", count=1)

    def test_each_kind_has_a_line_between_any_two_things(self):
        minute = dt.timedelta(minutes=1)
        start = dt.datetime(2026, 3, 2, 7, 0, tzinfo=OFFICE_ZONE)
        for n in range(3):
            at = start + n * dt.timedelta(hours=1)
            kinds = [Event.LOGIN_FAILED, Event.CODE_WRONG] * 4
            self.happened(*kinds, ok=False, at=at, every=minute)
            self.happened(Event.LOGGED_IN, at=at + 30 * minute)

        lines = self.lines()

        self.assertEqual(len(lines), 2 + 3 * 3)
        self.assertIn("4 lần nhập sai mật khẩu, 08:00–08:06", lines)
        self.assertIn("4 lần nhập sai mã xác thực, 08:01–08:07", lines)

    def test_days_are_named_where_there_are_several(self):
        self.happened(
            *[Event.LOGIN_FAILED] * 3,
            ok=False,
            at=dt.datetime(2026, 2, 27, 8, 0, tzinfo=OFFICE_ZONE),
            every=dt.timedelta(days=1),
        )

        self.assertIn("3 lần nhập sai mật khẩu, 08:00 27/02/2026 – 08:00 01/03/2026", self.lines())

    def test_codes_that_others_ask_for_are_folded_too(self):
        self.happened(Event.PASSWORD_CHANGED, at=timezone.now() - dt.timedelta(hours=5))
        for _ in range(2):
            self.ask(client=Client())
            self.clock.forward(minutes=6)

        self.assertEqual(self.lines()[0], "2 lần yêu cầu gửi mã: lấy lại mật khẩu, 12:00–12:06")

    def test_everything_that_may_fail_has_words(self):
        for event in Event:
            self.happened(event, event, ok=False)

        lines = self.lines()

        self.assertEqual(sum("2 lần" in line for line in lines), len(Event) - 1)  # no views


class PageTests(Histories):
    def test_there_are_older_pages_and_a_way_back(self):
        morning = dt.timedelta(minutes=1)
        self.happened(*[Event.LOGGED_IN] * 70, every=morning)
        self.happened(*[Event.LOGIN_FAILED] * 70, ok=False, every=morning)

        seen = []
        query, turned = "", 0
        while True:
            page = self.page(query).context["history"]
            seen += [entry for entry in page.entries if entry.event == Event.LOGGED_IN]
            turned += sum(e.count for e in page.entries if e.event == Event.LOGIN_FAILED)
            if not page.older:
                break
            query = page.older

        self.assertEqual(len(seen), 71)
        self.assertEqual(turned, 70)
        self.assertContains(self.page(query), "Mới hơn")
        self.assertNotContains(self.page(query), "Cũ hơn")

    def test_the_last_changes_are_on_the_first_page_whoever_logs_in_after_them(self):
        self.happened(Event.PASSWORD_RESET, at=timezone.now() - dt.timedelta(days=9))
        self.happened(*[Event.LOGGED_IN, Event.LOGGED_OUT] * 60, every=dt.timedelta(minutes=1))

        self.assertEqual(self.lines()[-1], "Lấy lại mật khẩu bằng tin nhắn")

    def test_a_part_can_be_chosen(self):
        self.happened(Event.PASSWORD_CHANGED)
        self.happened(*[Event.LOGIN_FAILED] * 40, ok=False, every=dt.timedelta(minutes=1))

        self.assertEqual(self.lines("loc=da-lam"), [NEW, "Đăng nhập", "Đổi mật khẩu"])
        failed = self.lines("loc=khong-thanh-cong")
        self.assertEqual(set(failed), {"Đăng nhập không thành công"})
        self.assertEqual(len(failed), history.PAGE)
        self.assertEqual(len(self.lines("loc=khong-thanh-cong&trang=2")), 10)
        self.assertContains(self.page("loc=da-lam"), 'aria-current="page">Đăng nhập và thay đổi')

    def test_what_is_no_page_is_the_nearest(self):
        for query in (
            "trang=0",
            "trang=-1",
            "trang=x",
            "trang=99999999999999999999",
            "loc=x&trang=",
        ):
            self.assertEqual(self.page(query).status_code, 200, query)

    def test_who_has_done_nothing_sees_the_tries(self):
        AuditEvent.objects.filter(account=self.binh).count()
        self.happened(*[Event.LOGIN_FAILED] * 3, ok=False, account=self.binh)
        seen = history.read(AuditEvent.objects.concerning(self.binh), {})

        self.assertEqual([entry.count for entry in seen.entries], [3])

    def test_nobody_else_s_are_among_them(self):
        self.happened(Event.PASSWORD_RESET, account=self.binh)

        self.assertNotIn("Lấy lại mật khẩu bằng tin nhắn", self.lines())

    def test_the_number_of_statements_does_not_grow(self):
        self.page()
        with self.assertNumQueries(9):
            self.page()
        self.happened(*[Event.LOGGED_IN, Event.PASSWORD_RESET] * 50)
        self.happened(*[Event.LOGIN_FAILED] * 100, ok=False)
        with self.assertNumQueries(9):
            self.page()

    def tearDown(self):
        caller.enter(caller.NOBODY)
