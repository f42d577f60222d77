"""What monitors and balancers are told, by whatever name they call; and an older schema."""

from unittest import mock

from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings

from mailportal import schema
from mailportal.middleware import LONGEST_WAIT
from tests.support import cast
from tests.support.cast import ASK, LOGIN
from tests.support.programs import deployment

NAMES = (
    "127.0.0.1",
    "127.0.0.1:8000",
    "[::1]:8000",
    "10.0.0.7",
    "portal-1",
    "mailportal_web_1",
    "",
)
BEFORE = """
DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'otp')
RETURNING app, name
"""


class NameTests(TestCase):
    def test_monitors_may_call_by_any_name(self):
        for name in NAMES:
            with self.subTest(name):
                live = self.client.get("/healthz", headers={"host": name})
                ready = self.client.get("/readyz", headers={"host": name})

                self.assertEqual((live.status_code, live.content), (200, b"ok\n"))
                self.assertIs(ready.json()["migrations"], True)

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_they_are_led_nowhere(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(
                    self.client.get("/healthz", headers={"host": name}).status_code, 200
                )

    def test_no_other_page_answers_under_these_names(self):
        for path in (LOGIN, ASK, "/huong-dan/", "/healthz/", "/robots.txt"):
            for name in ("10.0.0.7", "portal-1", "mailportal_web_1"):
                with self.subTest(path, name=name):
                    r = self.client.get(path, headers={"host": name})

                    self.assertEqual(r.status_code, 400)

    def test_who_has_waited_too_long_for_a_thread_is_told_so_as_on_any_page(self):
        for path in ("/readyz", "/metrics", LOGIN):
            with self.subTest(path):
                in_time, late = (
                    self.client.get(path, **{"mailportal.waited": LONGEST_WAIT + more})
                    for more in (-1, 1)
                )
                self.assertNotIn("tạm nghỉ", in_time.content.decode())
                self.assertContains(late, "tạm nghỉ", status_code=503)

    def test_they_only_look(self):
        for path in ("/healthz", "/readyz"):
            with self.subTest(path):
                self.assertEqual(self.client.head(path).content, b"")
                for client in (self.client, Client(enforce_csrf_checks=True)):
                    self.assertEqual(client.post(path).status_code, 405)


class OlderSchemaTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        with connection.cursor() as cursor:
            cursor.execute(BEFORE)
            self.gone = cursor.fetchone()
        known = mock.patch.dict(schema._known, current=False)
        known.start()
        self.addCleanup(known.stop)

    def migrate(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())",
                self.gone,
            )

    def test_no_page_is_served_until_it_is_migrated(self):
        for path in (LOGIN, ASK, "/quan-tri/", "/ho-tro/"):
            with self.subTest(path), self.assertLogs("mailportal.middleware", "ERROR"):
                r = self.client.get(path)

                self.assertContains(r, "Hệ thống đang tạm nghỉ", status_code=503)
                self.assertEqual(r.headers["Retry-After"], "30")
        with self.assertLogs("mailportal.middleware", "ERROR"):
            self.assertEqual(self.ask().status_code, 503)

        self.migrate()

        self.assertEqual(self.client.get(LOGIN).status_code, 200)

    def test_monitors_and_words_are_served(self):
        self.assertEqual(self.client.get("/healthz").status_code, 200)
        self.assertEqual(self.client.get("/readyz").json()["migrations"], False)
        for path in ("/huong-dan/", "/quyen-rieng-tu/", "/mail/config-v1.1.xml"):
            with self.subTest(path):
                self.assertNotEqual(self.client.get(path).status_code, 503)

    def test_it_is_looked_at_until_it_is_fine_and_not_again(self):
        self.migrate()
        self.client.get(LOGIN)

        with mock.patch.object(schema, "is_current") as look:
            self.client.get(LOGIN)

        look.assert_not_called()


class WorkerTests(cast.Cast, TransactionTestCase):
    def test_a_web_process_born_before_migrate_serves_after_it(self):
        with connection.cursor() as cursor:
            cursor.execute(BEFORE)
            gone = cursor.fetchone()
        server = deployment.Server()
        self.addCleanup(server.end)
        away = server.request("GET", LOGIN)
        alive = server.request("GET", "/healthz", Host="127.0.0.1", over_https=False)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", gone
            )

        there = server.request("GET", LOGIN)

        self.assertEqual((away.status, alive.status, there.status), (503, 200, 200))
