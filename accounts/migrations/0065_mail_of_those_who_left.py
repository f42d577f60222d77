from django.db import migrations

# Mail to somebody who left: where it goes while it is forwarded, and what its senders are told from
# then on. Both only while the account is shut: opened again, it is a mailbox like any other.
CREATE = """
CREATE VIEW mail_forwards AS
SELECT reach.address, reach.local, reach.domain, target.address::text AS destination
FROM accounts_departure AS departure
JOIN accounts_account AS account ON account.id = departure.account_id AND NOT account.is_active
JOIN accounts_account AS target ON target.id = departure.forward_to_id AND target.is_active
JOIN mail_reach AS reach ON reach.account_id = account.id
WHERE departure.called_off_at IS NULL
  AND departure.shut_at + departure.forward_days * interval '1 day' > now();

CREATE VIEW mail_refusals AS
SELECT reach.address, reach.local, reach.domain, '550 5.1.6 ' || departure.sentence AS answer
FROM accounts_departure AS departure
JOIN accounts_account AS account ON account.id = departure.account_id AND NOT account.is_active
JOIN mail_reach AS reach ON reach.account_id = account.id
LEFT JOIN accounts_account AS target ON target.id = departure.forward_to_id AND target.is_active
WHERE departure.called_off_at IS NULL AND departure.shut_at IS NOT NULL
  AND (target.id IS NULL
       OR departure.shut_at + departure.forward_days * interval '1 day' <= now());
"""

DROP = """
DROP VIEW mail_refusals;
DROP VIEW mail_forwards;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0064_departures")]

    operations = [migrations.RunSQL(CREATE, DROP)]
