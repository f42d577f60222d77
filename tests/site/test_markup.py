"""Pages carry nothing that only the authors of their templates need."""

import re

from django.test import SimpleTestCase, TestCase

from mailportal.markup import compact
from tests.support import cast


class CompactTests(SimpleTestCase):
    def test_breaks_stay_and_what_stands_around_them_goes(self):
        source = "<p>\n    {% if x %}  \n\n      một  hai\n    {% endif %}\n</p>\n"

        self.assertEqual(
            compact("a.html", source), "<p>\n{% if x %}\nmột  hai\n{% endif %}\n</p>\n"
        )

    def test_a_mail_stays_as_it_is_written(self):
        self.assertEqual(compact("a.txt", "a\n\n  b\n"), "a\n\n  b\n")


class PageTests(cast.Cast, TestCase):
    def test_no_line_ends_with_a_space(self):
        self.set_up_people()
        self.come_in(cast.make_staff("huong"))
        for path in ("/", "/cau-hinh/thong-tin/", "/ho-tro/", "/quan-tri/", "/quan-tri/bao-cao/"):
            with self.subTest(path):
                page = self.client.get(path).content.decode()

                self.assertEqual(re.findall(r".*[ \t]\n", page), [])

    def test_what_was_typed_keeps_its_lines(self):
        self.set_up_people()
        self.log_in("an")
        words = "\n\n  một\n    hai  \n"

        r = self.client.post("/cau-hinh/du-lieu/yeu-cau/", {"text": words})

        self.assertContains(r, f">\n{words}</textarea>")
