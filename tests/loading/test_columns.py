"""Each column of a table of accounts is found by its headings and fits a field of the account."""

from django.test import SimpleTestCase

from accounts.loading import headings
from accounts.loading.columns import COLUMNS, KEY, TextCell
from accounts.models import Account


def field_of(name):
    return Account._meta.get_field(COLUMNS[name].stored_as or name)


class ColumnTests(SimpleTestCase):
    def test_each_is_found_by_its_label_its_name_and_its_other_headings(self):
        for name, column in COLUMNS.items():
            for heading in (name, column.label, column.label.upper(), *column.others):
                with self.subTest(heading):
                    found = headings.read((heading, COLUMNS[KEY].label)[: 2 - (name == KEY)])

                    self.assertEqual(found[0], name)

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
