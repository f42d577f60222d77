"""A second factor that IT asks of a role or of a unit: told before, then set up before all else."""

import datetime as dt

from django.test import Client, TestCase
from django.utils import timezone

from accounts.models import Account, AuditEvent, FactorDemand, Unit
from accounts.organisation import roles
from accounts.organisation.roles import Role
from tests.access.test_enrolment import ENROL, OWN, app_of
from tests.self_service.test_own_factor import OFF, turn_on
from tests.support import cast
from tests.support.cast import LOGIN, PASSWORD
from tests.support.clock import let_pass

PAGES = "/quan-tri/accounts/factordemand/"
ASKED = "phải có xác thực hai lớp"


class Demands(cast.Cast):
    """An works below Sở Y tế, Binh elsewhere; Mai is of the hotline, with an app."""

    def setUp(self):
        self.set_up_people()
        self.office = Unit.objects.create(name="Sở Y tế")
        self.below = Unit.objects.create(name="Văn phòng", parent=self.office)
        Account.objects.filter(pk=self.an.pk).update(unit=self.below)
        self.binh_s_unit = Unit.objects.create(name="Sở Tài chính")
        Account.objects.filter(pk=self.binh.pk).update(unit=self.binh_s_unit)

    def demand(self, *, days=0, **of):
        day = timezone.localdate() + dt.timedelta(days)
        return FactorDemand.objects.create(from_day=day, **(of or {"unit": self.office}))


class BeforeTests(Demands, TestCase):
    def test_the_home_page_names_the_day(self):
        demand = self.demand(days=7)
        self.log_in("an")

        r = self.client.get("/")

        self.assertContains(r, f"{demand.from_day:%d/%m/%Y}")
        self.assertContains(r, f'href="{OWN}"')
        self.assertEqual(self.client.get("/cau-hinh/").status_code, 200)

    def test_of_two_the_earlier_counts(self):
        self.demand(days=9)
        earlier = self.demand(days=7, unit=self.below)
        self.log_in("an")

        self.assertContains(self.client.get("/"), f"{earlier.from_day:%d/%m/%Y}")

    def test_others_and_who_has_one_are_told_nothing(self):
        self.demand(days=7)
        turn_on(self.an)
        self.come_in(self.an)
        self.assertNotContains(self.client.get("/"), ASKED)
        self.log_in("binh", client=(other := Client()))

        self.assertNotContains(other.get("/"), ASKED)


class FromThenOnTests(Demands, TestCase):
    def test_nothing_else_opens_until_there_is_one(self):
        self.demand()
        self.log_in("an")
        for page in ("/", "/cau-hinh/", "/cau-hinh/hoat-dong/", "/cau-hinh/du-lieu/", OFF):
            for act in (self.client.get, self.client.post):
                with self.subTest(page=page, act=act.__name__):
                    self.assertRedirects(act(page), OWN)
        self.assertContains(self.client.get(OWN), ASKED)

        page = self.client.get(ENROL).content.decode()
        self.client.post(ENROL, {"token": app_of(page)})

        self.assertEqual(self.client.get("/").status_code, 200)

    def test_log_out_works(self):
        self.demand()
        self.log_in("an")

        self.assertRedirects(self.client.post("/dang-xuat/"), LOGIN)

    def test_it_begins_on_the_day(self):
        self.demand(days=1)
        self.log_in("an")
        self.assertEqual(self.client.get("/").status_code, 200)
        let_pass(self, days=1)

        self.log_in("an", client=(later := Client()))

        self.assertRedirects(later.get("/"), OWN)

    def test_a_role_s_people_are_asked(self):
        self.demand(role=roles.groups_of(Role.HOTLINE).get())
        mai = cast.make("mai", is_staff=True)
        mai.groups.set(roles.groups_of(Role.HOTLINE))
        self.log_in("mai")
        self.assertRedirects(self.client.get("/"), OWN, fetch_redirect_response=False)
        self.log_in("an", client=(other := Client()))

        self.assertEqual(other.get("/").status_code, 200)
        r = self.client.get("/", follow=True)
        self.assertEqual(r.redirect_chain[-1][0], ENROL)

    def test_an_organisation_s_mailbox_is_left_out(self):
        self.demand()
        cast.make("so.y.te", kind="organisation", unit=self.office)
        self.log_in("so.y.te")

        self.assertEqual(self.client.get("/").status_code, 200)

    def test_a_default_password_is_changed_first(self):
        self.demand()
        Account.objects.filter(pk=self.an.pk).update(has_default_password=True)
        self.log_in("an")

        r = self.client.get("/", follow=True)

        self.assertEqual(r.redirect_chain[-1][0], "/cau-hinh/mat-khau/")

    def test_whoever_turns_it_off_is_asked_at_once(self):
        codes = turn_on(self.an)
        self.come_in(self.an)
        self.demand()

        self.client.post(OFF, {"password": PASSWORD, "token": codes[0]})

        self.assertRedirects(self.client.get("/"), OWN)

    def test_it_ends_with_the_demand(self):
        demand = self.demand()
        self.log_in("an")
        demand.delete()

        self.assertEqual(self.client.get("/").status_code, 200)


class PageTests(Demands, TestCase):
    def setUp(self):
        super().setUp()
        self.it = cast.make_staff("it", "province-it")
        self.come_in(self.it)
        self.day = timezone.localdate() + dt.timedelta(30)

    def ask_of(self, **fields):
        return self.client.post(
            f"{PAGES}add/", {"role": "", "unit": "", "from_day": f"{self.day:%d/%m/%Y}"} | fields
        )

    def test_it_is_asked_on_record(self):
        self.assertRedirects(self.ask_of(unit=self.office.pk), PAGES)

        self.assertEqual(FactorDemand.objects.get().from_day, self.day)
        event = AuditEvent.objects.get(event="factor-demand-edited")
        self.assertEqual((event.actor, event.detail["of"]), (self.it, "Sở Y tế"))

    def test_what_makes_no_sense_is_refused(self):
        hotline = roles.groups_of(Role.HOTLINE).get().pk
        for fields, sentence in (
            ({}, "Hãy chọn một vai trò hoặc một đơn vị"),
            ({"role": hotline, "unit": self.office.pk}, "không chọn cả hai"),
            ({"unit": self.office.pk, "from_day": "01/01/2020"}, "Ngày này đã qua"),
        ):
            with self.subTest(sentence):
                self.assertContains(self.ask_of(**fields), sentence)
        self.assertFalse(FactorDemand.objects.exists())

    def test_it_is_ended_on_record(self):
        demand = self.demand(days=3)

        self.client.post(f"{PAGES}{demand.pk}/delete/", {"post": "yes"})

        self.assertFalse(FactorDemand.objects.exists())
        self.assertEqual(AuditEvent.objects.get(event="factor-demand-edited").reason, "ended")
