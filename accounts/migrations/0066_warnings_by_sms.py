"""A campaign's warning by SMS, beside the mail."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0065_mail_of_those_who_left"), ("otp", "0020_dead_numbers")]

    operations = [
        migrations.AddField(
            model_name="campaignmember",
            name="sms",
            field=models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="otp.message",
            ),
        ),
    ]
