"""Restores as the operator makes them: what was counted still counts, and nothing is half done."""

import threading
from contextlib import closing

import psycopg
from django.test import override_settings
from django.utils import timezone

from accounts.models import Account, AuditEvent
from otp import codes
from otp.models import Code
from tests.support.cast import ASK, CODE
from tests.support.programs.deployment import SECRETS, Server, Visitor
from tests.support.waiting import wait_for
from tests.upkeep.backups import Backups, made

PEOPLE = 1000


class _Caller:
    """The server as somebody at another address reaches it."""

    def __init__(self, server, address):
        self.server, self.address = server, address

    def request(self, method, path, body=None, **headers):
        return self.server.request(method, path, body, X_Forwarded_For=self.address, **headers)


class _Traffic(threading.Thread):
    """People who ask for codes, one after the other, until told to end."""

    def __init__(self, server):
        super().__init__()
        self.server, self.faults = server, []
        self._over = threading.Event()

    def run(self):
        for n in range(PEOPLE):
            if self._over.is_set():
                return
            visitor = Visitor(_Caller(self.server, f"203.0.113.{n % 250}"))
            page = visitor.post(ASK, address=f"nguoi.{n}@hagiang.gov.vn")
            if "mã" not in page:
                self.faults.append(page)

    def end(self):
        self._over.set()
        self.join()


class RestoreTests(Backups):
    def test_a_restore_is_refused_in_one_line(self):
        file = self.back_up()
        with psycopg.connect(self.scratch) as scratch:
            scratch.execute("CREATE TABLE kept AS SELECT 1")
        other = self.place / "other"
        made(["age-keygen", "-o", str(other)])
        cut = self.directory / "cut.dump.age"
        cut.write_bytes(file.read_bytes()[:-200])
        into = {"DATABASE_URL": self.scratch}
        self.assert_each_refused(
            ("there is no such file", ("restore", "/none.dump.age"), into),
            ("--identity", ("restore", file), into),
            ("name ends in", ("restore", self.key), into),
            ("is not empty", ("restore", file, "--identity", self.key), into),
            ("age: ", ("restore", file, "--identity", other, "--replace"), into),
            ("Nothing was changed", ("restore", cut, "--identity", self.key, "--replace"), into),
        )
        with psycopg.connect(self.scratch) as scratch:
            self.assertEqual(scratch.execute("SELECT * FROM kept").fetchall(), [(1,)])

    def test_it_is_refused_while_others_use_the_database(self):
        file = self.back_up()
        with closing(psycopg.connect(self.scratch)):
            r = self.restore(file, self.scratch, "--replace")

        self.assert_refused(r, "1 other sessions use the database")

    def test_the_rehearsal(self):
        now = timezone.now()
        Account.objects.bulk_create(
            Account(
                address=f"nguoi.{n}@hagiang.gov.vn",
                full_name=f"Người {n}",
                phone=f"+8491{n:07}",
                phone_confirmed_at=now,
            )
            for n in range(PEOPLE)
        )
        server = Server()
        visitor = Visitor(server)
        visitor.post(ASK, address="an@hagiang.gov.vn")
        asked = Code.objects.get()
        traffic = _Traffic(server)
        traffic.start()
        self.addCleanup(traffic.end)
        wait_for(lambda: Code.objects.count() > 3, "traffic", log=server.log)
        before = set(Code.objects.values_list("pk", flat=True))

        file = self.back_up()
        traffic.end()
        server.end()
        self.assertEqual(traffic.faults, [])
        into = self.database("restored")
        r = self.restore(file, into)

        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("rows are whole", r.stdout)
        with psycopg.connect(into) as restored:
            count = restored.execute("SELECT count(*) FROM accounts_account").fetchone()
            self.assertEqual(count, (Account.objects.count(),))
            there = {pk for (pk,) in restored.execute("SELECT id FROM otp_code")}
            self.assertLessEqual(before, there)
            chained = restored.execute("SELECT count(*) FROM accounts_auditlink").fetchone()[0]
        self.assertLessEqual(chained, AuditEvent.objects.count())
        again = Server(DATABASE_URL=into)
        self.addCleanup(again.end)
        visitor.server = again
        with override_settings(OTP_PEPPERS=[SECRETS["OTP_PEPPER"]]):
            digits = codes.digits(asked.pk, asked.pepper_id)
        self.assertIn("Nhập mật khẩu mới", visitor.post(CODE, code=digits))
        # The day is counted on: this was the first of two, and the gap is not over.
        with psycopg.connect(into) as restored:
            visitor.post(ASK, address="an@hagiang.gov.vn")
            asked = restored.execute(
                "SELECT count(*) FROM otp_code WHERE address_key = %s", [asked.address_key]
            )
            self.assertEqual(asked.fetchone(), (1,))
