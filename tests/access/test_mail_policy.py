"""What Dovecot asks about log-ins in mail programs: counted as the portal's own, and listed."""

import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from unittest import mock

from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.access import login, mail_logins
from accounts.models import Address, AuditEvent, MailLogin
from mailportal import shield
from otp.counting.limits import Limit
from otp.models import Message, Meter
from tests.support import cast
from tests.support.clock import Clock

TOKEN = "e1d0a97c3b5f48268a44" * 2
POLICY = "/mail/auth-policy"
GO_ON = {"status": 0, "msg": ""}
REFUSED = {"status": -1, "msg": ""}
MOST = login.FAILURES.count
Event = AuditEvent.Event


class Asking(cast.Cast):
    """A mail server that asks as Dovecot does."""

    def post(self, command, body, *, token=TOKEN):
        return Client().post(
            f"{POLICY}?command={command}",
            body if isinstance(body, bytes) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    def allow(self, name="an", remote="203.0.113.9"):
        asked = {"login": name, "remote": remote, "protocol": "imap", "session": "aB3"}
        return self.post("allow", asked).json()

    def report(self, name="an", *, success, remote="203.0.113.9", protocol="imap", **more):
        told = {"login": name, "remote": remote, "protocol": protocol, "session": "aB3"}
        told |= {"success": success, "policy_reject": False, "tls": True}
        return self.post("report", told | more).json()

    def fail(self, name="an", times=1, **more):
        for _ in range(times):
            self.assertEqual(self.allow(name, **more), GO_ON)
            self.report(name, success=False, **more)

    def succeed(self, name="an", *, protocol="imap", **more):
        self.assertEqual(self.allow(name, **more), GO_ON)
        self.report(name, success=True, protocol=protocol, **more)

    def counted(self):
        return sum(Meter.objects.filter(key__startswith="login:").values_list("count", flat=True))


@override_settings(AUTH_POLICY_TOKEN=TOKEN)
class CountingTests(Asking, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.set_up_people(cls)

    def test_wrong_ones_in_mail_programs_and_in_the_portal_are_one_count(self):
        self.fail(times=MOST - 1)
        self.log_in("an", "sai")

        self.assertEqual(self.allow(), REFUSED)
        self.assertContains(self.log_in("an"), "Đã nhập sai nhiều lần.")
        self.assertEqual(self.allow("binh"), GO_ON)

    def test_any_spelling_and_any_address_of_the_account_is_one_count(self):
        Address.objects.create(address="vanthu@hagiang.gov.vn", account=self.an)
        names = ("an", "AN@hagiang.gov.vn", "vanthu", "ａｎ", " an ")

        self.fail(times=MOST - len(names))
        for name in names:
            self.fail(name)

        self.assertEqual(self.allow("vanthu@HAGIANG.gov.vn"), REFUSED)

    def test_a_right_one_costs_nothing_and_forgives_nothing(self):
        self.succeed()
        self.fail(times=MOST - 1)
        for _ in range(MOST + 1):
            self.succeed()
        self.fail()

        self.assertEqual(self.allow(), REFUSED)

    def test_it_ends_by_itself(self):
        clock = Clock(self)
        self.fail(times=MOST)
        self.assertEqual(self.allow(), REFUSED)

        clock.forward(seconds=login.FAILURES.period.total_seconds())

        self.assertEqual(self.allow(), GO_ON)

    def test_what_was_refused_is_charged_and_recorded_once(self):
        self.fail(times=MOST)
        for _ in range(3):
            self.assertEqual(self.allow(), REFUSED)
            self.report(success=False, policy_reject=True, fail_type="policy")

        self.assertEqual(self.counted(), MOST)
        self.assertEqual(AuditEvent.objects.filter(event=Event.LOGIN_HELD).count(), 1)
        self.assertEqual(AuditEvent.objects.filter(event=Event.LOGIN_FAILED).count(), MOST)

    def test_a_fault_of_the_mail_server_costs_nothing(self):
        self.allow()
        self.report(success=False, fail_type="internal")

        self.assertEqual(self.counted(), 0)
        self.assertFalse(AuditEvent.objects.exists())

    def test_an_office_is_not_held_out_by_strangers(self):
        office = {"OFFICE_NETWORKS": [ip_network("10.1.0.0/16")]}
        with override_settings(**office):
            self.fail(times=MOST)

            self.assertEqual(self.allow(), REFUSED)
            self.assertEqual(self.allow(remote="10.1.2.3"), GO_ON)
            self.assertEqual(self.allow(remote="::ffff:10.1.2.3"), GO_ON)

    def test_strangers_hold_nobody_out_from_where_mail_was_opened(self):
        home, abroad = "198.51.100.7", "192.0.2.1"
        self.succeed(remote=home)
        self.fail(times=MOST, remote=abroad)
        self.assertEqual(self.allow(remote=abroad), REFUSED)

        self.succeed(remote=home)

        # It is held by its own tries, and for nobody else's mail.
        self.fail(times=MOST, remote=home)
        self.assertEqual(self.allow(remote=home), REFUSED)
        self.fail("binh", times=MOST, remote=abroad)
        self.assertEqual(self.allow("binh", remote=home), REFUSED)

    def test_mail_that_was_opened_long_ago_is_no_reason(self):
        clock = Clock(self, 2026, 11, 27, 8)
        self.succeed()
        clock.forward(days=mail_logins.KEPT.days + 1)
        self.fail(times=MOST, remote="192.0.2.1")

        self.assertEqual(self.allow(), REFUSED)

    def test_the_first_connections_of_a_program_cost_nothing(self):
        """Many programs open several at once."""
        for _ in range(MOST):
            self.assertEqual(self.allow(), GO_ON)
        for _ in range(MOST):
            self.report(success=True)

        self.assertEqual(self.counted(), 0)

    def test_known_unknown_locked_and_disabled_are_alike(self):
        seen = {}
        for name in ("an", "khong.co", "chi", "dung", "an@gmail.com", "a\0n"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answers = []
                for _ in range(MOST + 2):
                    answers.append(self.allow(name))
                    if answers[-1] == GO_ON:
                        self.report(name, success=False)
            shapes = [query["sql"].split(" WHERE ")[0].split(" VALUES ")[0] for query in queries]
            seen[name] = answers, shapes

        self.assertEqual(seen["an"][0], [GO_ON] * MOST + [REFUSED] * 2)
        for name, (answers, shapes) in seen.items():
            with self.subTest(name=name):
                self.assertEqual(answers, seen["an"][0])
                self.assertEqual(len(shapes), len(seen["an"][1]))

    def test_a_wrong_one_is_in_the_history_of_its_owner(self):
        self.fail(times=3)
        self.log_in()

        page = self.client.get("/cau-hinh/hoat-dong/")

        self.assertContains(page, "3 lần nhập sai mật khẩu")
        failed = AuditEvent.objects.filter(event=Event.LOGIN_FAILED)
        self.assertEqual(failed.first().client, "203.0.113.9")
        self.assertEqual(failed.first().detail, {"protocol": "imap"})

    def test_nothing_of_a_password_is_stored_whatever_the_mail_server_sends(self):
        self.report(success=False, pwhash="geheim", password="geheim")
        self.succeed()

        rows = [*AuditEvent.objects.values_list("detail", flat=True), *MailLogin.objects.values()]
        self.assertNotIn("geheim", str(rows))


@override_settings(AUTH_POLICY_TOKEN=TOKEN)
class AtOnceTests(Asking, TransactionTestCase):
    def test_parallel_tries_do_not_outrun_the_limit(self):
        self.set_up_people()
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(self.try_once, range(MOST * 3)))

        self.assertEqual(answers.count(GO_ON), MOST)

    def test_logins_of_one_moment_are_one_row_and_none_is_lost(self):
        self.set_up_people()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(self.come_once, range(16)))

        self.assertEqual(MailLogin.objects.get().count, 16)

    def try_once(self, _):
        try:
            return self.allow()
        finally:
            connection.close()

    def come_once(self, _):
        try:
            self.report(success=True)
        finally:
            connection.close()


@override_settings(AUTH_POLICY_TOKEN=TOKEN)
class HistoryTests(Asking, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.set_up_people(cls)
        cls.giang = cast.make_staff("giang")

    def test_a_program_that_polls_is_one_line_a_day(self):
        clock = Clock(self, 2026, 11, 27, 8)
        for _ in range(3):
            self.succeed()
            clock.forward(minutes=1)
        self.succeed("AN@hagiang.gov.vn", protocol="submission")
        self.succeed(remote="2001:db8:1:2:3:4:5:6")
        self.succeed(remote="2001:db8:1:2:ffff::1")
        clock.forward(hours=16)
        self.succeed()

        told = list(MailLogin.objects.values_list("client", "protocol", "count", "local_day"))
        day = dt.date(2026, 11, 27)
        self.assertCountEqual(
            told,
            [
                ("203.0.113.9", "imap", 3, day),
                ("203.0.113.9", "smtp", 1, day),
                ("2001:db8:1:2::", "imap", 2, day),
                ("203.0.113.9", "imap", 1, day + dt.timedelta(days=1)),
            ],
        )

    def test_any_protocol_is_named(self):
        for told, name in (
            ("imap", "imap"),
            ("POP3", "pop3"),
            ("smtp", "smtp"),
            ("sieve", "sieve"),
            ("doveadm", "other"),
            ("", "other"),
            (None, "other"),
            (["imap"], "other"),
        ):
            with self.subTest(told):
                MailLogin.objects.all().delete()
                self.allow()
                self.report(success=True, protocol=told)
                self.assertEqual(MailLogin.objects.get().protocol, name)

    def test_its_owner_sees_them_and_nobody_else(self):
        self.succeed(remote="198.51.100.7")
        self.succeed("binh", remote="198.51.100.8")
        self.log_in()

        page = self.client.get("/cau-hinh/hoat-dong/")

        self.assertContains(page, "Đăng nhập trong phần mềm thư")
        self.assertContains(page, "198.51.100.7")
        self.assertNotContains(page, "198.51.100.8")

    def test_the_hotline_sees_them(self):
        self.succeed(remote="198.51.100.7")
        self.come_in(self.giang)

        page = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")

        self.assertContains(page, "Đăng nhập trong phần mềm thư")
        self.assertContains(page, "198.51.100.7")

    def test_where_the_mail_server_tells_of_none_the_page_is_as_it_was(self):
        self.succeed()
        self.log_in()
        with override_settings(AUTH_POLICY_TOKEN=""), CaptureQueriesContext(connection) as queries:
            page = self.client.get("/cau-hinh/hoat-dong/")

        self.assertNotContains(page, "phần mềm thư")
        self.assertNotIn("accounts_maillogin", str(queries.captured_queries))

    def test_the_unknown_and_who_has_no_address_leave_nothing(self):
        self.report("khong.co", success=True)
        self.report(success=True, remote="")
        self.report(success=True, remote="fe80::1%eth0")

        self.assertFalse(MailLogin.objects.exists())

    def test_they_are_kept_for_a_month(self):
        clock = Clock(self, 2026, 11, 27, 8)
        self.succeed()
        clock.forward(days=mail_logins.KEPT.days)
        call_command("prune", stdout=io.StringIO())
        self.assertTrue(MailLogin.objects.exists())

        clock.forward(days=1)
        call_command("prune", stdout=io.StringIO())

        self.assertFalse(MailLogin.objects.exists())


class DoorTests(Asking, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.set_up_people(cls)

    def test_without_a_token_there_is_no_such_page(self):
        for token in ("", TOKEN):
            r = self.post("allow", {"login": "an"}, token=token)
            self.assertEqual(r.status_code, 404)
        self.assertEqual(Client().get(POLICY).status_code, 404)

    @override_settings(AUTH_POLICY_TOKEN=TOKEN)
    def test_nobody_else_is_answered_and_nothing_is_charged(self):
        for token in ("", "x", TOKEN[:-1], TOKEN + "x", "ổ"):
            for command in ("allow", "report"):
                with self.subTest(token=token, command=command):
                    asked = {"login": "an", "remote": "192.0.2.1", "success": True}
                    r = self.post(command, asked, token=token)
                    self.assertEqual(r.status_code, 401)
        self.assertEqual(Client().get(POLICY).status_code, 405)

        self.assertEqual((self.counted(), MailLogin.objects.count()), (0, 0))

    @override_settings(AUTH_POLICY_TOKEN=TOKEN)
    def test_what_is_not_of_the_protocol_is_refused(self):
        for command, body in (
            ("", {"login": "an"}),
            ("delete", {"login": "an"}),
            ("allow", b""),
            ("allow", b"\xff"),
            ("allow", b"[" * 20_000),
            ("allow", []),
            ("allow", {}),
            ("allow", {"login": None}),
            ("report", {"login": ["an"]}),
            ("allow", {"login": "\ud800"}),
            ("report", {"login": "an\udcff", "success": False}),
        ):
            with self.subTest(command=command, body=str(body)[:30]):
                self.assertEqual(self.post(command, body).status_code, 400)
        self.assertEqual(self.counted(), 0)

    @override_settings(AUTH_POLICY_TOKEN=TOKEN)
    def test_the_shield_turns_strangers_away_and_never_the_mail_server(self):
        few = Limit("requests", 3, dt.timedelta(minutes=1))
        with mock.patch.multiple(shield, REQUESTS=few, POSTS=few):
            for _ in range(6):
                self.allow("binh")
            strangers = [self.post("allow", {}, token="x").status_code for _ in range(6)]

        self.assertEqual(strangers, [401] * 3 + [429] * 3)


@override_settings(AUTH_POLICY_TOKEN=TOKEN, ALERT_EMAILS=["cntt@hagiang.gov.vn"])
class UnaskedTests(Asking, TestCase):
    """The mail server goes on while the portal does not answer; IT is told as soon as it can be."""

    @classmethod
    def setUpTestData(cls):
        cls.set_up_people(cls)

    def alerts(self):
        return Message.objects.filter(to="cntt@hagiang.gov.vn").count()

    def test_reports_on_what_was_never_asked_are_told_of_once(self):
        for _ in range(mail_logins.UNASKED.count):
            self.report(success=True)
        self.assertEqual(self.alerts(), 0)

        for _ in range(3):
            self.report(success=True)

        self.assertEqual(self.alerts(), 1)

    def test_a_mail_server_that_asks_is_no_news(self):
        for _ in range(2 * mail_logins.UNASKED.count):
            self.succeed()

        self.assertEqual(self.alerts(), 0)
