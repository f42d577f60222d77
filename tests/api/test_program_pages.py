"""The pages of programs: a token is shown once, listed without itself, and ended at once."""

import datetime as dt

import time_machine
from django.test import TestCase
from django.utils import timezone

from accounts.api import tokens
from accounts.models import AuditEvent, ProgramToken
from tests.api.programs import Programs
from tests.support import cast

LIST, NEW = "/quan-tri/chuong-trinh/", "/quan-tri/chuong-trinh/moi/"


class PageTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.come_in(self.huong)

    def admit(self, *, client=None, **changes):
        fields = {
            "name": "Quản lý cán bộ",
            "scopes": ["accounts", "locks"],
            "unit": str(self.ours.pk),
            "networks": "127.0.0.1, 10.1.4.0/24",
            "last_day": f"{timezone.localdate() + dt.timedelta(days=90):%d/%m/%Y}",
        }
        return (client or self.client).post(NEW, fields | changes)

    def test_what_is_shown_opens_what_was_chosen_and_is_never_shown_again(self):
        r = self.admit()
        token = r.context["made"].token
        self.assertNotContains(r, "ngon-ngu")  # a link that would lose it
        self.assertContains(r, token)

        self.assertEqual(self.get("accounts/an@hagiang.gov.vn", token).status_code, 200)
        self.assertEqual(self.get("accounts/binh@hagiang.gov.vn", token).status_code, 404)
        self.assertEqual(self.get("units", token).status_code, 403)
        page = self.client.get(LIST)
        self.assertContains(page, "10.1.4.0/24")
        self.assertContains(page, "Khóa, mở khóa tài khoản")
        self.assertNotContains(page, token)
        event = AuditEvent.objects.get(event="program-admitted")
        self.assertEqual((event.actor, event.detail["program"]), (self.huong, "Quản lý cán bộ"))

    def test_it_is_ended_at_once_and_on_record(self):
        token = self.admit().context["made"].token
        row = ProgramToken.objects.get()

        r = self.client.post(f"{LIST}{row.pk}/huy/", follow=True)

        self.assertContains(r, "chương trình không gọi được nữa")
        self.assertEqual(self.get("accounts", token).status_code, 401)
        self.assertTrue(AuditEvent.objects.filter(event="program-ended", actor=self.huong))
        r = self.client.post(f"{LIST}{row.pk}/huy/", follow=True)
        self.assertContains(r, "đã được hủy từ trước")

    def test_a_name_is_used_once_also_after_the_end(self):
        self.admit()
        ProgramToken.objects.update(ended_at=timezone.now())

        r = self.admit()

        self.assertContains(r, "Đã có chương trình tên này")
        self.assertContains(r, 'value="127.0.0.1, 10.1.4.0/24"')
        self.assertEqual(ProgramToken.objects.count(), 1)

    def test_the_same_form_once_more_gives_a_token_in_place_of_the_one_that_nobody_saw(self):
        lost = self.admit().context["made"].token

        token = self.admit().context["made"].token

        self.assertEqual(self.get("accounts", lost).status_code, 401)
        self.assertEqual(self.get("accounts", token).status_code, 200)
        self.assertEqual(ProgramToken.objects.count(), 1)
        self.assertEqual(AuditEvent.objects.filter(event="program-admitted").count(), 1)

    def test_one_that_is_used_of_another_form_or_of_before_is_not_replaced(self):
        token = self.admit().context["made"].token
        lan = self.client_class()
        self.come_in(cast.make_staff("lan", "province-it"), client=lan)

        refused = [
            self.admit(scopes=["accounts"]),
            self.admit(unit=""),
            self.admit(networks="127.0.0.1"),
            self.admit(last_day=f"{timezone.localdate():%d/%m/%Y}"),
            self.admit(client=lan),
        ]
        with time_machine.travel(timezone.now() + tokens.REPEATED):
            refused.append(self.admit())
        self.assertEqual(self.get("accounts", token).status_code, 200)
        refused.append(self.admit())

        for r in refused:
            self.assertContains(r, "Đã có chương trình tên này")
        self.assertEqual(self.get("accounts", token).status_code, 200)

    def test_what_is_wrong_is_said_beside_it(self):
        today = timezone.localdate()
        for field, value, sentence in (
            ("name", "", "Hãy đặt tên"),
            ("name", "x" * 65, "Tên dài quá"),
            ("scopes", [], "Hãy chọn ít nhất một việc"),
            ("scopes", ["khac"], "khac"),
            ("unit", "0", "Không có đơn vị này"),
            ("networks", "", "Hãy ghi địa chỉ IP"),
            ("networks", "10.0.0.0/8x", "không phải địa chỉ hay mạng"),
            ("networks", "0.0.0.0/0", "không phải địa chỉ hay mạng"),
            ("networks", "::/0", "không phải địa chỉ hay mạng"),
            ("networks", " ".join(["10.0.0.1"] * 11), "nhiều nhất 10 mạng"),
            ("last_day", "x", "Hãy nhập ngày như ví dụ"),
            ("last_day", f"{today - dt.timedelta(days=1):%d/%m/%Y}", "từ hôm nay trở đi"),
            ("last_day", f"{today + dt.timedelta(days=367):%d/%m/%Y}", "trong vòng"),
        ):
            with self.subTest(field, value=value):
                r = self.admit(**{field: value})

                self.assertContains(r, sentence)
                self.assertFalse(ProgramToken.objects.exists())
