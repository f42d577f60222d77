"""The hotline finds people by whatever the caller says, and leaves no trace of it in an address."""

import re
from unittest import mock

from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext

from accounts.hotline import search
from accounts.models import AuditEvent, Unit
from otp.models import Message
from tests.support import cast
from tests.support.plans import plans_of

DESK = "/ho-tro/"


class LookupTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.office = Unit.objects.create(name="Sở Y tế", code="SYT")
        self.ward = Unit.objects.create(name="Phòng Tổ chức", parent=self.office)
        self.other = Unit.objects.create(name="Sở Tài chính", code="STC")
        self.hoa = cast.make("hoa.nt", full_name="Nguyễn Thị Hoà", unit=self.ward)
        self.duc = cast.make("duc.nv", full_name="Nguyễn Đức Hoàng", unit=self.other)
        self.mai = cast.make_staff("mai", "hotline")
        self.come_in(self.mai)

    def look(self, words="", unit="", client=None):
        return (client or self.client).post(DESK, {"words": words, "unit": unit})

    def found(self, words="", unit=""):
        r = self.look(words, unit)
        if r.status_code == 302:
            return [r.url]
        return [person.address.partition("@")[0] for person in r.context["found"].people]

    def page_of(self, account):
        return [f"/ho-tro/tai-khoan/{account.pk}/"]


class FindingTests(LookupTestCase):
    def test_by_address(self):
        for words in ("hoa.nt", "hoa.nt@hagiang.gov.vn", " HOA.NT@HaGiang.gov.vn ", "hoa.nt\u200b"):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(self.hoa))
        self.assertEqual(self.found("hoa.n"), ["hoa.nt"])

    def test_a_whole_address_leads_to_the_person(self):
        self.assertEqual(self.found("hoa.nt@hagiang.gov.vn"), self.page_of(self.hoa))

    def test_by_name_with_or_without_accents_in_any_order(self):
        for words in ("Nguyễn Thị Hoà", "nguyen thi hoa", "HOA NGUYEN", "Nguyên hòa", "thi hoa"):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(self.hoa))
        self.assertEqual(self.found("nguyen"), ["duc.nv", "hoa.nt"])
        self.assertEqual(self.found("Đức"), self.page_of(self.duc))
        self.assertEqual(self.found("duc"), self.page_of(self.duc))

    def test_a_name_with_a_title_is_a_name(self):
        titled = cast.make("xuan.bs", full_name="BS. Lò Thị Xuân")

        for words in ("BS. Lò Thị Xuân", "bs. xuan"):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(titled))

    def test_an_address_as_mail_programs_write_it(self):
        address = self.duc.address

        for words in (f"Nguyễn Đức <{address}>", f"<{address}>", f'"Duc, N." <{address}>;'):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(self.duc))

    def test_the_last_word_may_be_a_beginning(self):
        self.assertEqual(self.found("nguyen duc hoa"), self.page_of(self.duc))

    def test_by_unit_and_those_below_it(self):
        for unit in ("sở y tế", "SYT", "y te"):
            with self.subTest(unit):
                self.assertEqual(self.found("", unit), self.page_of(self.hoa))
        self.assertEqual(self.found("nguyen", "tai chinh"), self.page_of(self.duc))
        self.assertEqual(self.found("nguyen", "khong co"), [])

    @mock.patch.object(search, "SAMPLE", 1)
    def test_a_name_is_found_beyond_those_who_are_looked_through_first(self):
        colleague = cast.make("binh.lt", full_name="Lò Thị Bình", unit=self.ward)

        for words, unit, person in (
            ("duc hoang", "", self.duc),
            ("thi hoa", "", self.hoa),
            ("thi hoa", "y te", self.hoa),
            ("lo binh", "y te", colleague),
            ("lo bi", "SYT", colleague),
        ):
            with self.subTest(words, unit=unit):
                self.assertEqual(self.found(words, unit), self.page_of(person))

    def test_a_unit_is_found_by_the_index_of_its_words(self):
        (plan,) = plans_of(lambda: self.look(unit="y te"), "accounts_fold")

        self.assertIn("Bitmap Index Scan on unit_name_words", plan)

    def test_a_page_asks_once_for_the_roles_of_whoever_looks(self):
        with CaptureQueriesContext(connection) as asked:
            self.look("khong ai")

        roles = [each for each in asked if '"auth_group"."name" FROM' in each["sql"]]
        self.assertEqual(len(roles), 1)

    def test_by_the_end_of_the_number(self):
        for words in ("6981", "466 981", "0987466981", "+84 987 466 981", "84987466981"):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(self.an))

    def test_a_masked_number_as_the_caller_reads_it(self):
        for words in ("***466981", "*** 466 981", "0987***981", "0987 *** 466981", "xxx466981"):
            with self.subTest(words):
                self.assertEqual(self.found(words), self.page_of(self.an))
        for words in ("***981", "0912***981", "098***981", "0987***6"):
            with self.subTest(words):
                self.assertEqual(self.found(words), [])

    def test_three_digits_find_nobody(self):
        self.assertEqual(self.found("981"), [])

    def test_nothing_finds_nobody(self):
        r = self.look()

        self.assertContains(r, "Hãy nhập địa chỉ, họ tên, số cuối hoặc đơn vị để tìm.")
        self.assertIsNone(r.context["found"])

    def test_signs_of_the_query_language_are_words_like_others(self):
        for words in (
            "a & b",
            "' OR 1=1 --",
            "hoa:*",
            "!hoa",
            "%",
            "_",
            "\\",
            "\x00",
            "(",
            "x" * 300,
        ):
            with self.subTest(words):
                self.assertEqual(self.look(words).status_code, 200 if "hoa" not in words else 302)

    def test_the_last_ten_that_were_looked_at_stand_beside_each_page(self):
        people = [self.hoa, *(cast.make(f"nguoi{n}") for n in range(10)), self.duc, self.hoa]
        for person in people:
            self.client.get(f"/ho-tro/tai-khoan/{person.pk}/")

        recent = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/khoa/").context["recent"]

        self.assertEqual([one.pk for one in recent[:2]], [self.hoa.pk, self.duc.pk])
        self.assertEqual(len(recent), 10)
        lan = cast.make_staff("lan", "hotline")
        self.come_in(lan, client=(other := Client()))
        self.assertEqual(other.get(DESK).context["recent"], [])

    def test_at_most_twenty_are_shown(self):
        for n in range(25):
            cast.make(f"nhieu{n}", full_name="Sùng Mí Dùa")

        r = self.look("sung mi dua")

        self.assertEqual(len(r.context["found"].people), search.MOST)
        self.assertContains(r, "Có hơn 20 người")

    def test_no_result_shows_a_number(self):
        cast.make("an.ha", phone="+84987466982", full_name="Lý Văn An")

        for page in (self.look("van an"), self.client.get(self.page_of(self.an)[0])):
            self.assertNotContains(page, "46698")
            self.assertContains(page, "an@hagiang.gov.vn")

    def test_odd_signs_are_looked_for_like_others(self):
        for words in ("a½b", "¼½¾⅓⑴⑵", "ŉ", "đ'đ", "\\", "Ⅷ", "a b c d e f g h"):
            for fields in ((words, ""), ("", words), (words, words)):
                with self.subTest(fields):
                    self.assertIn(self.look(*fields).status_code, (200, 302))

    def test_a_number_is_not_read_out_digit_by_digit(self):
        for digits in ("7466981", "87466981", "987466981"):
            with self.subTest(digits):
                self.assertEqual(self.look(digits).context["found"].people, [])
        whole = ("0987466981", "tel:+84 987 466 981", "0987/466/981 (Zalo)", "084987466981")
        for digits in ("6981", "466981", *whole):
            with self.subTest(digits):
                self.assertEqual(self.look(digits).status_code, 302)


class DiscretionTests(LookupTestCase):
    def test_what_is_in_the_address_of_the_page_is_not_looked_for(self):
        r = self.client.get(DESK, {"words": "hoa.nt", "q": "hoa.nt"})

        self.assertNotContains(r, "Nguyễn Thị Hoà")

    def test_each_look_up_is_on_record_without_its_words(self):
        self.look("nguyen")

        event = AuditEvent.objects.get(event="looked-up")
        self.assertEqual((event.actor, event.detail), (self.mai, {"by": "name", "found": 2}))

    def test_who_looked_at_whom_is_on_record(self):
        self.client.get(self.page_of(self.hoa)[0])

        event = AuditEvent.objects.get(event="viewed")
        self.assertEqual((event.actor, event.account), (self.mai, self.hoa))

    def test_very_many_look_ups_are_told_to_it(self):
        with self.settings(ALERT_EMAILS=["it@example.gov.vn"]):
            for _ in range(62):
                self.look("nguyen")

        alert = Message.objects.get(channel="mail")
        self.assertIn("mai@hagiang.gov.vn", alert.text)

    def test_the_it_of_a_unit_finds_its_own_people_only(self):
        own = cast.make_staff("lan", "unit-it", unit=self.office)
        self.come_in(own, client=(browser := Client()))

        def found(words, unit=""):
            r = self.look(words, unit, client=browser)
            return r.url if r.status_code == 302 else [p.address for p in r.context["found"].people]

        self.assertEqual(found("nguyen"), self.page_of(self.hoa)[0])
        for words, unit in (
            ("duc.nv", ""),
            ("duc.nv@hagiang.gov.vn", ""),
            ("6981", ""),
            ("", "STC"),
        ):
            with self.subTest(words or unit):
                self.assertEqual(found(words, unit), [])

    def test_the_it_of_a_unit_is_not_told_whether_another_unit_has_an_address(self):
        own = cast.make_staff("lan", "unit-it", unit=self.office)
        self.come_in(own, client=(browser := Client()))

        pages = [
            self.look(words, client=browser).content.decode().replace(words, "")
            for words in ("duc.nv@hagiang.gov.vn", "ai.do@hagiang.gov.vn")
        ]

        first, second = (re.sub(r'value="[^"]{64}"', "", page) for page in pages)
        self.assertEqual(first, second)


class UnknownAddressTests(LookupTestCase):
    def test_an_address_that_nobody_has_is_shown_like_any_other(self):
        self.ask("khong.co", client=(stranger := Client()))
        r = self.look("khong.co@hagiang.gov.vn")
        self.assertContains(r, "không có trong hệ thống")

        page = self.client.get(f"/ho-tro/dia-chi/{r.context['unknown']}/")

        self.assertContains(page, "khong.co@hagiang.gov.vn")
        self.assertContains(page, "<strong>1</strong> trên <strong>2</strong>")
        self.assertContains(page, "không có số điện thoại để gửi tới")
        self.assertNotContains(page, "Việc có thể làm")
        self.assertTrue(stranger)

    def test_its_page_has_no_address_in_its_own_and_is_the_asker_s_alone(self):
        r = self.look("khong.co@hagiang.gov.vn")
        path = f"/ho-tro/dia-chi/{r.context['unknown']}/"
        self.assertNotIn("khong", path)
        self.come_in(cast.make_staff("nga", "hotline"), client=(other := Client()))

        self.assertEqual(other.get(path).status_code, 404)
        self.assertEqual(self.client.get(f"{path[:-2]}x/").status_code, 404)
