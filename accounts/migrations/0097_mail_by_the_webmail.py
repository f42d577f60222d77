from django.db import migrations

# mail_webmail_tokens: the access tokens that open mail, by their SHA-256: of each log-in at the
# webmail the one in force, for its 10 minutes, and for 30 seconds the one before it
# (accounts.webmail.logins: ACCESS_LIFE, REPEATED).
#
# mail_sessions: beside the names that passwords give, one of each log-in at the webmail that has
# tokens, which ends with it. Postfix asks by them whether a session in SMTP is still allowed.
CREATE = """
CREATE VIEW mail_webmail_logins AS
SELECT account.address::text AS username,
    'webmail-' || replace(webmail.uid::text, '-', '') || '/' || account.address AS login,
    webmail.turned_at, webmail.access_digest, webmail.former_digest
FROM accounts_webmaillogin AS webmail JOIN accounts_account AS account ON account.id = webmail.account_id
WHERE webmail.turn > 0 AND webmail.ends_at > now() AND account.is_active AND account.locked_at IS NULL
  AND NOT (account.has_default_password AND coalesce(account.default_password_until <= now(), false));

CREATE VIEW mail_webmail_tokens AS
SELECT username, login, access_digest AS digest, '{SHA256.HEX}' || access_digest AS password
FROM mail_webmail_logins WHERE turned_at > now() - interval '10 minutes'
UNION ALL
SELECT username, login, former_digest, '{SHA256.HEX}' || former_digest
FROM mail_webmail_logins WHERE former_digest > '' AND turned_at > now() - interval '30 seconds';

CREATE OR REPLACE VIEW mail_sessions AS
SELECT username, login FROM mail_logins
UNION ALL
SELECT username, login FROM mail_app_passwords
UNION ALL
SELECT username, login FROM mail_webmail_logins;
"""

DROP = """
CREATE OR REPLACE VIEW mail_sessions AS
SELECT username, login FROM mail_logins
UNION ALL
SELECT username, login FROM mail_app_passwords;

DROP VIEW mail_webmail_tokens;
DROP VIEW mail_webmail_logins;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0096_webmail_logins")]

    operations = [migrations.RunSQL(CREATE, DROP)]
