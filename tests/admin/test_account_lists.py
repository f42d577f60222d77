"""The lists of people behind the figures: the filters in /quan-tri/, and where reports lead."""

import csv
import datetime as dt
import io
import re
from html import unescape
from unittest import mock

from django.test import Client, TestCase
from django.utils import timezone

from accounts.credentials.locks import lock
from accounts.models import Account, PhoneExcuse, Unit
from accounts.models.audit_event import Ground
from tests.support import cast

LIST = "/quan-tri/accounts/account/"
REPORTS = "/quan-tri/bao-cao/"
# The lists that may be long, and what each may be sorted by.
SORTED = {
    LIST: {"address", "full_name", "pk"},
    "/quan-tri/otp/message/": {"created_at"},
    "/quan-tri/otp/code/": {"issued_at"},
    "/quan-tri/accounts/auditevent/": {"at"},
}
LINK = re.compile(r'href="(/quan-tri/accounts/account/\?[^"]*)">([^<]+)</a>')


class ListTestCase(cast.Cast, TestCase):
    @classmethod
    def setUpTestData(cls):
        now = timezone.now()
        cls.health = Unit.objects.create(name="Sở Y tế")
        cls.ward = Unit.objects.create(name="Phòng Một", parent=cls.health)
        cls.money = Unit.objects.create(name="Sở Tài chính")
        cls.province = cast.make_staff("it.tinh", "province-it", last_login=now)
        cls.unit_it = cast.make_staff("it.so", "unit-it", unit=cls.health, last_login=now)
        good = {"phone": "+84987000001", "phone_confirmed_at": now, "last_login": now}
        cls.none = cast.make("khong", unit=cls.health)
        cls.unconfirmed = cast.make("chua", unit=cls.ward, phone="+84987000002")
        old = now - dt.timedelta(days=400)
        cls.old = cast.make("cu", unit=cls.ward, **good | {"phone_confirmed_at": old})
        cls.good = cast.make("tot", unit=cls.money, has_default_password=True, **good)
        cls.hand = cast.make("tay", unit=cls.health, kind="organisation", **good)
        cls.drive = cast.make("dot", unit=cls.ward, **good)
        cls.lost = cast.make("lac", unit=cls.money, locked_at=now, **good)
        cls.off = cast.make("nghi", unit=cls.money, is_active=False, **good)
        cls.doubt = cast.make("ngo", unit=cls.money, **good | {"phone_doubted_at": now})
        lock(cls.hand, actor=cls.unit_it)
        lock(cls.drive, actor=cls.province, ground=Ground("x", "campaign-1", by_itself=True))

    def setUp(self):
        self.come_in(self.province)

    def listed(self, client=None, **query):
        r = (client or self.client).get(LIST, query)
        self.assertEqual(r.status_code, 200, query)
        found = {each.address.split("@")[0] for each in r.context["cl"].queryset}
        return found - {"it.tinh", "it.so"}


class LongListTests(ListTestCase):
    def test_no_more_is_counted_than_can_be_turned_to(self):
        with mock.patch("otp.admin.MOST", 3):
            r = self.client.get(LIST)
            few = self.client.get(LIST, {"phone": "none"})

        self.assertEqual(r.context["cl"].result_count, 3)
        self.assertContains(r, "Hơn 3 tài khoản")
        self.assertContains(r, "Chọn tất cả các dòng khớp với bộ lọc")
        self.assertNotContains(few, "Hơn")

    def test_it_is_sorted_along_an_index_alone(self):
        """Whatever its address asks for: to sort ten million rows takes longer than a page may."""
        for path, indexed in SORTED.items():
            shown = self.client.get(path).context["cl"].list_display
            for query in (f"?o={sign}{n}" for sign in ("", "-") for n in range(len(shown) + 1)):
                with self.subTest(path + query):
                    r = self.client.get(path + query)

                    first = r.context["cl"].queryset.query.order_by[0]
                    self.assertIn(first.lstrip("-"), indexed)
            if not r.context["cl"].result_count:
                continue  # nothing has headings where there is nothing
            headings = re.findall(r'class="text"><a href="\?o=-?(\d+)', r.content.decode())
            self.assertEqual({shown[int(n)] for n in headings}, indexed - {"pk"}, path)


class FilterTests(ListTestCase):
    def test_each_filter_keeps_the_people_it_names(self):
        by_hand = str(self.unit_it.pk)
        everybody = {"khong", "chua", "cu", "tot", "tay", "dot", "lac", "nghi", "ngo"}
        for query, people in (
            ({"phone": "none"}, {"khong"}),
            ({"phone": "unconfirmed"}, {"chua"}),
            ({"phone": "missing"}, {"khong", "chua", "ngo"}),
            ({"phone": "doubted"}, {"ngo"}),
            ({"phone": "old-12"}, {"cu"}),
            ({"phone": "old-24"}, set()),
            ({"phone": "good"}, everybody - {"khong", "chua", "ngo"}),
            ({"logged-in": "no"}, {"khong", "chua"}),
            ({"locked": "yes"}, {"tay", "dot", "lac"}),
            ({"locked": "no"}, everybody - {"tay", "dot", "lac"}),
            ({"locked-by": by_hand}, {"tay"}),
            ({"locked-by": "campaign"}, {"dot"}),
            ({"locked-by": "nobody"}, {"lac"}),
            ({"has_default_password__exact": "1"}, {"tot"}),
            ({"is_active__exact": "0"}, {"nghi"}),
            ({"kind__exact": "organisation"}, {"tay"}),
            ({"unit": str(self.health.pk)}, {"khong", "chua", "cu", "tay", "dot"}),
            ({"unit": f"{self.health.pk}-"}, {"khong", "tay"}),
            ({"unit": "none"}, set()),
            ({"unit": str(self.health.pk), "phone": "missing"}, {"khong", "chua"}),
        ):
            with self.subTest(query):
                self.assertEqual(self.listed(**query), people)

    def test_who_is_excused_is_a_list_too(self):
        PhoneExcuse.objects.create(account=self.none, reason="Không có máy")

        self.assertEqual(self.listed(phone="excused"), {"khong"})

    def test_a_value_that_is_none_keeps_everybody_and_breaks_nothing(self):
        for name in ("phone", "logged-in", "locked", "locked-by", "unit"):
            for value in ("x", "-", "old-13", "９", "99999999999999999999", "1--", "'"):
                with self.subTest(name, value=value):
                    self.assertEqual(self.client.get(LIST, {name: value}).status_code, 200)

    def test_it_of_a_unit_filters_its_own_people_only(self):
        client = Client()
        self.come_in(self.unit_it, client)

        self.assertEqual(self.listed(client, unit=str(self.money.pk)), set())
        self.assertEqual(self.listed(client, phone="missing"), {"khong", "chua"})
        self.assertNotContains(client.get(LIST), "Sở Tài chính")

    def test_units_are_chosen_step_by_step(self):
        def offered(unit=""):
            page = self.client.get(LIST, {"unit": unit} if unit else {}).content.decode()
            return set(re.findall(r"[?&]unit=(\d+-?|none)(?=\W)", page))

        health, money, ward = (str(each.pk) for each in (self.health, self.money, self.ward))
        self.assertEqual(offered(), {health, money, "none"})
        self.assertEqual(offered(health), {health, f"{health}-", ward, "none"})
        self.assertEqual(offered(ward), {health, ward, "none"})
        self.assertEqual(offered(f"{ward}-"), {health, ward, f"{ward}-", "none"})
        Account.objects.filter(unit=self.money).update(unit=None)
        self.money.delete()
        self.assertEqual(offered(), {health, f"{health}-", ward, "none"})

    def test_a_unit_is_named_with_the_one_above_it(self):
        r = self.client.get(LIST)

        self.assertContains(r, "Phòng Một (Sở Y tế)")

    def test_what_was_filtered_is_taken_away_with_who_locked_whom(self):
        data = {"action": "export_csv", "_selected_action": [self.hand.pk], "select_across": "1"}
        data["why"] = "Báo cáo quý"
        r = self.client.post(f"{LIST}?locked=yes", data)

        rows = list(csv.DictReader(io.StringIO(r.getvalue().decode("utf-8-sig"))))
        lockers = {row["Địa chỉ thư điện tử"].split("@")[0]: row["Bị khóa bởi"] for row in rows}
        self.assertEqual(lockers, {"tay": "it.so@hagiang.gov.vn", "dot": "chiến dịch", "lac": ""})


class ReportTests(ListTestCase):
    def test_each_figure_leads_to_the_list_of_as_many_people(self):
        counts = {}
        for page in (REPORTS, f"{REPORTS}don-vi/{self.health.pk}/"):
            links = LINK.findall(self.client.get(page).content.decode())
            self.assertGreater(len(links), 20)
            for href, figure in links:
                if href not in counts:
                    r = self.client.get(unescape(href))
                    counts[href] = str(r.context["cl"].queryset.count())
                if "%" not in figure:
                    with self.subTest(page, href=href):
                        self.assertEqual(counts[href], figure)


class ColumnsTests(ListTestCase):
    def test_how_an_account_stands_is_said_in_words(self):
        page = self.client.get(LIST).content.decode()

        today = f"{timezone.localdate():%d/%m/%Y}"
        rows = {
            name: re.findall(
                r'class="field-(?:number|state)[^"]*">([^<]*)</td>',
                re.search(rf">{name}@.*?</tr>", page, re.DOTALL)[0],
            )
            for name in ("khong", "chua", "ngo", "tot", "lac", "nghi")
        }
        self.assertEqual(rows["khong"], ["chưa có số", "đang dùng"])
        self.assertEqual(rows["chua"], ["***002: số chưa xác thực", "đang dùng"])
        self.assertEqual(rows["ngo"][0], "***001: có thể không còn của chủ hộp thư")
        self.assertEqual(rows["tot"], ["***001: số đã xác thực", "mật khẩu mặc định"])
        self.assertEqual(rows["lac"][1], f"khóa từ {today}")
        self.assertEqual(rows["nghi"][1], "ngừng sử dụng")
        self.assertNotIn("icon-no.svg", page)

    def test_somebody_is_searched_for_by_post_at_the_desk(self):
        page = self.client.get(LIST).content.decode()
        form = re.search(r'<form class="find".*?</form>', page, re.DOTALL)[0]
        self.assertIn('method="post" action="/ho-tro/"', form)

        r = self.client.post("/ho-tro/", {"words": "khong"})

        self.assertEqual(r["Location"], f"/ho-tro/tai-khoan/{self.none.pk}/")

    def test_an_account_leads_to_its_own_history_and_to_the_desk(self):
        page = self.client.get(f"{LIST}{self.hand.pk}/change/").content.decode()
        self.assertIn(f'href="/ho-tro/tai-khoan/{self.hand.pk}/"', page)

        r = self.client.get(f"{LIST}{self.hand.pk}/history/", follow=True)

        self.assertEqual({row.account_id for row in r.context["cl"].result_list}, {self.hand.pk})
        self.assertContains(r, "Khóa")

    def test_the_trail_is_asked_for_no_column_of_an_account(self):
        trail = "/quan-tri/accounts/auditevent/"
        for query in ({"account__phone__startswith": "+84"}, {"account__password": "x"}):
            with self.subTest(query):
                self.assertEqual(self.client.get(trail, query).status_code, 400)
