"""No index of when counts end: the planner read by it all that ran, to find one by its key."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("otp", "0030_codes_of_lost_messages"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX CONCURRENTLY IF EXISTS otp_meter_until_7ea77de2",
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS otp_meter_until_7ea77de2"
                    " ON otp_meter (until)",
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="meter",
                    name="until",
                    field=models.DateTimeField(),
                ),
            ],
        ),
    ]
