"""A database of two hosts: the primary dies, the standby takes over, and the portal goes on."""

import os
import uuid
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings
from environs import FileAwareEnv

from mailportal.postgresql import address
from otp import codes
from tests.support.cast import ASK, CODE
from tests.support.programs import deployment
from tests.support.programs.cluster import Pair
from tests.support.programs.deployment import SECRETS, Server, Visitor
from tests.support.waiting import wait_for

AN = """
from django.utils import timezone
from accounts.models import Account
now = timezone.now()
Account.objects.create_user("an", None, phone="+84987466981", phone_confirmed_at=now)
"""


class AddressTests(SimpleTestCase):
    def read(self, url):
        with mock.patch.dict(os.environ, {"DATABASE_URL": url}):
            return address.read(FileAwareEnv(), "DATABASE_URL")

    def test_several_hosts_are_a_list_of_which_one_is_written_to(self):
        for url, hosts, ports in (
            ("postgresql://u:p@h1:5433,h2:5434/db", "h1,h2", "5433,5434"),
            ("postgresql://u:p@h1,h2:5434/db", "h1,h2", "5432,5434"),
            ("postgresql://u:p@[::1]:5433,h2/db", "::1,h2", "5433,5432"),
            ("postgres://u:p%2C%40x@h1,h2,h3/db", "h1,h2,h3", "5432,5432,5432"),
            ("postgresql://h1,h2/db", "h1,h2", "5432,5432"),
        ):
            with self.subTest(url):
                found = self.read(url)
                self.assertEqual((found["HOST"], found["PORT"]), (hosts, ports))
                self.assertEqual(found["NAME"], "db")
                self.assertEqual(found["OPTIONS"]["target_session_attrs"], "read-write")

    def test_what_the_address_says_itself_counts(self):
        found = self.read("postgresql://u:p%2C@h1,h2/db?target_session_attrs=any&sslmode=require")

        self.assertEqual(found["OPTIONS"], {"target_session_attrs": "any", "sslmode": "require"})
        self.assertEqual(found["PASSWORD"], "p,")

    def test_one_host_is_as_ever(self):
        found = self.read("postgresql://u:p@h1:5433/db")

        self.assertEqual((found["HOST"], found["PORT"]), ("h1", 5433))
        self.assertNotIn("target_session_attrs", found.get("OPTIONS", {}))

    def test_a_fault_names_the_variable_and_repeats_no_value(self):
        for url in (
            "postgresql://u:geheim@h1:x,h2/db",
            "postgresql://u:geheim@h1,,h2/db",
            "postgresql://u:geheim@h1:1:2,h2/db",
        ):
            with self.subTest(url), self.assertRaises(ImproperlyConfigured) as raised:
                self.read(url)
            self.assertIn("DATABASE_URL", str(raised.exception))
            self.assertNotIn("geheim", str(raised.exception))


class FailoverTests(SimpleTestCase):
    def test_a_code_asked_before_is_right_after_and_nothing_is_lost(self):
        pair = Pair(self)
        pair.primary.ask("CREATE DATABASE mailportal")
        self.run_command(pair, "migrate")
        self.run_command(pair, "shell", "-c", AN)
        server = Server(DATABASE_URL=pair.url)
        self.addCleanup(server.end)
        visitor = Visitor(server)
        visitor.post(ASK, address="an@hagiang.gov.vn")
        (asked,) = pair.primary.ask("SELECT id::text, pepper_id FROM otp_code", "mailportal")

        pair.fail_over()

        wait_for(lambda: 'name="code"' in visitor.get(CODE), "the new primary", log=server.log)
        with override_settings(OTP_PEPPERS=[SECRETS["OTP_PEPPER"]]):
            digits = codes.digits(uuid.UUID(asked[0]), asked[1])
        self.assertIn("Nhập mật khẩu mới", visitor.post(CODE, code=digits))
        count = pair.standby.ask("SELECT count(*) FROM otp_code", "mailportal")
        self.assertEqual(count, [(1,)])
        self.assertIn("rows are whole", self.run_command(pair, "verify_audit"))

    def run_command(self, pair, *command):
        done = deployment.run("manage.py", *command, DATABASE_URL=pair.url)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout
