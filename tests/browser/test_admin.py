"""The admin's pages in a browser: for any eyes, and without breaking the content policy."""

import re

from accounts.bulk import queue, worker
from accounts.models import Address, AuditEvent, FactorDemand, Job, LoginNotice, Unit
from tests.loading.test_questions import workbook
from tests.support import cast, inspection
from tests.support.browser import NARROW, BrowserTestCase
from tests.support.loading import csv_of


class AdminLookTests(BrowserTestCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.staff = cast.make_staff("lan", "province-it")
        self.log_in_in_browser("lan")
        self.show_second_factor(self.staff)

    def faults(self):
        # What axe itself tries on a page is no fault of the page.
        found = inspection.found_by_axe(self.page)
        self.complaints.clear()
        return found

    def jobs(self):
        """Give a job in each state that looks different."""
        yield Job.ask(Job.Kind.NOTICE, self.staff, [self.an.pk, self.binh.pk])
        files = (
            csv_of(["giang", "Giàng", *[""] * 5]),
            csv_of(["x y", *[""] * 6]),
            workbook(hidden_rows=(3,), sheets=("Sở", "Xã")),
        )
        for file in files:
            job = Job.ask_import(self.staff, file, add_units=False)
            worker.work(queue.claim(job.pk))
            yield job
        # One that is under way would load the page anew while axe reads it.

    def test_every_page(self):
        unit = Unit.objects.create(name="Sở Y tế")
        notice = LoginNotice.objects.create(text="x", shown_until="2099-01-01T00:00:00Z")
        Address.objects.create(account=self.an, address="an.khac@hagiang.gov.vn")
        self.ask("an", client=self.client)
        demand = FactorDemand.objects.create(unit=unit, from_day="2099-01-01")
        event = AuditEvent.objects.first()
        for page in (
            "",
            "accounts/account/",
            "accounts/account/add/",
            "accounts/account/nap/",
            *(f"accounts/account/cong-viec/{job.pk}/" for job in self.jobs()),
            f"accounts/account/{self.an.pk}/change/",
            f"accounts/account/{self.an.pk}/history/",
            "accounts/unit/",
            f"accounts/unit/{unit.pk}/change/",
            "accounts/auditevent/",
            f"accounts/auditevent/{event.pk}/change/",
            "accounts/loginnotice/",
            f"accounts/loginnotice/{notice.pk}/change/",
            f"accounts/loginnotice/{notice.pk}/delete/",
            "accounts/factordemand/",
            "accounts/factordemand/add/",
            f"accounts/factordemand/{demand.pk}/change/",
            "chuong-trinh/",
            "chuong-trinh/moi/",
            "otp/brakes/",
            "otp/brakes/1/change/",
            "otp/code/",
            "otp/message/",
            "otp/gatewaystate/",
        ):
            with self.subTest(page):
                self.go(f"/quan-tri/{page}")

                self.assertEqual(self.complaints, [])
                self.assertEqual("\n".join(self.faults()), "")

    def test_a_long_name_makes_no_page_wider_than_the_screen(self):
        unit = Unit.objects.create(name="TrungtâmCôngnghệthôngtin" * 8)
        self.binh.full_name, self.binh.unit = "NguyễnThịBình" * 11, unit
        self.binh.address = f"{'b' * 64}@hagiang.gov.vn"
        self.binh.save()
        for page in (
            "account/",
            f"account/{self.binh.pk}/change/",
            f"account/{self.binh.pk}/history/",
            "unit/",
            f"unit/{unit.pk}/change/",
            f"unit/{unit.pk}/history/",
        ):
            with self.subTest(page):
                self.go(f"/quan-tri/accounts/{page}")

                self.assertEqual(
                    self.page.evaluate("document.scrollingElement.scrollWidth"), NARROW
                )

    def test_each_guide_for_staff_prints_on_two_pages(self):
        for page in ("/ho-tro/huong-dan/", "/quan-tri/huong-dan/"):
            with self.subTest(page):
                self.go(page)
                self.assertEqual("\n".join(self.faults()), "")

                paper = self.page.pdf(prefer_css_page_size=True)

                self.assertLessEqual(len(re.findall(rb"/Type\s*/Page\b", paper)), 2)

    def test_another_alias_has_a_label_too(self):
        Address.objects.create(account=self.an, address="an.khac@hagiang.gov.vn")
        self.go(f"/quan-tri/accounts/account/{self.an.pk}/change/")

        self.page.locator("#addresses-group .add-row a").click()

        aliases = self.page.get_by_role("group", name="Địa chỉ khác")
        fields = aliases.get_by_role("textbox", name="Địa chỉ:")
        self.assertEqual(fields.count(), 2)
        self.assertEqual(self.complaints, [])
        self.assertEqual(self.faults(), [])
