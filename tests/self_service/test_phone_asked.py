"""Whom a campaign asks for a number: at log-in, put off a few times, and then first."""

from django.test import Client, TestCase
from django.utils import timezone

from accounts.campaigns import phone_rules
from accounts.models import Account, AuditEvent, FactorDemand, PhoneMember
from tests.support import cast
from tests.support.campaigning import PhoneOffice, confirm, phone_days_pass

ASKED = "/cau-hinh/nhac-so-dien-thoai/"
HOME = "/"


class AskedTests(PhoneOffice, TestCase):
    def setUp(self):
        self.set_up_phones()

    def page(self, account):
        return f"/cau-hinh/thong-tin/{account.address}/"

    def enter(self, name="gam"):
        self.client = Client()
        self.log_in(name)
        return self.client.get(HOME)

    def test_it_is_put_off_as_often_as_is_allowed_and_then_asked_first(self):
        self.running_phones(postponements=2)
        for left in (2, 1):
            self.assertRedirects(self.enter(), ASKED)
            self.assertContains(self.client.get(ASKED), f"Còn được để sau {left} lần.")
            self.client.post(ASKED)
            self.assertEqual(self.client.get(HOME).status_code, 200)

        self.assertRedirects(self.enter(), self.page(self.gam))
        self.assertRedirects(self.client.post(ASKED), HOME, fetch_redirect_response=False)
        self.assertRedirects(self.client.get(HOME), self.page(self.gam))
        self.assertContains(self.client.get(self.page(self.gam)), "Hãy cập nhật số trước")
        self.assertEqual(PhoneMember.objects.get(account=self.gam).postponements_left, 0)
        self.assertEqual(AuditEvent.objects.filter(event="phone-postponed").count(), 2)

    def test_from_the_day_that_is_set_nothing_is_put_off(self):
        self.running_phones()
        phone_days_pass(14)

        self.assertRedirects(self.enter(), self.page(self.gam))
        self.client.post(ASKED)
        self.assertRedirects(self.client.get("/cau-hinh/"), self.page(self.gam))
        for page in ("/cau-hinh/mat-khau/", "/cau-hinh/hoat-dong/", "/huong-dan/", ASKED):
            self.assertEqual(self.client.get(page).status_code, 200, page)

    def test_a_second_factor_that_is_due_comes_before(self):
        self.running_phones(postponements=0)
        demand = FactorDemand.objects.create(unit=self.department, from_day=timezone.localdate())
        factor = "/cau-hinh/xac-thuc-hai-lop/"
        self.assertRedirects(self.enter(), factor)

        demand.delete()

        self.assertRedirects(self.client.get(HOME), self.page(self.gam))

    def test_the_number_opens_the_other_pages_at_once(self):
        self.running_phones(postponements=0)
        self.enter()
        self.client.post(self.page(self.gam), {"phone": "0987 000 009"})
        self.client.post(f"{self.page(self.gam)}xac-thuc/", {"code": cast.newest_code()})

        self.assertEqual(self.client.get(HOME).status_code, 200)

    def test_an_old_number_is_confirmed_again_by_a_code(self):
        self.running_phones(postponements=0)
        before = Account.objects.get(pk=self.ky.pk).phone_confirmed_at
        self.assertRedirects(self.enter("ky"), self.page(self.ky))

        self.client.post(self.page(self.ky), {"phone": "0987000003"})
        self.client.post(f"{self.page(self.ky)}xac-thuc/", {"code": cast.newest_code()})

        self.ky.refresh_from_db()
        self.assertGreater(self.ky.phone_confirmed_at, before)
        self.assertEqual(self.client.get(HOME).status_code, 200)

    def test_who_can_get_no_code_today_is_let_on(self):
        self.running_phones(postponements=0)
        self.enter()
        self.client.post(self.page(self.gam), {"phone": "0987000009"})
        self.assertRedirects(self.client.get(HOME), self.page(self.gam))

        r = self.client.post(self.page(self.gam), {"phone": "0987000010"})

        self.assertEqual(r.status_code, 200)
        self.assertEqual(self.client.get(HOME).status_code, 200)
        self.assertRedirects(self.enter(), self.page(self.gam))

    def test_nobody_else_is_asked(self):
        campaign = self.running_phones()
        self.assertEqual(self.enter("lan").status_code, 200)
        phone_rules.excuse(self.gam, by=self.province, why="Không có máy")
        self.assertEqual(self.enter("gam").status_code, 200)
        confirm(self.hoa)
        self.assertEqual(self.enter("hoa").status_code, 200)
        phone_rules.stop(campaign, by=self.province, why="x")
        self.assertEqual(self.enter("ky").status_code, 200)

    def test_a_default_password_comes_before_the_number(self):
        Account.objects.filter(pk=self.gam.pk).update(has_default_password=True)
        self.running_phones()

        self.assertRedirects(self.enter(), "/cau-hinh/mat-khau/")
