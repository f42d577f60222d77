"""A campaign for numbers by its pages: planned, run, listed by unit, printed, excused from."""

import csv
import datetime as dt
import io
from unittest import mock

from django.core import mail
from django.test import TestCase
from django.utils import timezone
from openpyxl import load_workbook

from accounts.campaigns import phone_figures, phone_rules, unit_tables
from accounts.campaigns.phone_figures import Progress
from accounts.models import Account, AuditEvent, PhoneCampaign, PhoneExcuse, PhoneMember
from tests.support import cast
from tests.support.campaigning import CAMPAIGNS, PHONES, PhoneOffice, confirm, send_all
from tests.support.forms import drawn_from


class PageTestCase(PhoneOffice, TestCase):
    def setUp(self):
        self.set_up_phones()
        self.client = self.inside(self.province)

    def press(self, page, **fields):
        return self.client.post(page, fields | drawn_from(self.client, page), follow=True)


class PlanTests(PageTestCase):
    def fields(self, **changed):
        today = timezone.localdate()
        return {
            "name": "Cập nhật số quý IV",
            "basis": "Công văn 1/UBND",
            "units": [self.department.pk],
            "kinds": ["person"],
            "older_than": "12",
            "reminder_days": f"{today:%d/%m/%Y}, {today + dt.timedelta(days=7):%d/%m/%Y}",
            "asked_first_from": f"{today + dt.timedelta(days=14):%d/%m/%Y}",
            "postponements": "3",
        } | changed

    def test_it_is_planned_seen_started_stopped_and_resumed(self):
        r = self.client.post(f"{PHONES}moi/", self.fields(), follow=True)
        campaign = PhoneCampaign.objects.get()
        page = f"{PHONES}{campaign.pk}/"
        self.assertRedirects(r, page)
        self.assertContains(r, "Sẽ được yêu cầu cập nhật")
        self.assertContains(r, "Kính gửi chủ hộp thư")
        self.assertContains(r, "CNTT&amp;TT;")  # of the letter, which is no HTML
        self.assertContains(self.client.get(f"{page}nguoi/"), "gam@")
        self.assertContains(self.client.get(CAMPAIGNS), page)

        for button, state in (
            ("bat-dau/", "running"),
            ("dung/", "stopped"),
            ("chay-tiep/", "running"),
        ):
            r = self.press(f"{page}{button}", why="Công văn 2")
            campaign.refresh_from_db()
            self.assertEqual(campaign.state, state)
        self.assertContains(r, "Sở Một/Phòng Một")

    def test_one_whose_units_are_gone_is_not_started(self):
        for campaign in (self.plan_phones(), self.plan(self.department)):
            with self.subTest(campaign=campaign.KIND):
                campaign.units.clear()

                r = self.press(f"{campaign.get_absolute_url()}bat-dau/")

                self.assertContains(r, "Chiến dịch không còn đơn vị nào")
                campaign.refresh_from_db()
                self.assertEqual(campaign.state, "planned")

    def test_what_was_typed_wrong_is_said(self):
        yesterday = timezone.localdate() - dt.timedelta(days=1)
        many = ",".join(
            f"{timezone.localdate() + dt.timedelta(days=n):%d/%m/%Y}" for n in range(11)
        )
        for changed, sentence in (
            ({"reminder_days": "mai"}, "Không đọc được ngày “mai”"),
            ({"reminder_days": f"{yesterday:%d/%m/%Y}"}, "Có ngày đã qua"),
            ({"reminder_days": many}, "nhiều nhất 10 ngày nhắc"),
            ({"reminder_days": "01/01/2999"}, "Có ngày quá xa"),
            ({"asked_first_from": f"{yesterday:%d/%m/%Y}"}, "từ ngày nhắc đầu tiên trở đi"),
            ({"kinds": []}, "ít nhất một loại"),
            ({"older_than": "0"}, "ít nhất 1 tháng"),
            ({"older_than": "61"}, "nhiều nhất 60 tháng"),
            ({"postponements": "21"}, "nhiều nhất 20 lần"),
            ({"units": []}, "ít nhất một đơn vị"),
        ):
            with self.subTest(changed):
                r = self.client.post(f"{PHONES}moi/", self.fields(**changed))

                self.assertContains(r, sentence)
        self.assertFalse(PhoneCampaign.objects.exists())

    def test_it_of_a_unit_plans_for_its_own_units_only(self):
        r = self.inside(self.unit_it).post(f"{PHONES}moi/", self.fields(units=[self.other.pk]))

        self.assertContains(r, "Có đơn vị không thuộc phạm vi của bạn.")


class ListTests(PageTestCase):
    def rows(self, page, client=None):
        r = (client or self.client).get(page)
        return list(csv.DictReader(io.StringIO(r.getvalue().decode("utf-8-sig"))))

    def test_who_is_missing_is_a_list_on_screen_in_files_and_on_paper(self):
        page = f"{PHONES}{self.running_phones().pk}/"
        expected = {
            "gam@hagiang.gov.vn": "chưa có số",
            "hoa@hagiang.gov.vn": "số chưa xác thực",
            "ky@hagiang.gov.vn": "số xác thực đã lâu",
        }

        listed = {row["Hộp thư"]: row["Tình trạng"] for row in self.rows(f"{page}nguoi.csv")}
        r = self.client.get(f"{page}nguoi.xlsx")
        sheet = load_workbook(io.BytesIO(r.content)).active
        workbook = {row[2]: row[4] for row in list(sheet.values)[1:]}
        annex = self.client.get(f"{page}phu-luc/")

        self.assertEqual((listed, workbook), (expected, expected))
        self.assertContains(annex, "<h1>Phụ lục: Danh sách cán bộ chưa cập nhật số điện thoại</h1>")
        self.assertContains(annex, "Sở Một/Phòng Một: 1 người")
        self.assertContains(annex, "Tổng cộng: 3 người.")
        screen = self.client.get(f"{page}nguoi/")
        for address, state in expected.items():
            for response in (screen, annex):
                self.assertContains(response, address)
                self.assertContains(response, state)
        self.assertNotContains(annex, "987000")
        kinds = AuditEvent.objects.filter(event="exported").values_list("detail__format", flat=True)
        self.assertEqual(set(kinds), {"csv", "xlsx", "annex"})

    def test_of_many_units_the_page_shows_the_slowest_and_the_file_all(self):
        page = f"{PHONES}{self.running_phones().pk}/"
        self.assertNotContains(self.client.get(page), "dòng đầu")

        with mock.patch.object(unit_tables, "UNITS_SHOWN", 1):
            shown = self.client.get(page)
            units = [line["cells"][0].text for line in shown.context["by_unit"].lines]
        rows = self.rows(f"{page}theo-don-vi.csv")

        self.assertEqual(units, [rows[0]["Đơn vị"], "Cộng"])
        self.assertContains(shown, f"1 dòng đầu, trong tổng số {len(rows) - 1} dòng")
        self.assertContains(shown, f'href="{page}theo-don-vi.csv"')
        self.assertGreater(len(rows), 2)
        self.assertEqual(rows[-1]["Đơn vị"], "Cộng")
        missing = [int(row["Chưa cập nhật"]) for row in rows]
        self.assertEqual(sum(missing[:-1]), missing[-1])
        event = AuditEvent.objects.get(event="exported")
        self.assertEqual((event.detail["kind"], event.detail["rows"]), ("phone", len(rows)))

    def test_each_figure_leads_to_as_many_people(self):
        campaign = self.running_phones()
        Account.objects.filter(pk=self.ky.pk).update(phone_doubted_at=timezone.now())
        confirm(self.hoa)
        phone_rules.excuse(self.gam, by=self.province, why="Không có máy")
        page = f"{PHONES}{campaign.pk}/"
        shown = self.client.get(page)
        rows = shown.context["by_unit"].rows
        self.assertEqual(
            [row.values[0] for row in rows], ["Sở Hai", "Sở Một/Phòng Một", "Sở Một", "Cộng"]
        )
        figures = [(tile.href, tile.value) for tile in shown.context["tiles"]]
        people = self.client.get(f"{page}nguoi/?ai=all")
        for row in [*rows, *people.context["sums"].rows]:
            figures += zip(row.lists[1:], map(str, row.values[1:]), strict=False)

        self.assertGreater(len(figures), 30)
        for href, figure in dict(figures).items():
            if figure.isdecimal():
                with self.subTest(href):
                    listed = self.client.get(href).context["page"].paginator.count
                    self.assertEqual(f"{listed}", figure)
        query = "ai=done&so=good"
        page_of_them = self.client.get(f"{page}nguoi/?{query}")
        self.assertContains(page_of_them, f"{page}nguoi.csv?ai=done&amp;so=good")
        self.assertEqual(len(self.rows(f"{page}nguoi.csv?{query}")), 1)
        for wrong in ("don-vi=x", "ai=x", "so=x"):
            self.assertEqual(self.client.get(f"{page}nguoi/?{wrong}").status_code, 404)

    def test_who_is_removed_during_a_stop_has_not_done_it(self):
        campaign = self.running_phones()
        phone_rules.stop(campaign, by=self.province, why="x")
        self.gam.delete()

        tiles = self.client.get(f"{PHONES}{campaign.pk}/").context["tiles"]

        self.assertEqual([tile.value for tile in tiles], ["3", "0", "2", "0", "1"])

    def test_progress_by_day_is_what_the_runs_put_down(self):
        campaign = self.running_phones()
        confirm(self.gam)
        phone_rules.run()
        confirm(self.hoa)

        table = self.client.get(f"{PHONES}{campaign.pk}/").context["by_day"]

        self.assertEqual(table.rows[0].values, (timezone.localdate(), 2, 2, 1))

    def test_it_of_a_unit_sees_and_reminds_only_its_own(self):
        page = f"{PHONES}{self.running_phones().pk}/"
        client = self.inside(self.unit_it)

        listed = {row["Hộp thư"] for row in self.rows(f"{page}nguoi.csv", client)}
        self.assertEqual(listed, {"gam@hagiang.gov.vn", "hoa@hagiang.gov.vn"})
        for part in ("", "nguoi/", "phu-luc/"):
            r = client.get(f"{page}{part}")
            self.assertNotContains(r, "Sở Hai")
            self.assertNotContains(r, "ky@")
        self.assertEqual(client.get(f"{page}nguoi/?don-vi={self.other.pk}").status_code, 404)
        for button in ("bat-dau/", "dung/", "chay-tiep/"):
            self.assertEqual(client.post(f"{page}{button}", {"why": "x"}).status_code, 404)
        for account, status in ((self.gam, 200), (self.ky, 404)):
            r = client.get(f"{page}nguoi/{account.pk}/mien/")
            self.assertEqual(r.status_code, status)

        client.post(f"{page}nhac-ngay/")
        client.post(f"{page}nhac-ngay/")
        send_all()

        told = [each.to[0] for each in mail.outbox]
        self.assertEqual(sorted(told), ["gam@hagiang.gov.vn", "hoa@hagiang.gov.vn"])

    def test_a_campaign_of_others_is_not_there_for_it_of_a_unit(self):
        page = f"{PHONES}{self.running_phones(self.other).pk}/"

        for part in ("", "nguoi/", "nguoi.csv", "phu-luc/", "nhac-ngay/"):
            self.assertEqual(self.inside(self.unit_it).get(f"{page}{part}").status_code, 404)


class ExcuseTests(PageTestCase):
    def test_somebody_is_excused_with_a_reason_and_asked_again(self):
        page = f"{PHONES}{self.running_phones().pk}/"
        self.press(f"{page}nguoi/{self.gam.pk}/mien/", why="")
        self.assertFalse(PhoneExcuse.objects.exists())

        r = self.press(f"{page}nguoi/{self.gam.pk}/mien/", why="Không có điện thoại di động")

        self.assertContains(r, "Không có điện thoại di động")
        self.assertContains(r, f"{page}nguoi/{self.gam.pk}/thoi-mien/")
        self.assertEqual(self.phone_outcomes()["gam"], "excused")
        self.press(f"{page}nguoi/{self.gam.pk}/thoi-mien/", why="Đã có máy")
        self.assertEqual(self.phone_outcomes()["gam"], "")
        self.assertFalse(Account.objects.filter(phone_excuse__isnull=False).exists())


class SumTests(PageTestCase):
    def test_the_list_counts_what_the_units_of_a_campaign_add_up_to(self):
        planned, campaign = self.plan_phones(), self.running_phones()
        now = timezone.now()
        for name, of_account, of_member in (
            ("lac", {"phone": "+84987000001", "phone_confirmed_at": now}, {}),
            ("mien", {}, {"outcome": "excused"}),
            ("roi", {}, {"outcome": "left"}),
            ("ngung", {}, {"outcome": "stopped"}),
            ("nghi", {"phone": "+84987000002", "phone_doubted_at": now}, {}),
        ):
            decided = {"decided_on": timezone.localdate()} if of_member else {}
            PhoneMember.objects.create(
                campaign=campaign,
                account=cast.make(name, unit=self.department, **of_account),
                postponements_left=0,
                **of_member,
                **decided,
            )
        PhoneMember.objects.create(campaign=campaign, account=None, postponements_left=0)

        for each in (planned, campaign):
            for visible in (None, {self.department.pk}, set()):
                with self.subTest(each.state, visible=visible):
                    by_units = phone_figures.by_units(each, visible)
                    counted = phone_figures.progress_of(each, visible)

                    self.assertEqual(counted, sum(by_units.values(), Progress()))
        self.assertEqual((counted.people, phone_figures.progress_of(campaign, None).left), (0, 2))
