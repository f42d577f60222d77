from django.db import migrations

# The name under which Postfix knows a session, for each account that mail programs may open: the
# moment of its password in microseconds, a slash (no address has one) and its address. A session
# that was opened with an older password has another name.
CREATE = """
CREATE VIEW mail_logins AS
SELECT passdb.username,
    (extract(epoch FROM coalesce(account.password_changed_at, 'epoch')) * 1000000)::bigint
        || '/' || passdb.username AS login
FROM mail_passdb AS passdb JOIN accounts_account AS account ON account.address = passdb.username;
"""

DROP = "DROP VIEW mail_logins"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0054_tally_of_more_hashes")]

    operations = [migrations.RunSQL(CREATE, DROP)]
