"""The slips' pages of IT: for whom, printed once, given again, taken back, who used theirs."""

import re
from unittest import mock

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.activation.slips import MOST_AT_ONCE
from accounts.custody.rules import entrust
from accounts.models import Account, ActivationSlip, AuditEvent, Unit
from tests.activation.test_activation import GIVE, NOT_RIGHT, SLIP, newcomer
from tests.support import cast
from tests.support.plans import plans_of

LIST = "/quan-tri/phieu-kich-hoat/"
CODE = re.compile(r'slip__code">([^<]*)<')
FEW = 40  # statements, of which none is for one person alone
NOBODY = "Phiếu chỉ dành cho tài khoản trong phạm vi của bạn"


class Offices(cast.Cast, TestCase):
    """Lan and Mai are new in the unit that its IT looks after, Nga in another."""

    def setUp(self):
        self.set_up_people()
        self.ours = Unit.objects.create(name="Sở Y tế")
        ward = Unit.objects.create(name="Phòng Tổ chức", parent=self.ours)
        self.theirs = Unit.objects.create(name="Sở Tài chính")
        self.lan = newcomer("lan", unit=self.ours, full_name="Hoàng Thị Lan")
        self.mai = newcomer("mai", unit=ward)
        self.nga = newcomer("nga", unit=self.theirs)
        self.province = self.desk_of("it.tinh", "province-it")
        self.unit = self.desk_of("it.so", "unit-it", unit=self.ours)

    def desk_of(self, name, role, **columns):
        staff = cast.make_staff(name, role, **columns)
        Account.objects.filter(pk=staff.pk).update(is_superuser=False)
        desk = Client(REMOTE_ADDR=f"192.0.2.{staff.pk % 250 + 1}")
        self.come_in(staff, client=desk)
        return desk

    def ask(self, desk, **data):
        return desk.post(GIVE, {"addresses": "", "unit": "", "layout": "mot", **data})

    def print_slips(self, desk, *people, layout="mot"):
        keys = ",".join(str(each.pk) for each in people)
        return desk.post(GIVE, {"people": keys, "layout": layout, "why": "Người mới tuyển"})

    def codes(self, response):
        return CODE.findall(response.content.decode())


class WaitingTests(Offices):
    def counted(self, desk):
        return re.search(
            r"<p>\s*([^<]*?) người mới trong phạm vi", desk.get(LIST).content.decode()
        )[1]

    def test_the_newcomers_of_each_reach_are_counted(self):
        self.assertEqual((self.counted(self.province), self.counted(self.unit)), ("4", "2"))

    def test_of_very_many_the_page_says_that_there_are_more(self):
        with mock.patch("accounts.pages.lists.MOST_COUNTED", 2):
            self.assertEqual((self.counted(self.province), self.counted(self.unit)), ("Hơn 2", "2"))

    def test_they_are_found_without_those_who_have_no_number(self):
        # Among others: with a handful of rows every index is as good.
        Account.objects.bulk_create(
            Account(address=f"da.vao.{n}@hagiang.gov.vn", password="!", last_login=timezone.now())
            for n in range(1_000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_account")
        (plan,) = plans_of(lambda: self.province.get(LIST), '"last_login" IS NULL')

        self.assertIn("account_newcomer", plan)


class ForWhomTests(Offices):
    def test_a_unit_s_newcomers_are_shown_before_anything_is_given(self):
        r = self.ask(self.unit, unit=self.ours.pk)

        self.assertContains(r, "lan@")
        self.assertContains(r, "mai@")
        self.assertNotContains(r, "nga@")
        self.assertContains(r, f'value="{self.lan.pk},{self.mai.pk}"')
        self.assertFalse(ActivationSlip.objects.exists())

    def test_a_ground_is_asked_for_and_goes_on_record(self):
        data = {"people": str(self.lan.pk), "layout": "bon"}
        r = self.unit.post(GIVE, data)

        self.assertContains(r, "Hãy ghi lý do.")
        self.assertContains(r, f'value="{self.lan.pk}"')
        self.assertContains(r, '<option value="bon" selected>')
        self.assertFalse(ActivationSlip.objects.exists())
        self.unit.post(GIVE, data | {"why": "Quyết định 7/QĐ"})
        event = AuditEvent.objects.get(event="slip-given")
        self.assertEqual(event.detail["why"], "Quyết định 7/QĐ")

    def test_those_with_a_good_slip_are_left_out_of_a_unit(self):
        self.print_slips(self.unit, self.lan)

        self.assertNotContains(self.ask(self.unit, unit=self.ours.pk), "lan@")

    def test_only_who_was_never_in_and_never_had_a_number(self):
        now = timezone.now()
        for name, columns in {
            "co.so": {"phone": "+84912000100"},
            "da.vao": {"last_login": now},
            "da.doi": {"password_changed_at": now},
            "khoa": {"locked_at": now},
            "nghi": {"is_active": False},
            "can.bo": {"is_staff": True},
            "co.mat.khau": {"password": make_password(cast.PASSWORD)},
        }.items():
            with self.subTest(name=name):
                person = newcomer(name, unit=self.ours)
                Account.objects.filter(pk=person.pk).update(**columns)

                self.assertContains(self.ask(self.province, addresses=name), NOBODY)
                r = self.print_slips(self.province, person)
                self.assertRedirects(r, GIVE)
        self.assertFalse(ActivationSlip.objects.exists())

    def test_a_mailbox_with_somebody_responsible_gets_none_even_after_a_hand_over(self):
        box = newcomer("hop.thu", unit=self.ours, kind="organisation", phone="+84912000100")
        now = timezone.now()
        ours, theirs = (
            cast.make(name, phone=f"+8491200020{n}", phone_confirmed_at=now, unit=self.ours)
            for n, name in enumerate(("truoc", "sau"))
        )
        for keeper in (ours, theirs):
            entrust(box, responsible=keeper, deputy=None, decision="12/QĐ", by=self.em)

        self.assertContains(self.ask(self.unit, addresses="hop.thu"), NOBODY)
        self.assertRedirects(self.print_slips(self.unit, box), GIVE)
        self.assertFalse(ActivationSlip.objects.exists())

    def test_a_default_password_is_no_password_of_one_s_own(self):
        r = self.print_slips(self.province, self.em)

        self.assertEqual(len(self.codes(r)), 1)

    def test_who_marked_a_password_as_default_leaves_the_slip_to_another(self):
        own = newcomer("an.co", unit=self.ours)
        Account.objects.filter(pk=own.pk).update(password=make_password(cast.PASSWORD))
        data = {"full_name": "", "kind": "person", "unit": self.ours.pk, "is_active": "on"}
        edit = f"/quan-tri/accounts/account/{own.pk}/change/"
        self.unit.post(edit, data | {"has_default_password": "on"} | cast.NO_ALIASES)
        own.refresh_from_db()
        self.assertTrue(own.has_default_password)

        self.assertContains(self.ask(self.unit, addresses="an.co"), "để cán bộ khác in phiếu")
        self.assertRedirects(self.print_slips(self.unit, own), GIVE)
        self.assertEqual(len(self.codes(self.print_slips(self.province, own))), 1)

    def test_the_it_of_a_unit_gives_slips_to_its_own(self):
        self.assertContains(self.ask(self.unit, addresses="lan nga"), NOBODY)
        self.assertContains(self.ask(self.unit, unit=self.theirs.pk), "không thuộc phạm vi")
        r = self.print_slips(self.unit, self.lan, self.nga)

        self.assertEqual(len(self.codes(r)), 1)
        self.assertEqual(ActivationSlip.objects.get().account, self.lan)

    def test_by_addresses_in_any_spelling(self):
        r = self.ask(self.province, addresses="LAN@hagiang.gov.vn\nmai; nga")

        self.assertContains(r, f'value="{self.lan.pk},{self.mai.pk},{self.nga.pk}"')

    def test_what_is_no_choice_is_said(self):
        for data in ({}, {"addresses": "lan", "unit": self.ours.pk}):
            self.assertContains(self.ask(self.province, **data), "một trong hai")
        self.assertContains(self.ask(self.province, addresses="a@gmail.com"), "a@gmail.com")
        data = {"people": "x,,9" + "9" * 5000, "why": "x"}
        self.assertEqual(self.province.post(GIVE, data).status_code, 302)

    def test_those_ticked_in_the_list_of_accounts(self):
        ticked = [self.lan.pk, self.an.pk, self.nga.pk]
        data = {"action": "slips_for_chosen", "_selected_action": ticked}
        r = self.unit.post("/quan-tri/accounts/account/", data)

        self.assertContains(r, f'value="{self.lan.pk}"')


class PaperTests(Offices):
    def test_one_or_four_on_a_page_each_with_the_name_outside(self):
        for layout, shape in (("mot", "slip--one"), ("bon", "slip--four")):
            with self.subTest(layout=layout):
                r = self.print_slips(self.province, self.lan, self.mai, layout=layout)

                self.assertContains(r, shape, count=2)
                outside, inside, _ = (
                    part.split("</section>")[0]
                    for part in r.content.decode().split('slip__part">')[1:4]
                )
                self.assertIn("Hoàng Thị Lan", outside)
                self.assertNotIn("Hoàng Thị Lan", inside)
                self.assertIn(self.codes(r)[0], inside)
                self.assertIn("no-store", r["Cache-Control"])

    def test_three_hundred_at_once_in_few_statements(self):
        people = [newcomer(f"moi.{n}", unit=self.ours) for n in range(MOST_AT_ONCE + 1)]
        r = self.ask(self.unit, unit=self.ours.pk)
        self.assertContains(r, f"In {MOST_AT_ONCE} phiếu")
        with CaptureQueriesContext(connection) as work:
            r = self.print_slips(self.unit, *people)

        self.assertLess(len(work), FEW)
        self.assertEqual(len(set(self.codes(r))), MOST_AT_ONCE)
        given = AuditEvent.objects.filter(event="slip-given")
        self.assertEqual(given.count(), MOST_AT_ONCE)

    def test_no_other_page_shows_a_code(self):
        codes = self.codes(self.print_slips(self.province, self.lan))

        for page in (LIST, GIVE, "/quan-tri/accounts/auditevent/", "/quan-tri/"):
            r = self.province.get(page)
            self.assertNotContains(r, codes[0])


class ListTests(Offices):
    def states(self, desk, show=""):
        page = desk.get(LIST, {"loc": show}).content.decode()
        return re.findall(r"figures__name--address[^>]*>([a-z.]+)@", page)

    def test_what_became_of_each(self):
        code = self.codes(self.print_slips(self.province, self.lan))[0]
        self.print_slips(self.province, self.mai, self.nga)
        self.print_slips(self.province, self.nga)
        ActivationSlip.objects.filter(account=self.mai).update(used_at=timezone.now())

        self.assertEqual(sorted(self.states(self.province)), ["lan", "mai", "nga", "nga"])
        self.assertEqual(self.states(self.province, "da-dung"), ["mai"])
        self.assertEqual(self.states(self.province, "da-huy"), ["nga"])
        self.assertEqual(sorted(self.states(self.province, "cho")), ["lan", "nga"])
        self.assertEqual(sorted(set(self.states(self.unit))), ["lan", "mai"])
        ActivationSlip.objects.filter(account=self.lan).update(good_until=timezone.now())
        self.assertEqual(self.states(self.province, "qua-han"), ["lan"])
        r = self.client.post(SLIP, {"address": "lan", "code": code})
        self.assertContains(r, NOT_RIGHT)

    def test_a_slip_that_was_lost_is_taken_back(self):
        code = self.codes(self.print_slips(self.province, self.lan))[0]
        page = f"{LIST}{ActivationSlip.objects.get().pk}/huy/"
        self.assertEqual(self.province.get(page).status_code, 405)

        r = self.unit.post(page, follow=True)

        self.assertContains(r, "Đã hủy phiếu của lan@")
        self.assertContains(self.client.post(SLIP, {"address": "lan", "code": code}), NOT_RIGHT)
        self.assertTrue(AuditEvent.objects.filter(event="slip-ended", account=self.lan).exists())
        self.assertContains(self.unit.post(page, follow=True), "đã hủy từ trước")

    def test_nobody_takes_back_another_unit_s(self):
        self.print_slips(self.province, self.nga)
        page = f"{LIST}{ActivationSlip.objects.get().pk}/huy/"

        self.assertEqual(self.unit.post(page).status_code, 404)
        hotline = self.desk_of("truc", "hotline")
        self.assertEqual(hotline.post(page).status_code, 403)
