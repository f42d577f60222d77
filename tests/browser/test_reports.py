"""Reports and campaigns in a browser: for any eyes and windows, and on paper."""

import datetime as dt
import re

from django.utils import timezone

from accounts.models import Account, DataRequest, UnitDay
from accounts.removal import rules as removals
from accounts.reports import history
from tests.browser.test_pages import InspectedTestCase
from tests.reports.test_reports import code
from tests.support import cast
from tests.support.browser import NARROW, WIDE
from tests.support.campaigning import CAMPAIGNS, REPORTS, Office

# Of the two drawings of a chart, which one is to be seen.
SHOWN = """() => [...document.querySelectorAll(".chart__drawing")]
  .filter((drawing) => drawing.checkVisibility()).map((drawing) => drawing.classList[1])"""

# The smallest letters of a chart, as large as they appear (CSS pixels).
SMALLEST_LETTERS = """() => Math.min(...[...document.querySelectorAll(".chart__word")]
  .filter((word) => word.checkVisibility())
  .map((word) => parseFloat(getComputedStyle(word).fontSize) * word.getScreenCTM().a))"""

OPEN_ALL = "() => document.querySelectorAll('details').forEach((part) => part.open = true)"


class StaffPageTestCase(Office, InspectedTestCase):
    def setUp(self):
        super().setUp()
        self.set_up_office()
        for back in (9, 8, 3):
            history.snapshot()
            day = timezone.localdate() - dt.timedelta(days=back)
            UnitDay.objects.filter(day=timezone.localdate()).update(day=day)
        for state in ("accepted", "delivered", "failed", "skipped"):
            code(timezone.now(), state, verified=state == "accepted")
        self.log_in_in_browser("it.tinh")
        self.show_second_factor(self.province)


class ReportPageTests(StaffPageTestCase):
    def test_each_report_requests_and_removals(self):
        day = timezone.localdate() - dt.timedelta(days=1)  # overdue
        asked = DataRequest.objects.create(account=self.gam, kind="erase", text="x", due_on=day)
        asking = "/quan-tri/yeu-cau-du-lieu/"
        people = Account.objects.filter(pk=self.gam.pk)
        removal = removals.propose(people, why="QĐ 5/QĐ-SYT", by=cast.make_staff("it.khac"))
        removing = "/quan-tri/xoa/"
        for path, heading in (
            (removing, "Xóa tài khoản"),
            (f"{removing}moi/", "Đề nghị xóa tài khoản"),
            (f"{removing}{removal.pk}/", "Danh sách đề nghị xóa"),
            (f"{removing}{removal.pk}/xac-nhan/", "Xác nhận xóa"),
            (asking, "Yêu cầu về dữ liệu cá nhân"),
            (f"{asking}{asked.pk}/", "Trả lời yêu cầu về dữ liệu cá nhân"),
            (REPORTS, "Điện thoại và mật khẩu"),
            (f"{REPORTS}don-vi/{self.department.pk}/", "Sở Một"),
            (f"{REPORTS}ma/", "Mã và tin nhắn"),
            (f"{REPORTS}ho-tro/", "Hoạt động hỗ trợ"),
        ):
            with self.subTest(path):
                self.go(path)

                self.inspect(heading)

    def test_opened_tables(self):
        self.go(f"{REPORTS}ma/")
        self.page.evaluate(OPEN_ALL)

        self.inspect("Mã và tin nhắn")

    def test_the_drawing_fits_the_window_and_can_be_read(self):
        for width, shown in ((NARROW, "narrow"), (WIDE, "wide")):
            self.page.set_viewport_size({"width": width, "height": 740})
            for path in (REPORTS, f"{REPORTS}ma/"):
                with self.subTest(path, width=width):
                    self.go(path)

                    self.assertEqual(set(self.page.evaluate(SHOWN)), {f"chart__drawing--{shown}"})
                    self.assertGreaterEqual(self.page.evaluate(SMALLEST_LETTERS), 10.5)

    def test_it_prints_on_few_sheets(self):
        for path, most in ((REPORTS, 2), (f"{REPORTS}ma/", 4)):
            self.go(path)
            paper = self.page.pdf(format="A4")

            pages = len(re.findall(rb"/Type\s*/Page\b", paper))
            self.assertLessEqual(pages, most, path)


class CampaignPageTests(StaffPageTestCase):
    def test_planning(self):
        self.go(CAMPAIGNS)
        self.inspect("Chiến dịch")
        self.follow("Lập chiến dịch mới")
        self.inspect("Lập chiến dịch mới")
        self.press("Xem trước")

        self.is_refused("Hãy đặt tên cho chiến dịch.")
        self.inspect("Lập chiến dịch mới")

    def test_from_the_plan_to_the_stop(self):
        self.go(f"{CAMPAIGNS}moi/")
        self.fill("Tên chiến dịch", "Quý IV")
        self.fill("Căn cứ", "Công văn 1/UBND")
        self.fill("Ngày nhắc lần đầu", f"{timezone.localdate():%d/%m/%Y}")
        self.page.get_by_label("Sở Một", exact=True).check()
        self.press("Xem trước")
        self.inspect("Quý IV")
        self.page.evaluate(OPEN_ALL)
        self.sees("Đây là lần nhắc cuối.")
        self.inspect("Quý IV")

        self.follow("Bắt đầu chiến dịch")
        self.inspect("Bắt đầu chiến dịch")
        self.press("Bắt đầu chiến dịch")
        self.sees("Chiến dịch đã bắt đầu.")
        self.inspect("Quý IV")
        self.follow("Xem từng người")
        self.inspect("Những người trong danh sách")
        self.page.go_back()

        self.follow("Đồng ý khóa")
        self.press("Đồng ý khóa")
        self.is_refused("Hãy ghi lý do.")
        self.inspect("Đồng ý khóa")
        self.fill("Lý do", "Công văn 2/UBND")
        self.press("Đồng ý khóa")
        self.sees("Đã ghi nhận đồng ý khóa.")
        self.inspect("Quý IV")
        self.follow("Rút lại đồng ý khóa")
        self.inspect("Rút lại đồng ý khóa")
        self.page.go_back()

        self.follow("Dừng chiến dịch")
        self.inspect("Dừng chiến dịch")
        self.fill("Lý do", "Theo chỉ đạo")
        self.press("Dừng chiến dịch")

        self.sees("Chiến dịch đã dừng.")
        self.inspect("Quý IV")

    def test_a_campaign_that_waits_for_consent(self):
        campaign = self.running(self.department)
        self.until_the_lock(campaign)
        self.go(f"{CAMPAIGNS}{campaign.pk}/")

        self.sees("đang chờ cán bộ quản trị đồng ý")
        self.inspect("Đổi mật khẩu")


class KeyboardTests(StaffPageTestCase):
    width = WIDE

    def test_a_stop_by_the_keyboard_alone(self):
        campaign = self.running(self.department)
        self.go(f"{CAMPAIGNS}{campaign.pk}/")
        self.page.get_by_role("link", name="Dừng chiến dịch").focus()
        self.page.keyboard.press("Enter")
        self.heading("Dừng chiến dịch")
        self.page.get_by_label("Lý do", exact=True).focus()
        self.page.keyboard.type("Theo chỉ đạo")
        self.page.keyboard.press("Tab")
        self.page.keyboard.press("Enter")

        self.sees("Chiến dịch đã dừng.")
