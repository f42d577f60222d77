from django.db import migrations

# Who links a row to the chain waited for an advisory lock, which any role that may log in can take
# and keep: the mail server's too. Now it is the lock of a row that no role but the owner can see.
# The functions do their work as the owner, so that who writes to the trail need not see it either;
# and they are nobody's to call, or a trigger on a table of one's own would take the lock.
#
# Nobody may be between the two locks while the functions are replaced: whoever comes after this
# LOCK waits at the queue, which is before the chain.
UNDER_A_ROW = """
LOCK TABLE accounts_auditqueue IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE accounts_auditturn (id smallint PRIMARY KEY CHECK (id = 1));
INSERT INTO accounts_auditturn VALUES (1);

CREATE OR REPLACE FUNCTION accounts_audit_link() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    event accounts_auditevent;
BEGIN
    PERFORM 1 FROM accounts_auditturn FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the chain of the audit trail has no row to wait for';
    END IF;
    SELECT * INTO STRICT event FROM accounts_auditevent WHERE id = NEW.event_id;
    PERFORM accounts_audit_append(event);
    DELETE FROM accounts_auditqueue WHERE event_id = NEW.event_id;
    RETURN NULL;
END
$$;

ALTER FUNCTION accounts_audit_queue() SECURITY DEFINER;
ALTER FUNCTION accounts_audit_queue() SET search_path = pg_catalog, public, pg_temp;

REVOKE EXECUTE ON FUNCTION
    accounts_audit_link(), accounts_audit_queue(), accounts_audit_append(accounts_auditevent)
FROM PUBLIC;
"""

UNDER_A_NUMBER = """
LOCK TABLE accounts_auditqueue IN SHARE ROW EXCLUSIVE MODE;

CREATE OR REPLACE FUNCTION accounts_audit_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event accounts_auditevent;
BEGIN
    PERFORM pg_advisory_xact_lock(4703111);
    SELECT * INTO STRICT event FROM accounts_auditevent WHERE id = NEW.event_id;
    PERFORM accounts_audit_append(event);
    DELETE FROM accounts_auditqueue WHERE event_id = NEW.event_id;
    RETURN NULL;
END
$$;

ALTER FUNCTION accounts_audit_queue() SECURITY INVOKER RESET ALL;
DROP TABLE accounts_auditturn;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0046_units_are_moved_one_at_a_time")]

    operations = [migrations.RunSQL(UNDER_A_ROW, UNDER_A_NUMBER)]
