from django.db import migrations

# The links stay for ever, so to look for the first young row from the first link takes longer every
# night. The trail says itself how far it was pruned: one goes on from there.
FROM_WHERE_IT_WAS = """
CREATE OR REPLACE FUNCTION accounts_audit_prune(
    before timestamptz, OUT through bigint, OUT count bigint
) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    young bigint;
    gone bigint;
BEGIN
    SELECT coalesce(max((event.detail ->> 'through')::bigint), 0) INTO gone
    FROM accounts_auditevent AS event
    WHERE event.event = 'audit-pruned' AND event.detail ->> 'through' ~ '^[0-9]{1,18}$';
    -- Whatever a row says: only up to a link that is there, and whose own row is gone.
    PERFORM 1 FROM accounts_auditlink AS link WHERE link.seq = gone AND NOT EXISTS (
        SELECT 1 FROM accounts_auditevent AS event WHERE event.id = link.event_id);
    IF NOT FOUND THEN
        gone := 0;
    END IF;
    SELECT min(link.seq) INTO young FROM accounts_auditlink AS link
    WHERE link.seq > gone AND link.at >= before;
    SELECT max(link.seq) INTO through FROM accounts_auditlink AS link
    WHERE young IS NULL OR link.seq < young;
    -- Not a SET of the function: an owner who is no superuser may not write one.
    PERFORM set_config('mailportal.pruning', 'on', true);
    DELETE FROM accounts_auditevent AS event USING accounts_auditlink AS link
    WHERE link.event_id = event.id AND link.seq > gone AND link.seq <= through;
    GET DIAGNOSTICS count = ROW_COUNT;
    PERFORM set_config('mailportal.pruning', '', true);
END
$$;
"""

FROM_THE_FIRST_LINK = """
CREATE OR REPLACE FUNCTION accounts_audit_prune(
    before timestamptz, OUT through bigint, OUT count bigint
) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    young bigint;
BEGIN
    SELECT min(link.seq) INTO young FROM accounts_auditlink AS link WHERE link.at >= before;
    SELECT max(link.seq) INTO through FROM accounts_auditlink AS link
    WHERE young IS NULL OR link.seq < young;
    -- Not a SET of the function: an owner who is no superuser may not write one.
    PERFORM set_config('mailportal.pruning', 'on', true);
    DELETE FROM accounts_auditevent AS event USING accounts_auditlink AS link
    WHERE link.event_id = event.id AND link.seq <= through;
    GET DIAGNOSTICS count = ROW_COUNT;
    PERFORM set_config('mailportal.pruning', '', true);
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0075_indexes_of_what_grows")]

    operations = [migrations.RunSQL(FROM_WHERE_IT_WAS, FROM_THE_FIRST_LINK)]
