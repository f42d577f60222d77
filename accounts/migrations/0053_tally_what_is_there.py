from django.db import migrations

# Anew, because an account may have been added since the triggers were made.
COUNT = """
LOCK TABLE accounts_account IN SHARE MODE;
DELETE FROM accounts_hashtally;
INSERT INTO accounts_hashtally (scheme, count)
SELECT accounts_hash_scheme(password), count(*) FROM accounts_account GROUP BY 1;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0052_tally_of_hashes")]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
