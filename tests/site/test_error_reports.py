"""What a report of a fault would show: of a form's secrets, nothing (LG-02).

No report is sent or stored; these hold even where somebody adds one.
"""

import sys
import traceback

from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client, TestCase, override_settings
from django.views.debug import ExceptionReporter

from accounts.credentials import second_factor
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code

OWN = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
HIDDEN = "********************"


@override_settings(RATELIMIT_ENABLE=False)
class ErrorReportTests(cast.Cast, TestCase):
    """Every secret view writes the audit trail in the end; here it has lost its table."""

    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False)
        self.reports = []
        got_request_exception.connect(self.keep_report)
        self.addCleanup(got_request_exception.disconnect, self.keep_report)

    def keep_report(self, request, **_):
        error = sys.exc_info()
        reporter = ExceptionReporter(request, *error)
        self.reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())
        self.where = [frame.name for frame in traceback.extract_tb(error[2])]

    def lose(self, table):
        with connection.cursor() as cursor:
            # What waits for the commit is done first: it needs the table.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")

    def assert_hidden(self, url, secrets, *, deepest, without="accounts_auditevent"):
        """Post to the page, let it fail in the function named, and look at the report."""
        self.lose(without)
        with self.assertLogs("django.request", "ERROR"):
            r = self.client.post(url, secrets)

        self.assertEqual(r.status_code, 500)
        self.assertIn(deepest, self.where)
        (report,) = self.reports
        self.assertIn(HIDDEN, report)
        for name, secret in secrets.items():
            self.assertIn(name, report)
            self.assertNotIn(secret.removeprefix("0"), report)

    def test_a_right_password(self):
        self.lose("accounts_auditevent")
        with self.assertLogs("django.request", "ERROR"):
            self.client.post(LOGIN, {"username": "an", "password": PASSWORD})

        (report,) = self.reports
        self.assertNotIn(PASSWORD, report)

    def test_a_wrong_password(self):
        secret = {"password": "Sai-mat-khau-1"}
        self.lose("accounts_auditevent")
        with self.assertLogs("django.request", "ERROR"):
            self.client.post(LOGIN, {"username": "an"} | secret)

        (report,) = self.reports
        self.assertIn("authenticate", self.where)
        self.assertNotIn(secret["password"], report)

    def test_a_token(self):
        second_factor.make_recovery_codes(cast.make_staff("it"))
        self.log_in("it")

        self.assert_hidden("/dang-nhap/yeu-to-thu-hai/", {"token": "wxyz7654"}, deepest="check")

    def test_a_code(self):
        self.ask()

        self.assert_hidden(CODE, {"code": newest_code()}, deepest="check")

    def test_a_code_that_could_not_be_charged(self):
        self.ask()

        self.assert_hidden(CODE, {"code": newest_code()}, deepest="verify", without="otp_meter")

    def test_a_new_password(self):
        self.ask()
        self.guess(newest_code())
        both = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

        self.assert_hidden(NEW, both, deepest="change_password")

    def test_a_changed_password(self):
        self.log_in()
        fields = {
            "password": PASSWORD,
            "new_password1": NEW_PASSWORD,
            "new_password2": NEW_PASSWORD,
        }

        self.assert_hidden("/cau-hinh/mat-khau/", fields, deepest="change_password")

    def test_a_phone_number(self):
        self.log_in()

        self.assert_hidden(OWN, {"phone": "0357918264"}, deepest="start")

    def test_a_phone_number_that_could_not_be_written_to(self):
        self.log_in()

        self.assert_hidden(OWN, {"phone": "0357918264"}, deepest="send_code", without="otp_message")

    def test_a_code_for_a_phone(self):
        self.log_in()
        self.client.post(OWN, {"phone": "0357918264"})

        self.assert_hidden(f"{OWN}xac-thuc/", {"code": newest_code()}, deepest="check")

    def test_a_number_that_a_stranger_has_a_code_sent_to(self):
        self.lose("otp_message")
        with self.assertLogs("django.request", "ERROR"):
            self.ask()

        (report,) = self.reports
        self.assertIn("send_code", self.where)
        self.assertNotIn("987466981", report)

    def test_an_address_is_no_secret_but_is_not_logged(self):
        self.lose("otp_message")

        with self.assertLogs("django.request", "ERROR") as logs:
            r = self.client.post(ASK, {"address": "zqcanary"})

        self.assertEqual(r.status_code, 500)
        self.assertNotIn("zqcanary", logs.records[0].getMessage())
