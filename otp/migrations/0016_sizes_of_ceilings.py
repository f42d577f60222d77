from django.db import migrations

# Ceilings that IT has set stay as they are; those of a new portal follow use from now on.
KEEP = """
UPDATE otp_brakes SET set_by_hand = true
WHERE (codes_an_hour, codes_a_day, guesses_an_hour, guesses_a_day) <> (300, 1000, 100, 300);
UPDATE otp_brakes SET guesses_an_hour = 600, guesses_a_day = 1000 WHERE NOT set_by_hand;
"""


class Migration(migrations.Migration):
    dependencies = [("otp", "0015_tightening")]

    operations = [migrations.RunSQL(KEEP, migrations.RunSQL.noop)]
