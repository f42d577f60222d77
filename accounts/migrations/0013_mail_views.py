from django.db import migrations

# What the mail server reads, and all that it may read (manage.py mail_role).
#
# mail_reach, which the others are made of, has every address at which an account is reached: its
# own, its aliases, and each of them in the other names of its domain. An alias that is written in
# such another name is left out, as in accounts.addresses.canonical(): the domain is read first.
# Each half can be searched by the part before the @ with an index.
CREATE = """
CREATE VIEW mail_reach AS
SELECT known.address::text AS address, split_part(known.address, '@', 1) AS local,
    split_part(known.address, '@', 2) AS domain, known.account_id, known.is_main
FROM accounts_address AS known
WHERE NOT EXISTS (SELECT 1 FROM accounts_maildomain AS domain
                  WHERE domain.name = split_part(known.address, '@', 2)
                    AND domain.alias_of_id IS NOT NULL)
UNION ALL
SELECT split_part(known.address, '@', 1) || '@' || domain.name, split_part(known.address, '@', 1),
    domain.name::text, known.account_id, false
FROM accounts_address AS known
JOIN accounts_maildomain AS domain ON domain.alias_of_id = split_part(known.address, '@', 2);

CREATE VIEW mail_passdb AS
SELECT address::text AS username,
    CASE WHEN password LIKE 'argon2$%' THEN '{ARGON2ID}' || substr(password, 7)
         ELSE substr(password, 10) END AS password
FROM accounts_account
WHERE is_active AND locked_at IS NULL
  AND NOT (has_default_password AND coalesce(default_password_until <= now(), false))
  AND (password LIKE 'argon2$argon2id$%' OR password LIKE 'imported${%');

CREATE VIEW mail_userdb AS
SELECT address::text AS username, split_part(address, '@', 1) AS local,
    split_part(address, '@', 2) AS domain, id::text AS mailbox
FROM accounts_account
WHERE is_active;

CREATE VIEW mail_aliases AS
SELECT reach.address, reach.local, reach.domain, account.address::text AS destination
FROM mail_reach AS reach JOIN accounts_account AS account ON account.id = reach.account_id
WHERE account.is_active AND NOT reach.is_main;

CREATE VIEW mail_senders AS
SELECT reach.address AS sender, reach.local, reach.domain, account.address::text AS username
FROM mail_reach AS reach JOIN accounts_account AS account ON account.id = reach.account_id;

CREATE VIEW mail_domains AS
SELECT name::text AS domain, alias_of_id::text AS alias_of FROM accounts_maildomain;
"""

DROP = """
DROP VIEW mail_domains;
DROP VIEW mail_senders;
DROP VIEW mail_aliases;
DROP VIEW mail_userdb;
DROP VIEW mail_passdb;
DROP VIEW mail_reach;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_addresses_of_today")]

    operations = [migrations.RunSQL(CREATE, DROP)]
