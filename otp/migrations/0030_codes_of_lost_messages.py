"""An index that tells of messages that did not arrive, with their codes; made as it is served."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("otp", "0029_several_ways"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["rejected", "failed", "unknown", "expired", "skipped"])
                ),
                fields=["state", "created_at"],
                include=["channel", "gateway", "reason", "code"],
                name="message_not_arrived",
            ),
        ),
        # What the wider one does as well.
        RemoveIndexConcurrently(model_name="message", name="message_lost"),
    ]
