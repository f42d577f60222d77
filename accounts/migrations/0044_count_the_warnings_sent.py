from django.db import migrations

COUNT = """
UPDATE accounts_campaignmember SET
    warnings_sent = num_nonnulls(warned_14_on, warned_7_on, warned_1_on),
    first_warned_on = warned_14_on,
    last_warned_on = greatest(warned_14_on, warned_7_on, warned_1_on)
WHERE warned_14_on IS NOT NULL
"""

# The second of three warnings is known no longer: it was given six days before the last at the
# latest.
SPREAD = """
UPDATE accounts_campaignmember SET
    warned_14_on = first_warned_on,
    warned_7_on = CASE warnings_sent WHEN 2 THEN last_warned_on WHEN 3 THEN last_warned_on - 6 END,
    warned_1_on = CASE warnings_sent WHEN 3 THEN last_warned_on END
WHERE warnings_sent > 0
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0043_warnings_are_counted"),
    ]

    operations = [migrations.RunSQL(COUNT, SPREAD)]
