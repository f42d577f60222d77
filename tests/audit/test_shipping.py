"""The audit trail in places outside, a file and a syslog server: nothing is missing (LG-09)."""

import contextlib
import io
import json
import os
import signal
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase, override_settings

from accounts.audit import shipping
from accounts.models import AuditEvent, AuditLink, AuditShipment, Upkeep
from accounts.upkeep import records
from tests.support import cast
from tests.support.cast import newest_code
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.rsyslog import Rsyslog
from tests.support.programs.slapd import certificates_elsewhere, make_certificates
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for, wait_for_end

HOLD = """
CREATE FUNCTION hold_shipment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    RETURN NEW;
END
$$;
CREATE TRIGGER hold_shipment BEFORE UPDATE ON accounts_auditshipment
    FOR EACH ROW EXECUTE FUNCTION hold_shipment()
"""
LET_GO = "DROP FUNCTION IF EXISTS hold_shipment CASCADE"
WAITS = """
SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event = 'advisory' AND pid <> pg_backend_pid())
"""


def record(count, **detail):
    for number in range(count):
        AuditEvent.record(AuditEvent.Event.LOCKED, address="an@hagiang.gov.vn", n=number, **detail)


def ship():
    call_command("ship_audit", stdout=io.StringIO())


def seqs():
    return list(AuditLink.objects.order_by("seq").values_list("seq", flat=True))


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


class Places(TransactionTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mailportal-trail-")
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "audit.jsonl"

    def use(self, **places):
        changed = override_settings(**places)
        changed.enable()
        self.addCleanup(changed.disable)

    def in_file(self):
        return [json.loads(line)["seq"] for line in self.file.read_bytes().splitlines()]

    def killed_before_the_cursor_moves(self, **places):
        """Kill a run that has brought rows outside, and has not put it on record."""
        execute(HOLD)
        self.addCleanup(execute, LET_GO)
        execute("SELECT pg_advisory_lock(42)")
        process = Program(
            "manage.py",
            "ship_audit",
            env=os.environ
            | {"DATABASE_URL": database_url(), "OTP_PEPPER": ",".join(settings.OTP_PEPPERS)}
            | places,
            stdout=self.enterContext(contextlib.closing(Output())),
        )
        self.addCleanup(process.kill)
        wait_for(lambda: execute(WAITS)[0], "a run that has brought rows outside")
        process.send_signal(signal.SIGKILL)
        wait_for_end(process, "the killed run")
        execute("SELECT pg_advisory_unlock(42)")
        wait_for(lambda: not execute(WAITS)[0], "the end of the killed run's transaction")
        execute(LET_GO)


class FileTests(Places):
    def setUp(self):
        super().setUp()
        self.use(AUDIT_FILE=str(self.file))

    def test_each_row_is_there_once_in_the_order_of_the_chain(self):
        record(3)
        ship()
        record(2)
        ship()
        ship()

        self.assertEqual(self.in_file(), seqs())
        row = json.loads(self.file.read_bytes().splitlines()[0])
        link = AuditLink.objects.earliest("seq")
        self.assertEqual((row["event"], row["digest"]), ("locked", link.digest))
        self.assertEqual(row["detail"]["n"], 0)
        self.assertIn("+00:00", row["at"])
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o640)

    def test_killed_in_between_no_row_is_there_twice(self):
        record(3)
        ship()
        record(4)

        self.killed_before_the_cursor_moves(AUDIT_FILE=str(self.file))

        self.assertGreater(len(self.in_file()), 3)
        ship()
        self.assertEqual(self.in_file(), seqs())

    def test_half_a_line_of_a_killed_run_is_cut_off(self):
        record(1)
        ship()
        with self.file.open("ab") as file:
            file.write(b'{"seq": 2, "id"')
        record(1)

        ship()

        self.assertEqual(self.in_file(), seqs())

    def test_two_runs_at_once_write_each_row_once(self):
        record(9)

        def run():
            with contextlib.closing(connection):
                ship()

        with mock.patch.object(shipping, "BATCH", 2):
            threads = [threading.Thread(target=run) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        self.assertEqual(self.in_file(), seqs())

    def test_a_file_that_was_put_away_is_followed_by_a_new_one(self):
        record(2)
        ship()
        self.file.rename(self.file.with_suffix(".1"))
        record(1)

        ship()

        self.assertEqual(self.in_file(), seqs()[2:])

    def test_a_file_that_was_cut_is_left_as_it_is(self):
        record(2)
        ship()
        with self.file.open("r+b") as file:
            file.truncate(7)
        record(1)

        with self.assertRaisesMessage(CommandError, "AUDIT_FILE is shorter"):
            ship()

        self.assertEqual(self.file.stat().st_size, 7)

    def test_where_it_cannot_be_written_it_is_told(self):
        self.use(AUDIT_FILE=str(self.file.parent / "nowhere" / "audit.jsonl"))
        record(1)

        with self.assertRaisesMessage(CommandError, "AUDIT_FILE cannot be written: No such file"):
            ship()

        row = Upkeep.objects.get(name="ship_audit")
        self.assertEqual((row.failures, row.reason[:10]), (1, "AUDIT_FILE"))

    def test_rows_that_were_pruned_are_passed_over(self):
        record(3)
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("DELETE FROM accounts_auditevent WHERE detail ->> 'n' = '1'")
            cursor.execute("SET session_replication_role = origin")

        ship()

        self.assertEqual(self.in_file(), [seqs()[0], seqs()[2]])
        self.assertEqual(list(shipping.waiting()), [("file", 0)])


class SecrecyTests(cast.Cast, Places):
    def test_no_secret_and_no_whole_number_leaves(self):
        self.set_up_people()
        self.use(AUDIT_FILE=str(self.file))
        staff = cast.make_staff("huong")
        self.ask()
        code = newest_code()
        self.guess(cast.wrong_code())
        self.guess(code)
        self.choose()
        self.log_in("an", password=cast.NEW_PASSWORD)
        self.client.post(
            "/cau-hinh/thong-tin/an@hagiang.gov.vn/",
            {"phone": "0912 345 671", "password": cast.NEW_PASSWORD},
        )
        self.come_in(staff)
        ground = {"why": "người gọi báo mất máy", "ticket": "P-2026-0017"}
        self.client.post(f"/ho-tro/tai-khoan/{self.an.pk}/hien-so/", ground)
        typed = {"phone": "0912 345 672", "evidence": "công văn", "ticket": "P-1"}
        self.client.post(f"/ho-tro/tai-khoan/{self.binh.pk}/de-nghi-doi-so/", typed)

        ship()

        said = self.file.read_text()
        for event in ("password-reset", "phone-asked", "phone-revealed", "phone-proposed"):
            self.assertIn(f'"{event}"', said)
        secrets = [code, cast.PASSWORD, cast.NEW_PASSWORD, self.client.session.session_key]
        for secret in [*secrets, "987466981", "912345671", "912345672", "argon2"]:
            self.assertNotIn(secret, said)


@pytest.mark.program("rsyslogd")
@pytest.mark.program("openssl")
class SyslogTests(Places):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Rsyslog()
        cls.addClassCleanup(cls.server.end)

    def setUp(self):
        super().setUp()
        self.use(**self.server.settings())
        self.server.forget()

    def taken(self):
        return [row["seq"] for *_rest, row in self.server.kept()]

    def assert_all_are_taken(self):
        wait_for(lambda: set(self.taken()) == set(seqs()), "every row to be taken")

    def test_each_row_is_a_message_whose_id_is_its_number(self):
        record(2)
        AuditEvent.record(AuditEvent.Event.LOGIN_FAILED, address="an@hagiang.gov.vn", ok=False)

        ship()
        ship()

        self.assert_all_are_taken()
        kept = self.server.kept()
        self.assertEqual(self.taken(), seqs())
        self.assertEqual([each[3] for each in kept], [str(seq) for seq in seqs()])
        self.assertEqual({each[2] for each in kept}, {"mailportal"})
        self.assertEqual([each[0] for each in kept], ["110", "110", "108"])
        self.assertEqual(kept[0][4]["detail"]["n"], 0)

    def test_what_is_too_long_for_a_message_says_so_and_is_whole_in_the_file(self):
        self.use(AUDIT_FILE=str(self.file))
        record(1, words="Sở Y tế " * 2000)

        ship()

        self.assert_all_are_taken()
        self.assertEqual(self.server.kept()[0][4]["detail"], {"cut": True})
        self.assertIn("Sở Y tế Sở Y tế", self.file.read_text())

    def test_a_server_that_is_killed_before_it_has_read_gets_all_of_it_again(self):
        record(5)
        self.server.pause()
        answers = []

        def run():
            with contextlib.closing(connection):
                try:
                    ship()
                except CommandError as fault:
                    answers.append(str(fault))

        running = threading.Thread(target=run)
        running.start()
        wait_for(self.server.has_unread, "messages that nobody has read")
        self.server.kill()
        running.join()
        self.assertIn("AUDIT_SYSLOG did not take the trail", answers[0])
        self.assertEqual(AuditShipment.objects.get().seq, 0)

        self.server.start()
        ship()

        self.assert_all_are_taken()

    def test_a_run_that_is_killed_in_between_leaves_nothing_out(self):
        record(4)

        self.killed_before_the_cursor_moves(**self.server.settings())
        ship()

        self.assert_all_are_taken()

    def test_a_server_that_is_away_is_told_to_it(self):
        self.use(AUDIT_FILE=str(self.file))
        self.server.kill()
        self.addCleanup(self.server.start)
        record(2)

        with self.assertRaisesMessage(CommandError, "AUDIT_SYSLOG did not take the trail"):
            ship()

        self.assertEqual(self.in_file(), seqs())
        self.assertEqual(dict(shipping.waiting()), {"file": 0, "syslog": 2})
        self.assertIn("AUDIT_SYSLOG", " ".join(records.failing()))

    def test_nothing_is_told_to_a_server_that_is_another(self):
        record(1)
        for others in (
            {"AUDIT_SYSLOG_CA": certificates_elsewhere(self)},
            {"AUDIT_SYSLOG": f"127.0.0.2:{self.server.port}"},
            {"AUDIT_SYSLOG_CA": ""},
        ):
            with self.subTest(others), override_settings(**others):
                self.assertRaises(CommandError, ship)
        self.assertEqual(self.taken(), [])


@pytest.mark.program("openssl")
class HastyServerTests(Places):
    def test_a_server_that_closes_before_it_has_read_all_has_not_taken_it(self):
        folder = self.file.parent
        make_certificates(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        record(3)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            self.use(AUDIT_SYSLOG=f"127.0.0.1:{port}", AUDIT_SYSLOG_CA=str(folder / "ca.pem"))

            def read_a_little():
                plain, _address = listening.accept()
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(1)

            server = threading.Thread(target=read_a_little)
            server.start()
            self.assertRaises(CommandError, ship)
            server.join()

        self.assertEqual(dict(shipping.waiting()), {"syslog": 3})


@pytest.mark.program("rsyslogd")
@pytest.mark.program("openssl")
class CertificateTests(Places):
    def test_a_server_that_asks_for_a_certificate_is_shown_ours(self):
        server = Rsyslog(asks_for_certificate=True)
        self.addCleanup(server.end)
        record(1)

        with override_settings(**server.settings(), **server.client_certificate()):
            ship()

        wait_for(server.kept, "the row to be taken")
