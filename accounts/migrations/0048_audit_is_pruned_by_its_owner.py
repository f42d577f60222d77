from django.db import migrations

# Deletes the beginning of the trail, up to the first row that is not older, as the owner: the role
# of web, sender and worker may delete nothing of it. The trigger still lets no row go in its first
# year.
PRUNE = """
CREATE FUNCTION accounts_audit_prune(
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
REVOKE EXECUTE ON FUNCTION accounts_audit_prune(timestamptz) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0047_chain_under_a_row")]

    operations = [
        migrations.RunSQL(PRUNE, "DROP FUNCTION accounts_audit_prune(timestamptz);"),
    ]
