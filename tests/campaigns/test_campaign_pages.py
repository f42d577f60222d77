"""A campaign by its pages: who may open them, what is shown before a step, what a button does."""

import copy
import csv
import datetime as dt
import io
from unittest import mock

from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.campaigns import (
    password_counts,
    password_rules,
    phone_figures,
    phone_rules,
    unit_tables,
)
from accounts.campaigns.password_counts import CampaignCounts
from accounts.campaigns.phone_figures import Progress
from accounts.models import Account, AuditEvent, Campaign, CampaignMember
from tests.support import cast
from tests.support.campaigning import CAMPAIGNS, Office, confirm, days_pass
from tests.support.forms import drawn_from
from tests.support.plans import plans_of

NEW = f"{CAMPAIGNS}moi/"


class PageTestCase(Office, TestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()

    def today(self):
        return f"{timezone.localdate():%d/%m/%Y}"

    def fields(self, **changed):
        return {
            "name": "Đổi mật khẩu quý IV",
            "basis": "Công văn 1/UBND",
            "first_day": self.today(),
            "units": [self.department.pk],
        } | changed

    def address(self, campaign, page=""):
        return f"{CAMPAIGNS}{campaign.pk}/{page}"


class RoleTests(PageTestCase):
    def pages(self, campaign):
        return [
            CAMPAIGNS,
            NEW,
            *(
                self.address(campaign, page)
                for page in (
                    "",
                    "theo-don-vi.csv",
                    "nguoi/",
                    "bat-dau/",
                    "dong-y-khoa/",
                    "rut-dong-y/",
                    "dung/",
                    "de-nghi-xoa.csv",
                )
            ),
        ]

    def test_a_stranger_is_sent_to_the_log_in(self):
        for page in self.pages(self.plan(self.department)):
            r = Client().get(page)

            self.assertTrue(r.url.startswith("/dang-nhap/"), page)

    def test_the_password_alone_opens_nothing(self):
        self.log_in("it.tinh")

        for page in self.pages(self.plan(self.department)):
            self.assertTrue(
                self.client.get(page).url.startswith("/dang-nhap/yeu-to-thu-hai/"), page
            )

    def test_who_may_open_which(self):
        campaign = self.plan(self.department)
        self.log_in("an", client=(an := Client()))
        for client, status in (
            (an, 404),
            (self.inside(cast.make_staff("ho.tro", "hotline")), 403),
            (self.inside(cast.make_staff("kiem.tra", "auditor")), 403),
            (self.inside(self.unit_it), 200),
            (self.inside(self.province), 200),
        ):
            for page in self.pages(campaign):
                with self.subTest(page, status=status):
                    self.assertEqual(client.get(page).status_code, status)

    def test_those_without_the_right_start_nothing(self):
        campaign = self.plan(self.department)
        for role in ("hotline", "auditor"):
            client = self.inside(cast.make_staff(f"nguoi.{role}", role))
            for page in ("bat-dau/", "dong-y-khoa/", "dung/"):
                r = client.post(self.address(campaign, page), {"why": "x"})

                self.assertEqual(r.status_code, 403)
            self.assertEqual(client.post(NEW, self.fields()).status_code, 403)
        campaign.refresh_from_db()
        self.assertEqual((campaign.state, Campaign.objects.count()), ("planned", 1))

    def test_it_of_a_unit_sees_no_campaign_that_reaches_further(self):
        client = self.inside(self.unit_it)
        mine, wider = self.plan(self.division), self.plan(self.department, self.other)

        self.assertEqual(client.get(self.address(mine)).status_code, 200)
        for page in self.pages(wider)[2:]:
            self.assertEqual(client.get(page).status_code, 404, page)
        listed = client.get(CAMPAIGNS)
        self.assertContains(listed, self.address(mine))
        self.assertNotContains(listed, self.address(wider))

    def test_it_of_a_unit_plans_for_its_own_units_only(self):
        client = self.inside(self.unit_it)

        r = client.post(NEW, self.fields(units=[self.other.pk]))

        self.assertContains(r, "Có đơn vị không thuộc phạm vi của bạn.")
        self.assertNotContains(r, "Sở Hai")
        self.assertContains(client.post(NEW, self.fields(units=["all"])), "không thuộc phạm vi")
        self.assertFalse(Campaign.objects.exists())
        client.post(NEW, self.fields())
        self.assertEqual(Campaign.objects.get().units.get(), self.department)

    def test_it_of_no_unit_can_choose_none(self):
        client = self.inside(cast.make_staff("khong.don.vi", "unit-it"))

        r = client.post(NEW, self.fields())

        self.assertContains(r, "Có đơn vị không thuộc phạm vi của bạn.")


class PlanTests(PageTestCase):
    def setUp(self):
        super().setUp()
        self.come_in(self.province)

    def test_a_plan_is_shown_before_anything_happens(self):
        r = self.client.post(NEW, self.fields(), follow=True)

        self.assertContains(r, "Đổi mật khẩu quý IV")
        self.assertContains(r, 'nguoi/">2</a></p>')
        self.assertContains(r, "Hãy đổi mật khẩu mặc định trước ngày")
        self.assertContains(r, "dia_chi_mail@hagiang.gov.vn")
        self.assertContains(r, "CNTT&amp;TT;")  # of the letter, which is no HTML
        self.assertContains(r, "Sở Một/Phòng Một")
        people = self.client.get(r.redirect_chain[-1][0] + "nguoi/")
        self.assertContains(people, self.gam.address)
        self.assertNotContains(people, self.ky.address)
        self.assertFalse(CampaignMember.objects.exists())

    def test_all_units(self):
        self.client.post(NEW, self.fields(units=["all"]))

        self.assertEqual(set(Campaign.objects.get().units.all()), {self.department, self.other})

    def test_what_is_wrong_is_said(self):
        yesterday = f"{timezone.localdate() - dt.timedelta(days=1):%d/%m/%Y}"
        for changed, sentence in (
            ({"name": ""}, "Hãy đặt tên cho chiến dịch."),
            ({"name": "x" * 101}, "Tên dài quá 100 ký tự."),
            ({"basis": ""}, "Hãy ghi căn cứ của chiến dịch."),
            ({"first_day": ""}, "Hãy chọn ngày nhắc lần đầu."),
            ({"first_day": "32/13/2026"}, "Hãy nhập ngày như ví dụ: 01/12/2026."),
            ({"first_day": yesterday}, "Ngày này đã qua."),
            ({"first_day": "01/01/2099"}, "Ngày này quá xa."),
            ({"units": []}, "Hãy chọn ít nhất một đơn vị."),
            ({"units": ["x\x00"]}, "Có đơn vị không thuộc phạm vi của bạn."),
        ):
            with self.subTest(changed):
                self.assertContains(self.client.post(NEW, self.fields(**changed)), sentence)
        self.assertFalse(Campaign.objects.exists())

    def test_whoever_looks_at_people_is_on_record(self):
        campaign = self.plan(self.department)

        self.client.get(self.address(campaign, "nguoi/"))

        row = AuditEvent.objects.get(event="viewed")
        self.assertEqual((row.actor, row.detail["campaign"]), (self.province, campaign.pk))

    def test_people_come_in_pages(self):
        for n in range(60):
            cast.make(f"nguoi{n:02}", unit=self.department, has_default_password=True)
        for begin in (self.plan, self.running):
            page = self.address(begin(self.department), "nguoi/")
            with self.subTest(page):
                self.assertContains(self.client.get(page), "<span>Trang 1</span>")
                self.assertContains(self.client.get(f"{page}?trang=2"), "nguoi59@")
                self.assertContains(self.client.get(f"{page}?trang=x"), "<span>Trang 1</span>")

    def test_those_whose_account_was_removed_are_the_last_of_all(self):
        campaign = self.running(self.department)
        CampaignMember.objects.all().delete()
        people = [cast.make(name, has_default_password=True) for name in ("b", "c", "a")]
        gone = [CampaignMember(campaign=campaign, outcome="left", decided_on="2026-01-01")] * 4
        members = [CampaignMember(campaign=campaign, account=each) for each in people]
        CampaignMember.objects.bulk_create([*members, *(copy.copy(each) for each in gone)])
        page = self.address(campaign, "nguoi/")

        seen = []
        with mock.patch("accounts.campaigns.password_views.PEOPLE_ON_A_PAGE", 2):
            for number in range(1, 5):
                shown = self.client.get(page, {"trang": number}).context["page"]
                seen.append([each.account and each.account.address[0] for each in shown])
            self.assertEqual(self.client.get(page, {"trang": 5}).context["page"].number, 1)

        self.assertEqual(seen, [["a", "b"], ["c", None], [None, None], [None]])

    def test_people_are_read_in_the_order_of_their_addresses(self):
        campaign = self.running(self.department)
        people = Account.objects.bulk_create(
            Account(address=f"n{n:03}@hagiang.gov.vn", has_default_password=True)
            for n in range(500)
        )
        CampaignMember.objects.bulk_create(
            CampaignMember(campaign=campaign, account=each) for each in people
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_account, accounts_campaignmember")

        (plan,) = plans_of(
            lambda: self.client.get(self.address(campaign, "nguoi/")),
            'ORDER BY "accounts_account"."address"',
        )

        self.assertRegex(plan, "^Limit.*\n +->  (Incremental Sort|Nested Loop)")
        self.assertIn("using accounts_account_address", plan)

    def test_a_campaign_s_words_are_kept_as_strictly(self):
        number = "Đừng ghi số điện thoại"
        for changed, sentence in (
            ({"name": "gọi 0987466981"}, number),
            ({"basis": "0987 466 981"}, number),
            ({"name": "\0"}, "Hãy đặt tên cho chiến dịch."),
        ):
            with self.subTest(changed):
                self.assertContains(self.client.post(NEW, self.fields(**changed)), sentence)
        self.assertFalse(Campaign.objects.exists())


class StepTests(PageTestCase):
    def setUp(self):
        super().setUp()
        self.come_in(self.province)
        self.campaign = self.plan(self.department)

    def post(self, page, **data):
        page = self.address(self.campaign, page)
        return self.client.post(page, data | drawn_from(self.client, page), follow=True)

    def test_a_start_is_explained_and_then_done(self):
        r = self.client.get(self.address(self.campaign, "bat-dau/"))
        self.assertContains(r, "<strong>2</strong> người được đưa vào danh sách")
        self.assertFalse(CampaignMember.objects.exists())

        r = self.post("bat-dau/")

        self.assertContains(r, "Chiến dịch đã bắt đầu.")
        self.assertContains(r, "đang chạy")
        self.assertEqual(CampaignMember.objects.count(), 2)
        self.assertContains(self.post("bat-dau/"), "không còn ở bước này")

    def test_a_start_after_the_first_day_is_refused(self):
        days_pass(1)

        r = self.post("bat-dau/")

        self.assertContains(r, "Ngày nhắc lần đầu đã qua.")
        self.assertFalse(CampaignMember.objects.exists())

    def test_consent_needs_a_reason_and_says_whom_it_concerns(self):
        self.post("bat-dau/")
        r = self.client.get(self.address(self.campaign, "dong-y-khoa/"))
        self.assertContains(r, "<strong>2</strong> người còn lại")

        self.assertContains(self.post("dong-y-khoa/", why=""), "Hãy ghi lý do.")
        self.campaign.refresh_from_db()
        self.assertIsNone(self.campaign.lock_approved_at)
        r = self.post("dong-y-khoa/", why="Công văn 2/UBND")

        self.assertContains(r, "Đã ghi nhận đồng ý khóa.")
        row = AuditEvent.objects.get(event="campaign-step")
        self.assertEqual((row.actor, row.detail["why"]), (self.province, "Công văn 2/UBND"))
        self.assertContains(self.post("rut-dong-y/", why="Chờ thêm"), "Đã rút lại đồng ý khóa.")
        self.campaign.refresh_from_db()
        self.assertIsNone(self.campaign.lock_approved_at)

    def test_no_consent_to_what_has_not_begun(self):
        r = self.post("dong-y-khoa/", why="x")

        self.assertContains(r, "không còn ở bước này")

    def test_a_stop_needs_a_reason(self):
        self.post("bat-dau/")
        self.assertContains(self.post("dung/", why=""), "Hãy ghi lý do.")

        r = self.post("dung/", why="Theo chỉ đạo")

        self.assertContains(r, "Chiến dịch đã dừng.")
        self.assertNotContains(r, "Đồng ý khóa</a>")

    def test_a_look_changes_nothing(self):
        for page in ("bat-dau/", "dong-y-khoa/", "rut-dong-y/", "dung/"):
            self.client.get(self.address(self.campaign, page))

        self.campaign.refresh_from_db()
        self.assertEqual(self.campaign.state, "planned")


class FigureTests(PageTestCase):
    def test_each_figure_leads_to_as_many_people(self):
        self.come_in(self.province)
        planned = self.plan(self.department, self.other)
        campaign = self.running(self.department)
        self.run_and_send()
        Account.objects.filter(pk=self.hoa.pk).update(has_default_password=False)
        self.run_and_send()
        stopped = self.running(self.other)
        password_rules.stop(stopped, by=self.province, why="Theo chỉ đạo")
        for each in (planned, campaign, stopped):
            shown = self.client.get(self.address(each)).context
            figures = [(tile.href, tile.value) for tile in shown["tiles"]]
            for row in [*shown["by_unit"].rows, *shown["steps"].rows]:
                figures += zip(row.lists, map(str, row.values), strict=False)
            figures = {href: figure for href, figure in figures if href}
            self.assertGreater(len(figures), 2)
            for href, figure in figures.items():
                with self.subTest(href):
                    listed = self.client.get(href).context["page"].paginator.count
                    self.assertEqual(f"{listed}", figure)
        wrong = self.address(campaign, "nguoi/?ket-qua=x&don-vi=%C2%B2&da-nhac=99999999999&trang=x")
        self.assertEqual(self.client.get(wrong).status_code, 200)


class UnitTests(PageTestCase):
    """In Sở Hai two have yet to act; of the department's two in its own unit one has acted."""

    def setUp(self):
        super().setUp()
        self.come_in(self.province)
        for name, unit in (("ly", self.other), ("mo", self.department), ("pa", self.department)):
            cast.make(name, unit=unit, has_default_password=True)
        self.campaign = self.running(self.department, self.other)
        done = self.campaign.members.filter(account__unit=self.department, account__address__gt="h")
        done.update(outcome="changed", decided_on=timezone.localdate())
        self.page = self.address(self.campaign)

    def rows(self):
        r = self.client.get(f"{self.page}theo-don-vi.csv")
        return list(csv.reader(io.StringIO(r.getvalue().decode("utf-8-sig"))))

    def test_units_with_the_most_who_have_yet_to_act_come_first(self):
        head, *rows = self.rows()

        self.assertEqual(head, ["Đơn vị", "Chưa đổi mật khẩu", "Trong danh sách"])
        self.assertEqual(
            rows,
            [
                ["Sở Hai", "2", "2"],
                ["Sở Một", "1", "3"],
                ["Sở Một/Phòng Một", "1", "1"],
                ["Cộng", "4", "6"],
            ],
        )

    def test_of_many_units_the_page_shows_the_first_and_the_file_all(self):
        self.assertNotContains(self.client.get(self.page), "dòng đầu")

        with mock.patch.object(unit_tables, "UNITS_SHOWN", 1):
            shown = self.client.get(self.page)
            units = [line["cells"][0].text for line in shown.context["by_unit"].lines]
            _head, *rows = self.rows()

        self.assertEqual(units, ["Sở Hai", "Cộng"])
        self.assertContains(shown, "1 dòng đầu, trong tổng số 3 dòng. Tải tệp CSV để xem tất cả.")
        self.assertContains(shown, f'href="{self.page}theo-don-vi.csv"')
        self.assertEqual(len(rows), 4)

    def test_the_file_is_on_record(self):
        self.rows()

        row = AuditEvent.objects.get(event="exported")
        self.assertEqual(row.actor, self.province)
        told = {"report": "theo-don-vi", "campaign": self.campaign.pk, "kind": "password"}
        self.assertEqual(row.detail, told | {"rows": 4})

    def test_of_a_campaign_of_nobody_there_is_no_file(self):
        Account.objects.update(has_default_password=False)

        r = self.client.get(self.address(self.plan(self.department)))

        self.assertContains(r, "Không có ai: mọi người trong các đơn vị này")
        self.assertNotContains(r, "theo-don-vi.csv")


class ListTests(PageTestCase):
    """The list of all campaigns, of either kind."""

    def setUp(self):
        super().setUp()
        self.come_in(self.province)

    def shown(self):
        """Give the values that the list has of each campaign, and what it asked of their people."""
        with CaptureQueriesContext(connection) as asked:
            context = self.client.get(CAMPAIGNS).context
        rows = [*context["table"].rows, *context["phones"].rows]
        members = [each["sql"] for each in asked if "member" in each["sql"]]
        return [[getattr(each, "plain", each) for each in row.values] for row in rows], members

    def test_the_figures_of_what_is_over_are_counted_once_whoever_is_removed(self):
        stopped = self.running(self.department)
        password_rules.stop(stopped, by=self.province, why="Theo chỉ đạo")
        phones = self.running_phones(self.department)
        for each in (self.gam, self.hoa):
            confirm(each)
        self.run_and_send()
        first, asked = self.shown()
        (password, number) = first
        self.assertEqual((password[1], password[4:]), ("đã dừng", [2, 0, 0]))
        self.assertEqual((number[1], number[4:]), ("đã xong", [2, 0, "100"]))
        self.assertEqual(len(asked), 2)

        removed = Account.objects.get(pk=self.gam.pk)
        removed.delete()

        self.assertEqual(self.shown(), (first, []))
        stopped.refresh_from_db()
        counted = sum(password_counts.by_units(stopped, None).values(), CampaignCounts())
        self.assertEqual(CampaignCounts.of(stopped), counted)
        phones.refresh_from_db()
        done = sum(phone_figures.by_units(phones, None).values(), Progress())
        self.assertEqual(phone_figures.progress_of(phones, None), done)

    def test_those_of_what_runs_or_may_go_on_are_counted_anew(self):
        running = self.running(self.department)
        phones = self.running_phones(self.department)
        phone_rules.stop(phones, by=self.province, why="Theo chỉ đạo")
        self.assertEqual([row[4:] for row in self.shown()[0]], [[2, 0, 0], [2, 2, "0,0"]])

        running.members.filter(account=self.gam).update(
            outcome="changed", decided_on=timezone.localdate()
        )
        confirm(self.gam)

        self.assertEqual([row[4:] for row in self.shown()[0]], [[2, 1, 0], [2, 1, "50,0"]])


class RemovalTests(PageTestCase):
    def setUp(self):
        super().setUp()
        Account.objects.filter(pk=self.gam.pk).update(full_name="=HYPERLINK(1)")
        self.campaign = self.running(self.department)
        self.consent(self.campaign)
        self.until_the_lock(self.campaign)
        password_rules.run()
        self.come_in(self.province)

    def rows(self):
        r = self.client.get(self.address(self.campaign, "de-nghi-xoa.csv"))
        return list(csv.reader(io.StringIO(r.getvalue().decode("utf-8-sig"))))

    def test_the_locked_are_listed_and_nobody_is_removed(self):
        head, *rows = self.rows()

        self.assertEqual(head[0], "Hộp thư")
        self.assertEqual({row[0] for row in rows}, {self.gam.address, self.hoa.address})
        self.assertEqual(rows[0][3], self.today())
        self.assertEqual(Account.objects.filter(pk__in=[self.gam.pk, self.hoa.pk]).count(), 2)

    def test_no_cell_is_a_formula(self):
        self.assertIn("'=HYPERLINK(1)", {row[1] for row in self.rows()})

    def test_whoever_was_unlocked_since_is_not_listed(self):
        Account.objects.filter(pk=self.gam.pk).update(locked_at=None)

        self.assertEqual([row[0] for row in self.rows()[1:]], [self.hoa.address])

    def test_the_file_is_on_record(self):
        self.rows()

        row = AuditEvent.objects.get(event="exported")
        self.assertEqual((row.actor, row.reason), (self.province, "removal-list"))
        self.assertEqual(row.detail, {"campaign": self.campaign.pk, "rows": 2})

    def test_the_page_links_to_it(self):
        r = self.client.get(self.address(self.campaign))

        self.assertContains(r, "2 hộp thư đã bị khóa và vẫn còn mật khẩu mặc định.")
        self.assertContains(r, "de-nghi-xoa.csv")
