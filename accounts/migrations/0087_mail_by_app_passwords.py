from django.db import migrations

# mail_open, which the others are made of and nobody else reads: accounts whose mailbox may be
# opened by a password. mail_passdb has no row where the office lets app passwords alone open mail.
#
# mail_app_passwords: Dovecot asks for the one row of a mailbox and a digest of what was typed.
#
# mail_sessions: every name under which Postfix knows a session that is allowed: those of
# mail_logins, and one of each app password, which ends with it.
CREATE = """
CREATE VIEW mail_open AS
SELECT id, address::text AS username, split_part(address, '@', 2) AS domain,
    CASE WHEN password LIKE 'argon2$%' THEN '{ARGON2ID}' || substr(password, 7)
         ELSE substr(password, 10) END AS password
FROM accounts_account
WHERE is_active AND locked_at IS NULL
  AND NOT (has_default_password AND coalesce(default_password_until <= now(), false))
  AND (password LIKE 'argon2$argon2id$%' OR password LIKE 'imported${%');

CREATE OR REPLACE VIEW mail_passdb AS
SELECT username, password FROM mail_open
WHERE NOT EXISTS (SELECT 1 FROM accounts_maildomain AS known
                  WHERE known.name = mail_open.domain AND NOT known.opens_by_password);

CREATE VIEW mail_app_passwords AS
SELECT mail_open.username, app.digest::text AS digest, app.encoded::text AS password,
    app.id::text AS app, 'app-' || app.id || '/' || mail_open.username AS login
FROM mail_open JOIN accounts_apppassword AS app ON app.account_id = mail_open.id;

CREATE VIEW mail_sessions AS
SELECT username, login FROM mail_logins
UNION ALL
SELECT username, login FROM mail_app_passwords;
"""

DROP = """
DROP VIEW mail_sessions;
DROP VIEW mail_app_passwords;

CREATE OR REPLACE VIEW mail_passdb AS
SELECT address::text AS username,
    CASE WHEN password LIKE 'argon2$%' THEN '{ARGON2ID}' || substr(password, 7)
         ELSE substr(password, 10) END AS password
FROM accounts_account
WHERE is_active AND locked_at IS NULL
  AND NOT (has_default_password AND coalesce(default_password_until <= now(), false))
  AND (password LIKE 'argon2$argon2id$%' OR password LIKE 'imported${%');

DROP VIEW mail_open;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0086_app_passwords")]

    operations = [migrations.RunSQL(CREATE, DROP)]
