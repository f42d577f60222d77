from django.db import migrations

# As accounts.hooks.rules.end() leaves it: the scheme, the host and the port.
KEEP_THE_HOST = r"""
UPDATE accounts_hook SET url = regexp_replace(url, '^(https?://)([^/?#]*@)?([^/?#]+).*$', '\1\3')
WHERE ended_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0098_way_of_codes"),
    ]

    operations = [migrations.RunSQL(KEEP_THE_HOST, migrations.RunSQL.noop)]
