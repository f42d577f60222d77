from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0042_aliases_right"),
        ("otp", "0010_kicks"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="campaignmember",
            name="member_has_a_week_after_the_first_warning",
        ),
        migrations.RemoveConstraint(
            model_name="campaignmember",
            name="member_has_six_days_after_the_second_warning",
        ),
        migrations.RemoveConstraint(
            model_name="campaignmember",
            name="member_is_locked_after_the_last_warning",
        ),
        migrations.AddField(
            model_name="campaignmember",
            name="warnings_sent",
            field=models.SmallIntegerField(db_default=0, verbose_name="số lần đã nhắc"),
        ),
        migrations.AddField(
            model_name="campaignmember",
            name="first_warned_on",
            field=models.DateField(null=True, verbose_name="nhắc lần đầu"),
        ),
        migrations.AddField(
            model_name="campaignmember",
            name="last_warned_on",
            field=models.DateField(null=True, verbose_name="nhắc gần nhất"),
        ),
    ]
