"""Indexes that serve a page of codes or messages over any number, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("otp", "0020_dead_numbers"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="code",
            index=models.Index(fields=["local_day", "issued_at"], name="code_day"),
        ),
        AddIndexConcurrently(
            model_name="code",
            index=models.Index(
                condition=models.Q(("voided", True)), fields=["issued_at"], name="code_voided"
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(fields=["address_key"], name="message_address_key"),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(fields=["gateway", "created_at"], name="message_gateway"),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["rejected", "failed", "unknown", "expired", "skipped"])
                ),
                fields=["state", "created_at"],
                name="message_not_sent",
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(("channel__in", ["mail", "kick", "hook"])),
                fields=["channel", "created_at"],
                name="message_no_sms",
            ),
        ),
        # What the wider ones do as well.
        migrations.AlterField(
            model_name="message",
            name="address_key",
            field=models.CharField(max_length=64),
        ),
    ]
