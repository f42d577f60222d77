"""An index that alone tells why messages did not arrive, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("otp", "0026_messages_due"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["rejected", "failed", "unknown", "expired", "skipped"])
                ),
                fields=["state", "created_at"],
                include=["channel", "gateway", "reason"],
                name="message_lost",
            ),
        ),
        # What the wider one does as well.
        RemoveIndexConcurrently(model_name="message", name="message_not_sent"),
    ]
