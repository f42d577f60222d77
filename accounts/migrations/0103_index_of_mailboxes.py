"""An index of organisations' mailboxes in the order of their list, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0102_index_of_old_numbers"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(
                    ("is_active", True), ("is_staff", False), ("kind", "organisation")
                ),
                fields=["address"],
                name="account_mailbox",
            ),
        ),
    ]
