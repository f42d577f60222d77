"""Indexes along which the next message of a webhook is found: a ping, or what has waited longest."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0094_program_scopes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="hookmessage",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["hook", "due_at", "id"],
                name="hook_message_next",
            ),
        ),
        AddIndexConcurrently(
            model_name="hookmessage",
            index=models.Index(
                condition=models.Q(("event", "ping"), ("state", "waiting")),
                fields=["hook"],
                name="hook_message_ping",
            ),
        ),
        RemoveIndexConcurrently(model_name="hookmessage", name="hook_message_due"),
    ]
