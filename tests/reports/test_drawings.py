"""Drawings of the reports: each has a title, words and a table, and its scale is right."""

import re
from xml.etree import ElementTree

from django.test import SimpleTestCase
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.reports.charts import Columns, Lines, Series, round_up
from tests.reports.test_reports import CODES, HELP, ReportTestCase, code
from tests.support.campaigning import REPORTS

PRINTED = 18  # the height of a chart's letters on paper, in its own units
SVG = re.compile(r"<svg class=\"chart__drawing.*?</svg>", re.DOTALL)


class DrawingTests(ReportTestCase):
    def setUp(self):
        super().setUp()
        code(timezone.now(), "accepted", verified=True)
        AuditEvent.record("code-wrong", address="an@hagiang.gov.vn")
        self.come_in(self.province)

    def test_every_chart_has_a_title_words_and_a_table(self):
        for page, charts in ((REPORTS, 1), (CODES, 2), (HELP, 1)):
            text = self.client.get(page).content.decode()
            drawings = SVG.findall(text)
            with self.subTest(page):
                self.assertEqual(len(drawings), 2 * charts)  # for wide and for narrow windows
                for drawing in drawings:
                    named = re.search(r'aria-labelledby="([^"]+)"', drawing)[1].split()
                    self.assertIn('role="img"', drawing)
                    self.assertRegex(drawing, rf'<title id="{named[0]}">[^<]+</title>')
                    self.assertRegex(drawing, rf'<desc id="{named[1]}">[^<]+</desc>')
                parts = text.split('<figure class="chart">')[1:]
                for part in parts:
                    self.assertIn("<table", part.split("</section>")[0])
                self.assertNotIn("style=", text)

    def test_a_drawing_is_well_formed_and_counts_in_points(self):
        for page in (REPORTS, CODES):
            for drawing in SVG.findall(self.client.get(page).content.decode()):
                tree = ElementTree.fromstring(drawing)
                for shape in tree.iter():
                    for name in ("x", "y", "width", "height", "cx", "cy"):
                        if name in shape.attrib:
                            float(shape.attrib[name])


class ScaleTests(SimpleTestCase):
    def test_a_scale_ends_above_and_has_whole_parts(self):
        for highest in (0, 1, 3, 4, 5, 9, 10, 11, 37, 99, 100, 101, 1234, 99999):
            most = round_up(highest)
            self.assertGreaterEqual(most, max(highest, 4))
            self.assertEqual(most % 4, 0)
            self.assertLessEqual(most, max(4, 2 * highest + 4))

    def test_a_day_that_nobody_counted_is_a_gap(self):
        chart = Lines("k", "t", "d", ["a", "b", "c"], [Series("s", [10, None, 20])], unit="%")

        for drawing in chart.drawings:
            self.assertEqual(drawing.strokes[0].path.count("M"), 2)
            self.assertEqual(drawing.strokes[0].word.text, "20,0\u00a0%")

    def test_nothing_known_draws_nothing(self):
        chart = Lines("k", "t", "d", ["a", "b"], [Series("s", [None, None])])

        self.assertEqual([len(drawing.strokes) for drawing in chart.drawings], [0, 0])

    def test_words_at_the_ends_of_lines_keep_clear_of_each_other(self):
        chart = Lines("k", "t", "d", ["a"], [Series("s", [50]), Series("z", [50])], unit="%")

        for drawing in chart.drawings:
            first, second = (stroke.word.y for stroke in drawing.strokes)
            self.assertGreaterEqual(abs(first - second), 16)

    def test_no_word_stands_on_another(self):
        for ends in ((0.1, 0.0), (0.0, 0.1), (100, 100), (0, 3), (50, 50)):
            series = [Series("s", [5, ends[0]]), Series("z", [5, ends[1]])]
            chart = Lines("k", "t", "d", ["25/11", "26/11"], series, unit="%")
            for drawing in chart.drawings:
                with self.subTest(ends=ends, paper=drawing.paper.name):
                    first, second = sorted(stroke.word.y for stroke in drawing.strokes)
                    self.assertGreaterEqual(second - first, PRINTED)
                    self.assertGreaterEqual(drawing.days[-1].y - second, PRINTED)
                    self.assertGreaterEqual(first, PRINTED / 2)

    def test_a_column_is_as_high_as_its_parts(self):
        chart = Columns("k", "t", "d", ["a"], [Series("s", [30]), Series("z", [10])])

        for drawing in chart.drawings:
            lower, upper = drawing.blocks
            self.assertAlmostEqual(lower.height, 3 * upper.height, delta=0.3)
            self.assertAlmostEqual(upper.y + upper.height, lower.y, delta=0.2)
