"""The index of a campaign's SMS, made without holding up those who write to the table."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0066_warnings_by_sms")]

    operations = [
        AddIndexConcurrently(
            model_name="campaignmember",
            index=models.Index(
                name="member_sms",
                fields=["sms"],
                condition=models.Q(("sms__isnull", False)),
            ),
        ),
    ]
