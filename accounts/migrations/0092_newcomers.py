"""An index of the accounts among which newcomers are found, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0091_words_of_units"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(
                    ("is_active", True),
                    ("is_staff", False),
                    ("locked_at", None),
                    ("phone", ""),
                    models.Q(
                        ("has_default_password", True),
                        ("password__startswith", "!"),
                        _connector="OR",
                    ),
                ),
                fields=["-id"],
                name="account_newcomer",
            ),
        ),
    ]
