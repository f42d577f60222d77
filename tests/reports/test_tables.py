"""Tables of the reports, on the page and as files: on record, harmless, written as people do."""

import csv
import io

from django.test import SimpleTestCase

from accounts.models import AuditEvent, Unit
from accounts.reports.tables import Row, Share, Table, number, percent
from accounts.spreadsheets.writing import csv_response, harmless
from tests.reports.test_reports import CODES, HELP, ReportTestCase
from tests.support.campaigning import REPORTS


class FileTests(ReportTestCase):
    def test_a_file_is_on_record(self):
        self.come_in(self.province)

        self.client.get(f"{REPORTS}theo-don-vi.csv")

        row = AuditEvent.objects.get(event="exported")
        self.assertEqual((row.actor, row.detail["report"]), (self.province, "theo-don-vi"))

    def test_a_unit_s_name_is_no_formula(self):
        Unit.objects.filter(pk=self.other.pk).update(name="=cmd|' calc'!A0")
        self.come_in(self.province)

        names = {row[0] for row in self.rows(f"{REPORTS}theo-don-vi.csv")}

        self.assertIn("'=cmd|' calc'!A0", names)

    def test_an_unknown_table_is_not_found(self):
        self.come_in(self.province)

        for address in (f"{REPORTS}khong-co.csv", f"{CODES}khong-co.csv", f"{HELP}x.csv"):
            self.assertEqual(self.client.get(address).status_code, 404)


class TableTests(SimpleTestCase):
    def test_what_a_spreadsheet_would_calculate_is_made_harmless(self):
        for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
            self.assertEqual(harmless(text), f"'{text}")
        for text in ("", "Sở Một", "a=1", "1-2"):
            self.assertEqual(harmless(text), text)

    def test_every_cell_and_every_heading_of_a_file_is_harmless(self):
        table = Table("x", "x", ("=a", "b"), [Row(("@x", -5)), Row(("\tx", None))])

        text = csv_response("x", table.columns, table.plain_rows).getvalue().decode("utf-8-sig")

        rows = list(csv.reader(io.StringIO(text, newline="")))
        self.assertEqual(rows, [["'=a", "b"], ["'@x", "-5"], ["'\tx", ""]])

    def test_numbers_are_written_as_people_here_do(self):
        for count, text in ((0, "0"), (999, "999"), (1234, "1.234"), (1234567, "1.234.567")):
            self.assertEqual(number(count), text)
        for share, text in (
            (Share(1, 8), "12,5\u00a0%"),
            (Share(0, 8), "0,0\u00a0%"),
            (Share(8, 8), "100\u00a0%"),
            (Share(9999, 10000), "99,9\u00a0%"),
            (Share(1, 10000), "0,1\u00a0%"),
            (Share(0, 0), "–"),
        ):
            self.assertEqual(percent(share.percent), text)
