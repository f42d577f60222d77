"""Indexes by which the newest slips and closed requests come first, made while the portal serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0103_index_of_mailboxes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="activationslip",
            index=models.Index(fields=["-given_at"], name="slip_newest"),
        ),
        AddIndexConcurrently(
            model_name="datarequest",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False)),
                fields=["-closed_at", "-id"],
                name="data_request_closed",
            ),
        ),
    ]
