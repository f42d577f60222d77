"""A `migrate` that was killed is done again, and goes on."""

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

FACTS = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('message_not_arrived')"
LAST = "app = 'otp' AND name >= '0030'"  # from the one that makes that index


class KilledTests(TransactionTestCase):
    def test_an_index_that_was_made_or_half_made_is_no_obstacle(self):
        for valid in ("true", "false"):
            with self.subTest(valid), connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM django_migrations WHERE {LAST}")
                count = cursor.fetchone()
                cursor.execute(f"DELETE FROM django_migrations WHERE {LAST}")
                cursor.execute(
                    f"UPDATE pg_index SET indisvalid = {valid}"
                    " WHERE indexrelid = 'message_not_arrived'::regclass"
                )

                call_command("migrate", verbosity=0)

                cursor.execute(FACTS)
                self.assertEqual(cursor.fetchall(), [(True,)])
                cursor.execute(f"SELECT count(*) FROM django_migrations WHERE {LAST}")
                self.assertEqual(cursor.fetchone(), count)
