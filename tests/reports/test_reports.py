"""The reports of IT: right sums up the tree, within one's scope, drawn, in tables and as files."""

import csv
import datetime as dt
import io
import re
import uuid
from html import unescape
from unittest import mock

import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, AuditEvent, Unit, UnitDay
from accounts.models.audit_event import Ground
from accounts.reports import history
from accounts.reports.history import Figures
from otp.counting import keyed_names
from otp.models import OFFICE_ZONE, Code, GatewayState, Message
from tests.support import cast
from tests.support.campaigning import REPORTS, Office
from tests.support.crowd import at_once
from tests.support.plans import plans_of

CODES, HELP = f"{REPORTS}ma/", f"{REPORTS}ho-tro/"
LINK = re.compile(
    r'<a class="(?:tile__link|figures__link)" href="(/quan-tri/[^"]+[?][^"]+)">([^<]+)</a>'
)


class ReportTestCase(Office, TestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()

    def rows(self, address, client=None):
        r = (client or self.client).get(address)
        self.assertEqual(r.status_code, 200, address)
        return list(csv.reader(io.StringIO(r.getvalue().decode("utf-8-sig"))))

    def lists_hold_what_figures_say(self, page, *, at_least):
        """Follow each figure of a page that is a link, and count what it leads to."""
        links = {
            unescape(href): figure
            for href, figure in LINK.findall(self.client.get(page).content.decode())
            if figure.isdecimal()
        }
        self.assertGreaterEqual(len(links), at_least)
        told = {href: figure for href, figure in links.items() if figure != "0"}
        for href, figure in (told | dict(list(links.items())[:20])).items():
            listed = self.client.get(href).context["cl"].result_count
            with self.subTest(page, href=href):
                self.assertEqual(f"{listed}", figure)

    def row(self, address, first, client=None):
        return next(row for row in self.rows(address, client) if row[0] == first)


class RoleTests(ReportTestCase):
    def pages(self):
        unit = f"{REPORTS}don-vi/{self.department.pk}/"
        own = [REPORTS, f"{REPORTS}theo-don-vi.csv", unit, f"{unit}theo-don-vi.csv"]
        return [*own, HELP, f"{HELP}theo-tuan.csv"], [CODES, f"{CODES}ma-tung-ngay.csv"]

    def test_who_may_open_which(self):
        own, whole = self.pages()
        self.log_in("an", client=(an := Client()))
        for client, statuses in (
            (an, (404, 404)),
            (self.inside(cast.make_staff("ho.tro", "hotline")), (403, 403)),
            (self.inside(self.unit_it), (200, 403)),
            (self.inside(cast.make_staff("kiem.tra", "auditor")), (200, 200)),
            (self.inside(self.province), (200, 200)),
        ):
            for pages, status in zip((own, whole), statuses, strict=True):
                for page in pages:
                    with self.subTest(page, status=status):
                        self.assertEqual(client.get(page).status_code, status)

    def test_without_a_log_in_or_second_factor_there_is_nothing(self):
        self.log_in("it.tinh")
        for pages in self.pages():
            for page in pages:
                self.assertTrue(Client().get(page).url.startswith("/dang-nhap/?next"), page)
                r = self.client.get(page)
                self.assertTrue(r.url.startswith("/dang-nhap/yeu-to-thu-hai/"), page)

    def test_it_of_a_unit_sees_its_own_unit_and_those_below(self):
        client = self.inside(self.unit_it)

        self.assertContains(client.get(REPORTS), "Sở Một")
        self.assertNotContains(client.get(REPORTS), "Sở Hai")
        self.assertNotContains(client.get(REPORTS), "Mã và tin nhắn")
        # Gam, Hoa and the IT itself.
        self.assertEqual(self.row(f"{REPORTS}theo-don-vi.csv", "Cộng", client)[1], "3")
        for unit, status in ((self.division, 200), (self.other, 404)):
            for page in ("", "theo-don-vi.csv", "tung-ngay.csv"):
                r = client.get(f"{REPORTS}don-vi/{unit.pk}/{page}")
                self.assertEqual(r.status_code, status)

    def test_it_of_a_unit_sees_help_given_to_its_own_people(self):
        for person in (self.gam, self.ky):
            AuditEvent.record(
                "code-granted",
                person,
                actor=self.province,
                why="Mất máy",
                ticket=f"HT-{person.pk}",
            )

        r = self.inside(self.unit_it).get(HELP)

        self.assertContains(r, f"HT-{self.gam.pk}")
        self.assertNotContains(r, f"HT-{self.ky.pk}")

    def test_the_menu_and_the_admin_lead_there_for_those_who_may(self):
        for staff, shown in (
            (self.province, True),
            (cast.make_staff("ho.tro", "hotline"), False),
        ):
            client = self.inside(staff)
            for page in ("/", "/quan-tri/"):
                with self.subTest(page, shown=shown):
                    found = f'href="{REPORTS}"' in client.get(page).content.decode()
                    self.assertEqual(found, shown)


class CoverageTests(ReportTestCase):
    def setUp(self):
        super().setUp()
        now = timezone.now()
        for n in range(3):
            cast.make(
                f"so{n}",
                unit=self.department,
                phone=f"+8491200000{n}",
                phone_confirmed_at=now,
                last_login=now,
            )
        cast.make("nghi", unit=self.department, is_active=False)
        cast.make("cho", unit=self.department, phone="+84912000111")  # not confirmed
        self.come_in(self.province)

    def test_a_unit_counts_those_below_it(self):
        # Of the department: Gam, three with a phone, one to be confirmed, its IT; of its
        # division: Hoa.
        self.assertEqual(
            self.row(f"{REPORTS}theo-don-vi.csv", "Sở Một"),
            ["Sở Một", "7", "3", "42,9", "2", "28,6", "4", "0"],
        )
        inner = f"{REPORTS}don-vi/{self.department.pk}/theo-don-vi.csv"
        self.assertEqual(self.row(inner, "Phòng Một")[1:6], ["1", "0", "0,0", "1", "100"])
        self.assertEqual(self.row(inner, "Riêng đơn vị này")[1], "6")
        self.assertEqual(self.row(inner, "Cộng")[1], "7")

    def test_the_sum_is_of_everybody_in_use(self):
        everybody = Account.objects.filter(is_active=True)
        row = self.row(f"{REPORTS}theo-don-vi.csv", "Cộng")

        self.assertEqual(row[1], str(everybody.count()))
        self.assertEqual(row[4], str(everybody.filter(has_default_password=True).count()))
        self.assertEqual(row[7], "1")  # Chi

    def test_accounts_of_no_unit_have_a_row(self):
        row = self.row(f"{REPORTS}theo-don-vi.csv", "Tài khoản chưa thuộc đơn vị nào")

        self.assertEqual(row[1], str(Account.objects.filter(is_active=True, unit=None).count()))

    def test_the_page_leads_down_and_up_again(self):
        self.assertContains(self.client.get(REPORTS), f"{REPORTS}don-vi/{self.department.pk}/")
        r = self.client.get(f"{REPORTS}don-vi/{self.division.pk}/")

        self.assertContains(r, f"{REPORTS}don-vi/{self.department.pk}/")
        self.assertContains(r, "<h1>Phòng Một</h1>", html=True)

    def test_a_deep_tree_and_a_ring_do_no_harm(self):
        parent = self.other
        for n in range(60):
            parent = Unit.objects.create(name=f"Tầng {n}", parent=parent)
        cast.make("sau", unit=parent)
        self.assertEqual(self.row(f"{REPORTS}theo-don-vi.csv", "Sở Hai")[1], "2")

        # PostgreSQL refuses a ring: the trigger is stepped round, as a restore may do.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE accounts_unit SET parent_id = %s WHERE id = %s",
                [parent.pk, self.other.pk],
            )
        for page in (REPORTS, f"{REPORTS}don-vi/{self.other.pk}/"):
            self.assertEqual(self.client.get(page).status_code, 200)

    def test_the_number_of_statements_does_not_grow_with_units(self):
        def statements():
            with CaptureQueriesContext(connection) as queries:
                self.client.get(REPORTS)
            return len(queries)

        before = statements()
        for n in range(30):
            cast.make(f"them{n}", unit=Unit.objects.create(name=f"Phòng {n}"))

        self.assertEqual(statements(), before)


class SnapshotTests(ReportTestCase):
    def test_each_unit_is_kept_once_a_day(self):
        for _ in range(2):
            call_command("snapshot", stdout=io.StringIO())

        row = UnitDay.objects.get(unit=self.department)
        self.assertEqual((row.day, row.accounts), (timezone.localdate(), 2))
        self.assertEqual(row.default_passwords, 1)
        self.assertEqual(UnitDay.objects.filter(unit=None).count(), 1)

    def test_run_again_it_brings_the_day_up_to_date(self):
        call_command("snapshot", stdout=io.StringIO())
        Account.objects.filter(pk=self.gam.pk).update(has_default_password=False)

        call_command("snapshot", stdout=io.StringIO())

        self.assertEqual(UnitDay.objects.get(unit=self.department).default_passwords, 0)

    def test_the_past_is_what_was_kept_and_today_is_now(self):
        yesterday = timezone.localdate() - dt.timedelta(days=1)
        for unit, phones in ((self.department, 4), (self.other, 1)):
            UnitDay.objects.create(
                unit=unit,
                day=yesterday,
                accounts=5,
                phones=phones,
                default_passwords=1,
                never_logged_in=0,
                locked=0,
            )
        address = f"{REPORTS}tung-ngay.csv"
        self.come_in(self.province)

        self.assertEqual(
            self.row(address, f"{yesterday:%d/%m/%Y}")[1:], ["10", "5", "50,0", "2", "20,0"]
        )
        today = self.row(address, f"{timezone.localdate():%d/%m/%Y}")
        self.assertEqual(today[1], str(Account.objects.filter(is_active=True).count()))
        mine = self.row(address, f"{yesterday:%d/%m/%Y}", self.inside(self.unit_it))
        self.assertEqual(mine[1:3], ["5", "4"])

    def test_the_day_is_the_office_s(self):
        late = dt.datetime(2026, 11, 22, 18, tzinfo=dt.UTC)  # after midnight in Hà Giang
        with time_machine.travel(late), timezone.override(dt.UTC):
            history.snapshot()

        self.assertEqual(UnitDay.objects.latest("day").day, dt.date(2026, 11, 23))

    def test_what_is_counted_is_what_is_kept(self):
        self.assertEqual(list(history.FIGURES), list(Figures.__dataclass_fields__))


class SnapshotsAtOnceTests(Office, TransactionTestCase):
    def test_they_keep_one_row_for_a_unit(self):
        self.set_up_people()
        self.set_up_office()

        counts = at_once(lambda n: history.snapshot(), crowd=8)

        self.assertEqual(counts, [UnitDay.objects.count()] * 8)
        self.assertEqual(UnitDay.objects.filter(unit=self.department).count(), 1)


def code(at, state, *, gateway="twilio", verified=False, reason="", key="", ordinal=1):
    issued = Code.objects.create(
        id=uuid.uuid4(),
        address_key=key or uuid.uuid4().hex,
        purpose="recovery",
        pepper_id="p",
        browser_key="b",
        issued_at=at,
        gap_until=at + dt.timedelta(minutes=5),
        expires_at=at + dt.timedelta(minutes=5),
        ordinal=ordinal,
        verified_at=at if verified else None,
    )
    Message.objects.create(
        code=issued,
        address_key=issued.address_key,
        channel="sms",
        state=state,
        gateway=gateway,
        reason=reason,
        created_at=at,
        due_at=at,
        good_until=at,
        changed_at=at,
    )


class CodeReportTests(ReportTestCase):
    def setUp(self):
        super().setUp()
        now = timezone.now()
        code(now, "accepted", verified=True)
        code(now, "delivered", gateway="esms")
        code(now, "failed", reason="30003")
        code(now, "skipped", gateway="", reason="decoy")
        code(now - dt.timedelta(days=3), "rejected", reason="<b>30005")
        code(now - dt.timedelta(days=40), "accepted")
        self.come_in(self.province)

    def test_codes_by_day(self):
        today = f"{timezone.localdate():%d/%m/%Y}"
        rows = self.rows(f"{CODES}ma-tung-ngay.csv")

        self.assertEqual(rows[0][1:4], ["Được yêu cầu", "Đã gửi", "Đã dùng"])
        self.assertEqual(rows[1], [today, "4", "2", "1", "50,0", "1", "1", "0"])
        self.assertEqual(rows[4][1:], ["1", "0", "0", "", "1", "0", "0"])
        self.assertEqual(len(rows), 31)

    def test_each_figure_leads_to_the_list_of_as_many(self):
        for event, times in (("code-wrong", 3), ("password-reset", 2), ("login-failed", 1)):
            for _ in range(times):
                AuditEvent.record(event, address="an@hagiang.gov.vn")

        self.lists_hold_what_figures_say(CODES, at_least=30 * 8)

    def test_codes_by_gateway(self):
        rows = self.rows(f"{CODES}ma-theo-nha-cung-cap.csv")

        self.assertEqual(
            rows[1:],
            [
                ["esms", "1", "1", "0", "0,0", "0"],
                ["twilio", "3", "1", "1", "100", "2"],
            ],
        )

    def test_the_most_frequent_errors(self):
        r = self.client.get(CODES)

        self.assertContains(r, "30003")
        self.assertContains(r, "&lt;b&gt;30005")

    def test_gateways_and_ceilings(self):
        GatewayState.objects.create(
            name="esms",
            paused_until=timezone.now() + dt.timedelta(minutes=5),
            last_reason="http-500",
        )

        r = self.client.get(CODES)

        self.assertContains(r, "tạm dừng vì lỗi")
        self.assertContains(r, "nơi nhận trả lời mã 500")
        self.assertContains(r, "Mã đã gửi trong một ngày")
        self.assertContains(r, "1.000")

    def test_wrong_guesses_and_resets(self):
        for event, times in (("code-wrong", 3), ("password-reset", 2), ("login-failed", 1)):
            for _ in range(times):
                AuditEvent.record(event, address="an@hagiang.gov.vn")

        rows = self.rows(f"{CODES}nhap-sai-tung-ngay.csv")

        self.assertEqual(rows[1][1:], ["3", "2", "1"])

    def test_whoever_s_codes_are_all_asked_for_and_never_used_is_named(self):
        AuditEvent.record("logged-in", self.an, actor=self.an)
        today = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
        noon = today - dt.timedelta(days=2)
        for address, used in ((self.an.address, False), ("x@x.vn", False), ("y@x.vn", True)):
            key = keyed_names.name_of("address", address)
            code(noon, "accepted", key=key, verified=used)
            code(noon + dt.timedelta(minutes=6), "accepted", key=key, ordinal=2)

        rows = self.rows(f"{CODES}khong-dung.csv")

        day = f"{timezone.localdate(noon):%d/%m/%Y}"
        self.assertEqual(
            sorted(rows[1:]), sorted([[day, self.an.address, "2"], [day, "chưa rõ", "2"]])
        )
        self.assertEqual(self.row(f"{CODES}ma-tung-ngay.csv", day)[-1], "2")

    def test_codes_that_were_given_back_are_among_those_of_a_day(self):
        noon = dt.datetime.combine(timezone.localdate(), dt.time(12), OFFICE_ZONE)
        for minutes in (0, 6):
            code(noon + dt.timedelta(minutes=minutes), "accepted", key="k")
            Code.objects.filter(address_key="k").update(voided=True)
        code(noon, "accepted", key="j")
        code(noon + dt.timedelta(minutes=6), "rejected", key="j", ordinal=2)

        rows = self.rows(f"{CODES}khong-dung.csv")

        self.assertEqual([row[1:] for row in rows[1:]], [["chưa rõ", "2"]])

    def test_errors_and_wrong_guesses_are_counted_in_indexes_alone(self):
        # Among others: with a handful of rows every index is as good.
        AuditEvent.record_many("viewed", [(self.an, {})] * 1_000)
        now = timezone.now()
        times = dict.fromkeys(("created_at", "due_at", "good_until", "changed_at"), now)
        Message.objects.bulk_create(
            Message(channel="sms", state="accepted", **times) for _ in range(1_000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_auditevent, otp_message")

        def look():
            self.client.get(CODES)

        (errors,) = plans_of(look, '"otp_message"."reason"', bitmaps=False)
        (tries,) = plans_of(look, "'password-reset'", bitmaps=False)

        self.assertIn("Index Only Scan using message_not_arrived", errors)
        self.assertIn("Index Only Scan using audit_event_at", tries)

    def test_an_empty_portal_has_a_report_too(self):
        Code.objects.all().delete()

        self.assertContains(self.client.get(CODES), "Chưa gửi mã nào.")


class HelpReportTests(ReportTestCase):
    def setUp(self):
        super().setUp()
        self.hotline = cast.make_staff("ho.tro", "hotline")
        for event, times in (("code-granted", 2), ("recovery-reopened", 1), ("viewed", 4)):
            for _ in range(times):
                AuditEvent.record(
                    event,
                    self.an,
                    actor=self.hotline,
                    why="+1 mất máy",
                    ticket="HT-7",
                )
        self.come_in(self.province)

    def test_work_by_week(self):
        monday = timezone.localdate() - dt.timedelta(days=timezone.localdate().weekday())

        row = self.row(f"{HELP}theo-tuan.csv", f"{monday:%d/%m/%Y}")

        self.assertEqual(row[1:], ["7", "2", "1"])

    def test_each_figure_leads_to_the_list_of_as_many(self):
        with time_machine.travel(timezone.now() - dt.timedelta(days=7)):
            AuditEvent.record("viewed", self.an, actor=self.hotline)
        self.log_in("an", client=Client())

        self.lists_hold_what_figures_say(HELP, at_least=20)
        self.assertNotRegex(
            self.inside(self.unit_it).get(HELP).content.decode(), "auditevent/.help"
        )

    def test_work_by_person(self):
        rows = self.rows(f"{HELP}theo-nguoi.csv")

        self.assertIn(["ho.tro@hagiang.gov.vn", "Cấp thêm một mã trong ngày", "2", "0", "2"], rows)

    def test_a_page_shows_the_first_weeks_of_many_staff_and_the_file_all(self):
        self.assertEqual(self.client.get(HELP).content.decode().count("dòng đầu"), 0)

        with mock.patch("accounts.reports.help.SHOWN", 2):
            page = self.client.get(HELP).content.decode()
            rows = self.rows(f"{HELP}tung-tuan.csv")

        cut = "Trang này chỉ hiện 2 dòng đầu, trong tổng số 3 dòng."
        self.assertEqual(page.count(cut), 2)
        for name in ("tung-tuan", "theo-nguoi"):
            table = page.partition(f'id="{name}"')[2].partition("</table>")[0]
            self.assertEqual(table.count('scope="row"'), 2)
        self.assertEqual(len(rows), 4)

    def test_every_extra_code_stands_there_with_its_reason(self):
        r = self.client.get(HELP)

        self.assertContains(r, "+1 mất máy, HT-7", count=3)
        rows = self.rows(f"{HELP}cap-them.csv")
        self.assertEqual({row[4] for row in rows[1:]}, {"'+1 mất máy, HT-7"})

    def test_whether_the_caller_was_checked_stands_beside_the_reason(self):
        for ground in (Ground("mất máy", "HT-8", checked=True), Ground(unchecked="biết mặt")):
            AuditEvent.record("code-granted", self.an, actor=self.hotline, ground=ground)

        page = self.client.get(HELP)

        self.assertContains(page, "mất máy, HT-8, đã đối chiếu người gọi")
        self.assertContains(page, "không đối chiếu người gọi: biết mặt")

    def test_what_people_do_for_themselves_is_no_help(self):
        self.log_in("an", client=Client())

        rows = self.rows(f"{HELP}theo-nguoi.csv")

        self.assertNotIn("an@hagiang.gov.vn", {row[0] for row in rows})

    def test_what_a_campaign_does_is_nobody_s_work(self):
        campaign = self.running(self.department)
        self.consent(campaign)
        self.until_the_lock(campaign)
        self.run_and_send()
        self.assertTrue(AuditEvent.objects.filter(event="locked").exists())

        events = {row[1] for row in self.rows(f"{HELP}theo-nguoi.csv")}

        self.assertIn("Bắt đầu chiến dịch", events)
        self.assertNotIn("Khóa tài khoản", events)
