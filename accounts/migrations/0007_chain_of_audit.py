from django.db import migrations

# The row as one text, in which no value can run into the next. `accounts.audit.chain` reads it the same
# way.
#
# Deferred triggers fire in the order in which they were queued, foreign keys among them. The chain's
# lock must come after all of those, or one transaction could hold it and wait for a row while another
# holds the row and waits for the chain. So the commit first queues each row, and what is queued by
# the commit itself fires after all that waited for it.
CHAIN = """
CREATE FUNCTION accounts_audit_text(event accounts_auditevent) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        event.id, accounts_audit_time(event.at), event.event, event.ok, event.reason,
        event.account_id, event.actor_id, event.address_key, host(event.client),
        event.request_id, event.detail)::text
$$;

CREATE FUNCTION accounts_audit_append(event accounts_auditevent) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    last accounts_auditlink;
    row text := encode(sha256(convert_to(accounts_audit_text(event), 'UTF8')), 'hex');
BEGIN
    SELECT * INTO last FROM accounts_auditlink ORDER BY seq DESC LIMIT 1;
    INSERT INTO accounts_auditlink (seq, event_id, at, row, digest) VALUES (
        coalesce(last.seq, 0) + 1, event.id, event.at, row,
        encode(sha256(convert_to(concat_ws(
            chr(10), coalesce(last.digest, ''), accounts_audit_time(event.at), row), 'UTF8')), 'hex')
    );
END
$$;

CREATE TABLE accounts_auditqueue (event_id bigint PRIMARY KEY);

CREATE FUNCTION accounts_audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_auditqueue VALUES (NEW.id);
    RETURN NULL;
END
$$;

CREATE FUNCTION accounts_audit_link() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE CONSTRAINT TRIGGER accounts_audit_queued AFTER INSERT ON accounts_auditevent
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_queue();
CREATE CONSTRAINT TRIGGER accounts_audit_chained AFTER INSERT ON accounts_auditqueue
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_link();
"""

TIME = """
CREATE FUNCTION accounts_audit_time(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
$$;
"""

UNCHAIN = """
DROP TRIGGER accounts_audit_queued ON accounts_auditevent;
DROP TABLE accounts_auditqueue;
DROP FUNCTION accounts_audit_queue();
DROP FUNCTION accounts_audit_link();
DROP FUNCTION accounts_audit_append(accounts_auditevent);
DROP FUNCTION accounts_audit_text(accounts_auditevent);
"""

LINK_WHAT_IS_THERE = """
DO $$
DECLARE
    event accounts_auditevent;
BEGIN
    FOR event IN SELECT * FROM accounts_auditevent ORDER BY id LOOP
        PERFORM accounts_audit_append(event);
    END LOOP;
END
$$;
"""

# Old rows go when the office need not keep them any longer (LG-08), never one that is younger than
# a year. A link never goes.
REFUSE = """
CREATE OR REPLACE FUNCTION accounts_audit_refuses_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'accounts_auditevent'
       AND current_setting('mailportal.pruning', true) = 'on' THEN
        IF OLD.at < now() - interval '1 year' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;
CREATE TRIGGER accounts_auditlink_append_only BEFORE UPDATE OR DELETE ON accounts_auditlink
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuses_change();
"""

KEEP = """
CREATE TRIGGER accounts_auditlink_is_kept BEFORE TRUNCATE ON accounts_auditlink
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuses_change();
CREATE TRIGGER accounts_audit_is_kept BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuses_change();
"""

LET_GO = """
DROP TRIGGER accounts_audit_is_kept ON accounts_auditevent;
DROP TRIGGER accounts_auditlink_is_kept ON accounts_auditlink;
"""

ALLOW = """
DROP TRIGGER accounts_auditlink_append_only ON accounts_auditlink;
CREATE OR REPLACE FUNCTION accounts_audit_refuses_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;
"""

# Two people who move units at the same moment could still close a ring; whatever walks the tree
# stops there.
TREE = """
CREATE FUNCTION accounts_unit_refuses_a_ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT id, parent_id FROM accounts_unit WHERE id = NEW.parent_id
            UNION
            SELECT unit.id, unit.parent_id FROM accounts_unit AS unit
            JOIN above ON unit.id = above.parent_id
        )
        SELECT 1 FROM above WHERE id = NEW.id
    ) THEN
        RAISE EXCEPTION 'a unit cannot stand below itself'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'unit_stands_in_a_tree';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_unit_stands_in_a_tree BEFORE UPDATE OF parent_id ON accounts_unit
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL)
    EXECUTE FUNCTION accounts_unit_refuses_a_ring();
"""

NO_TREE = """
DROP TRIGGER accounts_unit_stands_in_a_tree ON accounts_unit;
DROP FUNCTION accounts_unit_refuses_a_ring();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_staff_at_work")]

    operations = [
        migrations.RunSQL(TIME, "DROP FUNCTION accounts_audit_time(timestamptz);"),
        migrations.RunSQL(CHAIN, UNCHAIN),
        migrations.RunSQL(LINK_WHAT_IS_THERE, migrations.RunSQL.noop),
        migrations.RunSQL(REFUSE, ALLOW),
        migrations.RunSQL(KEEP, LET_GO),
        migrations.RunSQL(TREE, NO_TREE),
    ]
