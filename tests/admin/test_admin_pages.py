"""What IT keeps in the admin: notices on the log-in page, the tree of units, the audit trail."""

import csv
import datetime as dt
import io
from unittest import mock

from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import login_notices
from accounts.models import AuditEvent, LoginNotice, Unit
from accounts.spreadsheets.writing import harmless
from tests.support import cast
from tests.support.cast import LOGIN
from tests.support.forms import drawn_from

NOTICES = "/quan-tri/accounts/loginnotice/"
ACCOUNTS = "/quan-tri/accounts/account/"
UNITS = "/quan-tri/accounts/unit/"
AUDIT = "/quan-tri/accounts/auditevent/"


class AdminTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.lan = cast.make_staff("lan", "province-it")
        self.come_in(self.lan)
        login_notices.forget()
        self.addCleanup(login_notices.forget)


class LoginNoticeTests(AdminTestCase):
    def put_up(self, text="Bảo trì từ 22 giờ hôm nay.", start=0, hours=1):
        now = timezone.localtime()
        times = {
            "shown_from": now + dt.timedelta(hours=start),
            "shown_until": now + dt.timedelta(hours=start + hours),
        }
        data = {"text": text}
        data |= {name: f"{at:%d/%m/%Y %H:%M}" for name, at in times.items()}
        with self.captureOnCommitCallbacks(execute=True):
            return self.client.post(f"{NOTICES}add/", data, follow=True)

    def test_a_moment_that_could_not_be_read_again_is_refused(self):
        end = "31/12/2100 17:00"
        for year in ("0001", "0026", "9999"):
            data = {"text": "Bảo trì", "shown_from": f"01/01/{year} 00:00", "shown_until": end}
            with self.subTest(year):
                r = self.client.post(f"{NOTICES}add/", data)
                self.assertContains(r, "Hãy nhập ngày và giờ như ví dụ")
        self.assertEqual(self.client.get(NOTICES).status_code, 200)

    def log_in_page(self):
        return Client().get(LOGIN)

    def test_it_is_shown_from_one_moment_until_another(self):
        for start, shown in ((-2, False), (-0.5, True), (2, False)):
            with self.subTest(start):
                LoginNotice.objects.all().delete()
                login_notices.forget()
                self.put_up(start=start)

                self.assertEqual("Bảo trì" in self.log_in_page().content.decode(), shown)

    def test_it_is_text_and_nothing_else(self):
        self.put_up("<b>Chú ý</b> <script>alert(1)</script>", start=-0.5)

        self.assertContains(self.log_in_page(), "&lt;b&gt;Chú ý")

    def test_an_end_before_the_beginning_is_refused_in_words(self):
        r = self.put_up(hours=-1)

        self.assertContains(r, "Giờ kết thúc phải sau giờ bắt đầu.")

    def test_the_page_asks_the_database_once_a_minute_at_most(self):
        self.put_up(start=-0.5)
        self.log_in_page()

        with self.assertNumQueries(0):
            self.assertContains(self.log_in_page(), "Bảo trì")

    def test_each_change_is_on_record_and_shown_at_once(self):
        self.put_up(start=-0.5)
        self.log_in_page()
        notice = LoginNotice.objects.get()

        with self.captureOnCommitCallbacks(execute=True):
            self.client.post(f"{NOTICES}{notice.pk}/delete/", {"post": "yes"})

        self.assertNotContains(self.log_in_page(), "Bảo trì")
        self.assertEqual(AuditEvent.objects.filter(event="login-notice-edited").count(), 2)

    def test_a_database_that_is_away_leaves_what_was_read(self):
        self.put_up(start=-0.5)
        before = login_notices.current()
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            # A transaction that has failed answers nothing any more.
            with self.assertRaises(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
            login_notices._last = login_notices._Read(-1e9, tuple(before))

            self.assertEqual(login_notices.current(), before)
            raise ZeroDivisionError


class AccountFormTests(AdminTestCase):
    def test_a_mistyped_address_is_told_once_and_in_words(self):
        r = self.client.post(f"{ACCOUNTS}add/", {"address": "x y", "kind": "person"})

        self.assertContains(r, "Địa chỉ thư điện tử viết chưa đúng.", 1)
        self.assertNotContains(r, "Thiếu địa chỉ")
        self.assertNotContains(r, "email.")

    def test_a_choice_opens_no_window(self):
        for page in (f"{ACCOUNTS}add/", f"{UNITS}add/"):
            r = self.client.get(page)

            self.assertContains(r, "<select")
            self.assertNotContains(r, "related-widget-wrapper")

    def test_who_may_only_look_reads_yes_and_no(self):
        self.come_in(cast.make_staff("xem", "auditor"), client=(reader := Client()))
        brakes = reader.get("/quan-tri/otp/brakes/1/change/", follow=True)
        for r in (reader.get(f"{ACCOUNTS}{self.an.pk}/change/"), brakes):
            self.assertContains(r, "Không")
            self.assertNotContains(r, "icon-no.svg")
            self.assertNotContains(r, "icon-yes.svg")


class UnitTests(AdminTestCase):
    def setUp(self):
        super().setUp()
        self.top = Unit.objects.create(name="Sở Y tế")
        self.below = Unit.objects.create(name="Phòng Tổ chức", parent=self.top)

    def save(self, data):
        page = f"{UNITS}{self.top.pk}/change/"
        return self.client.post(page, data | drawn_from(self.client, page))

    def test_a_unit_cannot_be_put_below_itself(self):
        data = {"name": "Sở Y tế", "code": "", "parent": self.below.pk}

        r = self.save(data)

        self.assertContains(r, "Đơn vị không thể nằm dưới chính nó.")
        with self.assertRaises(IntegrityError) as refusal, transaction.atomic():
            Unit.objects.filter(pk=self.top.pk).update(parent=self.below)
        self.assertEqual(refusal.exception.__cause__.diag.constraint_name, "unit_stands_in_a_tree")

    def test_a_change_is_on_record(self):
        data = {"name": "Sở Y tế tỉnh", "code": "SYT", "parent": ""}
        self.save(data)

        event = AuditEvent.objects.get(event="unit-edited")
        self.assertEqual((event.actor, event.detail["fields"]), (self.lan, ["name", "code"]))


class AuditPageTests(AdminTestCase):
    def export(self, **filters):
        r = self.client.get(f"{AUDIT}xuat/", filters)
        text = b"".join(r.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_it_is_filtered_by_what_by_whom_and_exported_so(self):
        page = f"/ho-tro/tai-khoan/{self.an.pk}/khoa/"
        self.client.post(page, {"why": "x", "ticket": "P-1"} | drawn_from(self.client, page))

        rows = self.export(event__exact="locked")

        [row] = rows
        self.assertEqual(row["tài khoản"], "an@hagiang.gov.vn")
        self.assertEqual(row["người làm"], "lan@hagiang.gov.vn")
        self.assertIn("ticket=P-1", row["chi tiết"])
        by_lan = self.export(staff=str(self.lan.pk))
        self.assertTrue(by_lan)
        self.assertEqual({row["người làm"] for row in by_lan}, {"lan@hagiang.gov.vn"})

    def test_looking_and_exporting_are_on_record(self):
        self.client.get(AUDIT, {"event__exact": "locked"})
        self.export(event__exact="logged-in")

        self.assertEqual(AuditEvent.objects.get(event="audit-viewed").actor, self.lan)
        exported = AuditEvent.objects.get(event="exported")
        self.assertEqual((exported.actor, exported.detail["what"]), (self.lan, "audit"))

    def test_a_long_file_is_read_in_short_statements(self):
        """Each row once, newest first, those of one moment too: a batch may end between them."""
        AuditEvent.objects.bulk_create(
            AuditEvent(event="locked", at=moment, detail={"ticket": f"{minutes} {n}"})
            for minutes in (1, 0)
            for moment in [timezone.now() - dt.timedelta(minutes=minutes)]
            for n in range(4)
        )
        keys = AuditEvent.objects.filter(event="locked").order_by("-at", "-pk").values("detail")
        expected = [f"ticket={row['detail']['ticket']}" for row in keys]

        for size in (2, 3, 4, 8, 9):
            with (
                self.subTest(size),
                mock.patch("accounts.admin.audit.BATCH", size),
                CaptureQueriesContext(connection) as asked,
            ):
                rows = self.export(event__exact="locked")

                self.assertEqual([row["chi tiết"] for row in rows], expected)
                read = [q["sql"] for q in asked if q["sql"].endswith(f" LIMIT {size}")]
                self.assertEqual(len(read), len(expected) // size + 1)

    def test_no_cell_is_a_formula(self):
        for sign in "=+-@\t\r":
            self.assertEqual(harmless(f"{sign}1+1"), f"'{sign}1+1")
        self.assertEqual(harmless("Lý Văn An"), "Lý Văn An")
        AuditEvent.record(AuditEvent.Event.LOCKED, reason="=cmd|' /C calc'!A0")

        [row] = self.export(event__exact="locked")

        self.assertEqual(row["lý do"], "'=cmd|' /C calc'!A0")

    def test_no_column_can_be_asked_for_letter_by_letter(self):
        for lookup in ("account__password__startswith", "actor__phone__startswith", "detail__why"):
            with self.subTest(lookup):
                self.assertEqual(self.client.get(AUDIT, {lookup: "a"}).status_code, 400)
                self.assertEqual(self.client.get(f"{AUDIT}xuat/", {lookup: "a"}).status_code, 400)

    def test_nul_in_a_page_s_address_is_answered(self):
        for page in (
            "accounts/account/?kind__exact=%00",
            "accounts/auditevent/?event__exact=%00",
            "otp/message/?state__exact=%00",
            "accounts/auditevent/xuat/?at__gte=%00",
        ):
            with self.subTest(page), self.assertLogs("django.request") as logged:
                self.assertEqual(self.client.get(f"/quan-tri/{page}").status_code, 400)
            self.assertIn("NUL in the query: /quan-tri/", logged.output[0])

    def test_a_filter_that_cannot_be_read_is_no_fault_of_the_portal(self):
        for query in ("at__gte=abc", "at__year=0", "ok__exact=7"):
            with self.subTest(query):
                r = self.client.get(f"{AUDIT}xuat/?{query}")

                self.assertIn(r.status_code, (302, 400))

    def test_one_row_that_was_read_is_on_record(self):
        pk = AuditEvent.objects.first().pk

        self.client.get(f"{AUDIT}{pk}/change/")

        self.assertEqual(AuditEvent.objects.get(event="audit-viewed").detail["row"], str(pk))

    def test_who_is_staff_no_longer_can_still_be_looked_for(self):
        mai = cast.make_staff("mai", "hotline")
        self.come_in(mai, client=(browser := Client()))
        browser.get(f"/ho-tro/tai-khoan/{self.an.pk}/")
        call_command("create_staff", "mai", "--role", "none", stdout=io.StringIO())

        r = self.client.get(AUDIT)

        self.assertContains(r, f"?staff={mai.pk}")
