"""Each column of a table of accounts is found by its headings and fits a field of the account."""

import unicodedata

from django.test import SimpleTestCase

from accounts.loading import headings
from accounts.loading.columns import COLUMNS, KEY, TextCell
from accounts.models import Account
from accounts.spreadsheets.sheet import clean

# As offices and other programs write them, beside what COLUMNS has.
WRITTEN = {
    "address": (
        *("Tên tài khoản thư", "Tên tài khoản email", "Tên hộp thư", "EmailAddress"),
        *("userPrincipalName", "Địa chỉ hòm thư điện tử", "Đ/c email", "ĐC Email"),
        *("Email cơ quan cấp", "1. Email đã cấp (*)", "EMAIL CÔNG VỤ"),
    ),
    "full_name": (
        *("DisplayName", "Họ, chữ đệm và tên", "Họ, chữ đệm, tên khai sinh", "Cán bộ"),
        *("Tên người dùng hộp thư", "Họ & tên", "Họ và tên (cán bộ, công chức)"),
    ),
    "phone": (
        *("Số điện thoại/Zalo", "Số điện thoại nhận mã OTP", "SĐT nhận SMS", "Số phone"),
        *("Số điện thoại đăng ký", "MobilePhone", "Số máy di động", "Điện thoại liên lạc"),
    ),
    "unit": ("Cơ quan, đơn vị công tác", "Cơ quan chủ quản", "Tên tổ chức", "Trường"),
    "kind": ("Loại (cá nhân/tổ chức)", "Cá nhân/Tổ chức", "Kiểu tài khoản"),
}


def field_of(name):
    return Account._meta.get_field(COLUMNS[name].stored_as or name)


class ColumnTests(SimpleTestCase):
    def test_each_is_found_by_its_label_its_name_and_its_other_headings(self):
        for name, column in COLUMNS.items():
            for heading in (name, column.label, column.label.upper(), *column.others):
                with self.subTest(heading):
                    found = headings.read((heading, COLUMNS[KEY].label)[: 2 - (name == KEY)])

                    self.assertEqual(found[0], name)

    def test_it_is_found_as_offices_write_it(self):
        for name, written in WRITTEN.items():
            for heading in (*written, *(unicodedata.normalize("NFD", each) for each in written)):
                with self.subTest(heading):
                    others = ("Ghi chú", *([] if name == KEY else [COLUMNS[KEY].label]))

                    self.assertEqual(headings.read((clean(heading), *others))[0], name)

    def test_of_two_that_may_mean_it_the_plain_one_does(self):
        for name, plain, vague in (
            *((KEY, "Email", "Tên hộp thư"), ("full_name", "Họ và tên", "Cán bộ")),
            *(("phone", "SĐT", "Zalo"), ("unit", "Đơn vị", "Trường")),
        ):
            with self.subTest(vague):
                found = headings.read((vague, plain, COLUMNS[KEY].label)[: 3 - (name == KEY)])

                self.assertEqual(found[:2], ["", name])

    def test_each_is_stored_in_a_field_of_its_name(self):
        for name, column in COLUMNS.items():
            with self.subTest(name):
                self.assertTrue(field_of(name).concrete)
                # What may change is compared with the field, and written under one name.
                self.assertTrue(column.only_for_new or not column.stored_as)

    def test_a_text_is_no_longer_than_its_field(self):
        for name, column in COLUMNS.items():
            if isinstance(column, TextCell):
                with self.subTest(name):
                    self.assertLessEqual(column.longest, field_of(name).max_length)
