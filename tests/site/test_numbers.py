"""One edit changes a number of a rule everywhere: in the rule, on pages, in guides and scripts."""

import datetime as dt

from django.test import SimpleTestCase

from otp.sentences import duration


class DurationTests(SimpleTestCase):
    def test_a_span_is_said_in_its_largest_whole_unit(self):
        for span, words in (
            (dt.timedelta(seconds=90), "90 giây"),
            (dt.timedelta(minutes=1), "1 phút"),
            (dt.timedelta(minutes=5), "5 phút"),
            (dt.timedelta(minutes=90), "90 phút"),
            (dt.timedelta(hours=1), "1 giờ"),
            (dt.timedelta(days=1), "24 giờ"),
            (dt.timedelta(hours=36), "36 giờ"),
            (dt.timedelta(days=3), "3 ngày"),
        ):
            with self.subTest(words):
                self.assertEqual(duration(span), words)
