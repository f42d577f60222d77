"""What webhooks were called before."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0104_newest_of_slips_and_requests"),
    ]

    operations = [
        migrations.AddField(
            model_name="hook",
            name="former_names",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), db_default=[], default=list, size=None
            ),
        ),
    ]
