from django.db import migrations

FILL = """
INSERT INTO accounts_address (address, account_id, is_main)
SELECT address, id, true FROM accounts_account
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_an_account_has_its_address")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
