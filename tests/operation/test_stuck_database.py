"""What is stuck in the database stops nobody for long, and the sign of life needs no database."""

import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase
from psycopg import errors

from accounts.models import AuditEvent
from mailportal.postgresql import COMMAND, PAGE
from tests.support import cast, template
from tests.support.cast import ASK, CODE, FACTOR, LOGIN, PASSWORD, token_of
from tests.support.programs import deployment
from tests.support.programs.deployment import Server, Visitor
from tests.support.programs.mailserver import DatabaseDoor
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

AWAY = "Hệ thống đang tạm nghỉ"
THREADS = 4
TABLES = "accounts_account, accounts_session, accounts_auditevent, otp_code, otp_meter"


@contextlib.contextmanager
def held(*statements):
    """Let somebody else hold what these statements lock, until the block ends."""
    over, ready = threading.Event(), threading.Event()

    def hold():
        with contextlib.closing(connection), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            for statement in statements:
                cursor.execute(statement)
            ready.set()
            over.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert ready.wait(PATIENCE), statements
        yield
    finally:
        over.set()
        holder.join()


class StuckTests(cast.Cast, TransactionTestCase):
    """A gunicorn as it is deployed, and somebody's browser at it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.door = DatabaseDoor()
        cls.addClassCleanup(cls.door.end)
        address = re.sub(r"@[^/]+/", f"@127.0.0.1:{cls.door.port}/", deployment.database_url())
        with mock.patch.object(deployment, "database_url", return_value=address):
            cls.server = Server()
        cls.addClassCleanup(cls.server.end)

    def setUp(self):
        self.set_up_people()
        AuditEvent.record(AuditEvent.Event.LOGGED_OUT, self.an)  # the chain has begun
        self.visitor = Visitor(self.server)

    def assert_away(self, r):
        self.assertEqual(r.status, 503, self.server.log()[-3000:])
        self.assertEqual(r.headers["Retry-After"], "30")
        self.assertIn(AWAY, r.text)

    def errors(self):
        return [line for line in self.server.log().splitlines() if '"level": "ERROR"' in line]

    def assert_gives_up(self, statement, *, path, **fields):
        """The page says "try again", and one line of the log says why, without values."""
        before = len(self.errors())
        with held(statement):
            self.visitor.post(path, **fields)

            self.assert_away(self.visitor.last)
            self.assertEqual(waiting_for_locks(), 0)
        (line,) = self.errors()[before:]
        self.assertIn("OperationalError", line)
        for value in (PASSWORD, "an@", "000000"):
            self.assertNotIn(value, line)

    def test_a_row_or_a_lock_that_is_held(self):
        self.assert_gives_up(
            f"SELECT 1 FROM accounts_account WHERE id = {self.an.pk} FOR UPDATE",
            path=LOGIN,
            username="an",
            password=PASSWORD,
        )
        self.visitor.post(ASK, address="binh")
        self.assert_gives_up("SELECT 1 FROM otp_meter FOR UPDATE", path=ASK, address="an")
        self.assert_gives_up("SELECT 1 FROM otp_code FOR UPDATE", path=CODE, code="000000")
        self.assert_gives_up("SELECT 1 FROM accounts_session FOR UPDATE", path=ASK, address="an")
        self.assert_gives_up(
            "SELECT 1 FROM accounts_auditturn FOR UPDATE",
            path=LOGIN,
            username="binh",
            password="Sai-mat-khau-1!",
        )

    def test_a_number_or_an_account_that_is_being_changed(self):
        row = f"SELECT 1 FROM accounts_account WHERE id = {self.an.pk} FOR UPDATE"
        self.visitor.post(LOGIN, username="an", password=PASSWORD)
        phone = f"/cau-hinh/thong-tin/{self.an.address}/"
        self.assert_gives_up(row, path=phone, phone="0912 345 671")
        staff = cast.make_staff("it")
        self.visitor = Visitor(self.server)
        self.visitor.post(LOGIN, username="it", password=PASSWORD)
        self.visitor.post(FACTOR, token=token_of(staff))
        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        self.assert_gives_up(row, path=page, full_name="Ân", kind="person")
        self.assert_gives_up(
            row, path=f"/ho-tro/tai-khoan/{self.an.pk}/khoa/", why="x", ticket="P-1"
        )

    def test_whole_tables_that_are_held(self):
        staff = cast.make_staff("it")
        self.visitor.post(LOGIN, username="it", password=PASSWORD)
        self.visitor.post(FACTOR, token=token_of(staff))
        pages = [
            "/quan-tri/accounts/account/",
            "/ho-tro/",
            f"/quan-tri/accounts/account/{self.an.pk}/change/",
            "/",
        ] * 4
        before = len(self.errors())
        with held(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE"), ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(self.look, page) for page in pages]
            wait_for(lambda: waiting_for_locks() >= THREADS, "every thread to wait")

            alive = self.server.request("GET", "/healthz")

            self.assertFalse(all(answer.done() for answer in answers))
            self.assertEqual((alive.status, alive.text), (200, "ok\n"))
            for answer in answers:
                self.assert_away(answer.result())
        # Who came last did not wait in vain for what all before had waited for.
        late = [line for line in self.errors()[before:] if "no thread in time" in line]
        self.assertGreaterEqual(len(late), THREADS)
        self.assertEqual(len(self.errors()) - before, len(pages))

    def look(self, path):
        cookies = "; ".join(f"{name}={value}" for name, value in self.visitor.cookies.items())
        return self.server.request("GET", path, Cookie=cookies)

    def test_a_server_that_does_not_answer_at_all(self):
        for _ in range(2 * THREADS):  # until every thread has its connection
            self.server.request("GET", ASK)
        self.door.close()
        self.addCleanup(self.door.let_through)
        with ThreadPoolExecutor(2 * THREADS) as pool:
            answers = [pool.submit(self.server.request, "GET", "/readyz") for _ in range(THREADS)]
            # Who comes next waits for a thread, and is told so by the page.
            wait_for(lambda: self.door.held >= THREADS, "every thread to wait")
            answers += [pool.submit(self.server.request, "GET", ASK) for _ in range(THREADS)]

            alive = self.server.request("GET", "/healthz")

            self.assertFalse(all(answer.done() for answer in answers))
            self.assertEqual(alive.status, 200)
            for answer in answers[:THREADS]:
                self.assertEqual(answer.result().text, '{"database": false}')
            for answer in answers[THREADS:]:
                self.assert_away(answer.result())
        self.door.let_through()

        self.visitor.post(LOGIN, username="an", password=PASSWORD)

        self.assertEqual(self.visitor.last.status, 200, self.server.log())


class RefusedTests(cast.Cast, TestCase):
    """PostgreSQL refuses or ends something at any place: it is a matter of moments (503)."""

    ENDS = (
        errors.AdminShutdown,
        errors.CrashShutdown,
        errors.CannotConnectNow,
        errors.TooManyConnections,
        errors.ReadOnlySqlTransaction,
        errors.InFailedSqlTransaction,
        errors.IdleInTransactionSessionTimeout,
        errors.LockNotAvailable,
        errors.QueryCanceled,
        errors.DeadlockDetected,
        errors.SerializationFailure,
        errors.DiskFull,
    )

    def setUp(self):
        self.set_up_people()
        self.log_in()

    def refuse(self, kind, words):
        """Have the database refuse every statement that has these words."""

        def refusing(execute, statement, parameters, many, context):
            if words in statement:
                with context["connection"].wrap_database_errors:
                    raise kind("zqcanary")
            return execute(statement, parameters, many, context)

        return connection.execute_wrapper(refusing)

    def test_in_a_view_and_before_it(self):
        client = Client(raise_request_exception=False)
        client.cookies = self.client.cookies
        for kind in self.ENDS:
            for words in ("accounts_session", "accounts_auditevent"):
                with self.subTest(kind.__name__, words=words), self.assertLogs() as log:
                    with self.refuse(kind, words):
                        r = client.get("/cau-hinh/hoat-dong/")

                    self.assertEqual(r.status_code, 503)
                    self.assertEqual(r.headers["Retry-After"], "30")
                    self.assertEqual(len(log.output), 1, log.output)

    def test_what_is_wrong_with_the_code_is_said_to_be(self):
        client = Client(raise_request_exception=False)
        with self.refuse(errors.UndefinedColumn, "accounts_session"), self.assertLogs():
            self.assertEqual(client.get("/").status_code, 302)
            client.cookies = self.client.cookies
            self.assertEqual(client.get("/").status_code, 500)


class LimitTests(cast.Cast, TestCase):
    def setUp(self):
        # Those of the tests themselves are longer.
        self.enterContext(template.patient(PAGE))

    def in_force(self, at=connection):
        with at.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            return cursor.fetchone()

    def test_a_page_has_little_patience_and_a_command_more(self):
        with contextlib.closing(connection.copy()) as page:
            self.assertEqual(self.in_force(page), tuple(PAGE.parameters().values()))
            with page.cursor() as cursor:
                cursor.execute("SHOW jit")
                self.assertEqual(cursor.fetchone(), ("off",))
        for mine, longer in zip(PAGE, COMMAND, strict=True):
            self.assertGreater(longer, mine)
        said = deployment.run(
            "manage.py",
            "shell",
            "--verbosity=0",
            "--command=from django.db import connection as c; k = c.cursor();"
            " k.execute('SHOW statement_timeout'); print(k.fetchone())",
            DATABASE_URL=deployment.database_url(),
        )
        self.assertIn("1h", said.stdout)

    def test_a_report_has_more_until_it_is_sent(self):
        self.come_in(cast.make_staff("it"))
        seen = []

        def look(execute, statement, parameters, many, context):
            if "statement_timeout" in statement:
                seen.append(statement)
            return execute(statement, parameters, many, context)

        with connection.execute_wrapper(look):
            self.client.get("/quan-tri/bao-cao/")

        self.assertEqual(seen, [f"SET statement_timeout = '{n}s'" for n in (25, 5)])
        self.assertEqual(self.in_force()[1], PAGE.parameters()["statement_timeout"])
