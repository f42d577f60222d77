"""Connections that pages keep: used again without a question, and never once they are dead."""

from unittest import mock

from django.db import DatabaseError, connection
from django.test import TransactionTestCase

from mailportal.postgresql import base


class KeptConnectionTests(TransactionTestCase):
    def setUp(self):
        self.pages = connection.copy("default")
        self.pages.settings_dict |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
        self.addCleanup(self.pages.close)
        self.request()

    def request(self):
        """Let a page begin, ask the database for something, and end. Give the server's process."""
        self.pages.close_if_unusable_or_obsolete()
        with self.pages.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        self.pages.close_if_unusable_or_obsolete()
        return pid

    def asked(self):
        """Count how often the server is asked whether it is there, for one page."""
        wait = base.Connection.wait
        with mock.patch.object(base.Connection, "wait", autospec=True, side_effect=wait) as waits:
            self.request()
        return waits.call_count - 1  # for the page's own statement

    def kill(self, pid):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            self.assertEqual(cursor.fetchone(), (True,))

    def test_while_it_is_used_the_server_is_not_asked(self):
        self.assertEqual(self.asked(), 0)

    def test_in_a_transaction_that_failed_it_is_of_no_use(self):
        self.pages.set_autocommit(False)
        with self.pages.cursor() as cursor, self.assertRaises(DatabaseError):
            cursor.execute("SELECT 1 / 0")
        self.assertFalse(self.pages.is_usable())
        self.pages.rollback()
        self.assertTrue(self.pages.is_usable())

    def test_after_a_silence_it_is_asked_once(self):
        with mock.patch.object(base, "FRESH", -1):
            self.assertEqual(self.asked(), 1)

    def test_one_that_the_server_has_shut_is_not_used(self):
        for fresh in (base.FRESH, -1):
            with self.subTest(fresh), mock.patch.object(base, "FRESH", fresh):
                before = self.request()
                self.kill(before)

                self.assertNotEqual(self.request(), before)
