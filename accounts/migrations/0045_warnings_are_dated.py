import datetime

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0044_count_the_warnings_sent"),
        ("otp", "0010_kicks"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="campaignmember",
            name="warned_14_on",
        ),
        migrations.RemoveField(
            model_name="campaignmember",
            name="warned_1_on",
        ),
        migrations.RemoveField(
            model_name="campaignmember",
            name="warned_7_on",
        ),
        migrations.AddConstraint(
            model_name="campaignmember",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("first_warned_on__isnull", True),
                        ("last_warned_on__isnull", True),
                        ("warnings_sent", 0),
                    ),
                    models.Q(
                        ("first_warned_on__isnull", False),
                        ("last_warned_on__gte", models.F("first_warned_on")),
                        ("last_warned_on__isnull", False),
                        ("warnings_sent__range", (1, 3)),
                    ),
                    _connector="OR",
                ),
                name="member_warnings_have_their_days",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignmember",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("warnings_sent__lte", 1),
                    models.Q(
                        (
                            "last_warned_on__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("first_warned_on"),
                                "+",
                                models.Value(datetime.timedelta(days=7)),
                            ),
                        ),
                        ("warnings_sent", 2),
                    ),
                    models.Q(
                        (
                            "last_warned_on__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("first_warned_on"),
                                "+",
                                models.Value(datetime.timedelta(days=13)),
                            ),
                        ),
                        ("warnings_sent", 3),
                    ),
                    _connector="OR",
                ),
                name="member_warnings_are_days_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignmember",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "locked"), _negated=True),
                    models.Q(
                        (
                            "decided_on__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("last_warned_on"),
                                "+",
                                models.Value(datetime.timedelta(days=1)),
                            ),
                        ),
                        ("warnings_sent", 3),
                    ),
                    _connector="OR",
                ),
                name="member_is_locked_after_the_last_warning",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignmember",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "locked"), _negated=True),
                    models.Q(
                        (
                            "decided_on__gte",
                            django.db.models.expressions.CombinedExpression(
                                models.F("first_warned_on"),
                                "+",
                                models.Value(datetime.timedelta(days=14)),
                            ),
                        ),
                        ("first_warned_on__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="member_is_locked_after_all_the_days",
            ),
        ),
    ]
