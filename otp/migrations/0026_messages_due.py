"""Indexes in whose order the sender takes what is due, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("otp", "0025_words_for_staff_lists"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(("code__isnull", False), ("state", "queued")),
                fields=["due_at"],
                name="message_codes_due",
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                models.OrderBy(
                    models.ExpressionWrapper(
                        models.Q(("channel", "kick")), output_field=models.BooleanField()
                    ),
                    descending=True,
                ),
                models.F("due_at"),
                condition=models.Q(("code__isnull", True), ("state", "queued")),
                name="message_notices_due",
            ),
        ),
    ]
