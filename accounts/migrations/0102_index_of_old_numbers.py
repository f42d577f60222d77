"""An index of numbers by when they were confirmed, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0101_edited_webhooks"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(
                    ("phone_confirmed_at__isnull", False), ("phone_doubted_at", None)
                ),
                fields=["phone_confirmed_at"],
                name="account_confirmed",
            ),
        ),
    ]
