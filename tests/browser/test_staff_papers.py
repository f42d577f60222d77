"""What IT prints for others, on the sheets that come out of the printer."""

import re

from accounts.activation.forms import Layout
from accounts.models import Account, Unit
from tests.support import cast
from tests.support.browser import WIDE, BrowserTestCase, check

# Without a blank at which to break a line, of the widest letter, as long as the portal takes them.
LONG_NAME, LONG_UNIT = "Ươ" * 75, "W" * 200
NEWCOMERS = (*(f"moi{n}" for n in range(1, 5)), f"moi5.{'x' * 59}")
SPILLS = """() => [...document.querySelectorAll('.slip__part')].filter(part =>
    part.lastElementChild.getBoundingClientRect().bottom > part.getBoundingClientRect().bottom
    || part.getBoundingClientRect().bottom > part.parentElement.getBoundingClientRect().bottom + 1
    || part.scrollWidth > part.clientWidth).map(part => part.innerText)"""


class SlipPaperTests(BrowserTestCase):
    """Five newcomers; the last has a name and a unit as long as the portal takes them."""

    width = WIDE

    def setUp(self):
        super().setUp()
        self.log_in_in_browser(cast.make_staff("lan", "province-it").get_username())
        self.show_second_factor(Account.objects.get(address="lan@hagiang.gov.vn"))
        above = Unit.objects.create(name="M" * 200)
        unit = Unit.objects.create(name=LONG_UNIT, parent=above)
        for name in NEWCOMERS[:4]:
            Account.objects.create_user(name, None, full_name="Sùng Thị Mai")
        Account.objects.create_user(NEWCOMERS[4], None, full_name=LONG_NAME, unit=unit)

    def sheets(self, layout, people):
        """Print slips for so many, and count the sheets."""
        self.go("/quan-tri/phieu-kich-hoat/in/")
        self.fill("Địa chỉ thư điện tử", "\n".join(NEWCOMERS[:people]))
        self.page.locator("[name=layout]").select_option(layout)
        self.press("Xem trước")
        self.fill("Lý do", "Danh sách người mới")
        self.press(f"In {people} phiếu")
        check(self.page.locator(".slip")).to_have_count(people)
        self.page.wait_for_load_state()
        self.page.emulate_media(media="print")
        self.assertEqual(self.page.evaluate(SPILLS), [])
        paper = self.page.pdf(prefer_css_page_size=True)
        self.page.emulate_media(media="screen")
        return len(re.findall(rb"/Type\s*/Page\b", paper))

    def test_no_sheet_is_empty_and_no_slip_runs_into_another(self):
        cases = ((Layout.ONE, 5, 5), (Layout.FOUR, 4, 1), (Layout.FOUR, 5, 2))
        for layout, people, sheets in cases:
            with self.subTest(layout, people=people):
                self.assertEqual(self.sheets(layout, people), sheets)
                if people == 5:
                    check(self.page.locator(".slip").last).to_contain_text(f"…/{LONG_UNIT}")
