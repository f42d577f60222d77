from django.db import migrations, models

# What a row holds of a person (keyed name of the address, caller, details) goes into its text as one
# seal, a hash with a salt that the database draws. Once the row is forgotten, the salt and what it
# salted are gone and the seal stays, so the link is as good as before and nothing can be guessed at.
# A row of the time before has no salt: its text stays as it was. Forgotten, it has the hash of what
# it was for a seal, and the hash of what is left of it is put on record (accounts.audit.forgetting).
TEXT = """
CREATE FUNCTION accounts_audit_seal(event accounts_auditevent) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN event.seal <> '' AND event.salt = '' AND event.address_key = ''
             AND event.client IS NULL AND event.detail = '{}'::jsonb THEN event.seal
        ELSE encode(sha256(convert_to(jsonb_build_array(
            event.salt, event.address_key, host(event.client), event.detail)::text, 'UTF8')), 'hex')
    END
$$;

CREATE OR REPLACE FUNCTION accounts_audit_text(event accounts_auditevent) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN event.salt = '' AND event.seal = '' THEN jsonb_build_array(
            event.id, accounts_audit_time(event.at), event.event, event.ok, event.reason,
            event.account_id, event.actor_id, event.address_key, host(event.client),
            event.request_id, event.detail)::text
        ELSE jsonb_build_array(
            event.id, accounts_audit_time(event.at), event.event, event.ok, event.reason,
            event.account_id, event.actor_id, event.request_id, accounts_audit_seal(event))::text
    END
$$;

CREATE FUNCTION accounts_audit_salt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.salt := replace(gen_random_uuid()::text, '-', '');
    NEW.seal := '';
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_audit_salted BEFORE INSERT ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_salt();
"""

# Rows that were written since fail the verification of the release before.
UNSEALED = """
DROP TRIGGER accounts_audit_salted ON accounts_auditevent;
DROP FUNCTION accounts_audit_salt();
CREATE OR REPLACE FUNCTION accounts_audit_text(event accounts_auditevent) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        event.id, accounts_audit_time(event.at), event.event, event.ok, event.reason,
        event.account_id, event.actor_id, event.address_key, host(event.client),
        event.request_id, event.detail)::text
$$;
DROP FUNCTION accounts_audit_seal(accounts_auditevent);
"""

# A row changes in one way only: it is forgotten, and what happened when by whom to whom stays.
REFUSE = """
CREATE OR REPLACE FUNCTION accounts_audit_refuses_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'accounts_auditevent'
       AND current_setting('mailportal.pruning', true) = 'on' THEN
        IF OLD.at < now() - interval '1 year' THEN
            RETURN OLD;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'accounts_auditevent'
       AND current_setting('mailportal.forgetting', true) = 'on' THEN
        IF OLD.seal = '' AND NEW.seal <> '' AND NEW.salt = '' AND NEW.address_key = ''
           AND NEW.client IS NULL AND NEW.detail = '{}'::jsonb
           AND (OLD.id, OLD.at, OLD.event, OLD.ok, OLD.reason, OLD.request_id)
               = (NEW.id, NEW.at, NEW.event, NEW.ok, NEW.reason, NEW.request_id)
           AND OLD.account_id IS NOT DISTINCT FROM NEW.account_id
           AND OLD.actor_id IS NOT DISTINCT FROM NEW.actor_id THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END
$$;
"""

REFUSE_ALL = """
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
"""

# Forgets, as the owner, what happened to accounts that are there no more, what strangers tried with
# their addresses, and details of other rows in which these are written. Gives what it changed, with
# the hash of what is left where the row is older than its salt.
FORGET = """
CREATE FUNCTION accounts_audit_forget(
    people bigint[], keys text[], addresses text[],
    OUT event_id bigint, OUT account_id bigint, OUT remnant text
) RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM accounts_account AS account WHERE account.id = ANY(people))
       OR EXISTS (SELECT 1 FROM accounts_address AS known WHERE known.address = ANY(addresses)) THEN
        RAISE EXCEPTION 'only what concerns removed accounts is forgotten';
    END IF;
    -- Not a SET of the function: an owner who is no superuser may not write one.
    PERFORM set_config('mailportal.forgetting', 'on', true);
    RETURN QUERY
    WITH concerned AS (
        SELECT entry.id FROM accounts_auditevent AS entry
        WHERE entry.account_id = ANY(people)
        UNION
        SELECT entry.id FROM accounts_auditevent AS entry
        WHERE entry.account_id IS NULL AND entry.address_key = ANY(keys)
        UNION
        SELECT entry.id FROM accounts_auditevent AS entry
        WHERE entry.detail::text LIKE '%@%' AND EXISTS (
            SELECT 1 FROM regexp_matches(
                lower(entry.detail::text), '[a-z0-9._+-]+@[a-z0-9-]+(?:\\.[a-z0-9-]+)*', 'g'
            ) AS written WHERE written[1] = ANY(addresses))
    ), forgotten AS (
        UPDATE accounts_auditevent AS entry
        SET seal = CASE
                WHEN entry.salt <> '' THEN accounts_audit_seal(entry)
                ELSE (SELECT link.row FROM accounts_auditlink AS link WHERE link.event_id = entry.id)
            END,
            salt = '', address_key = '', client = NULL, detail = '{}'
        FROM concerned
        WHERE entry.id = concerned.id AND entry.seal = ''
          AND entry.event NOT IN ('account-removed', 'audit-forgotten', 'audit-pruned')
        RETURNING entry.id, entry.account_id AS whose, entry.seal,
            encode(sha256(convert_to(accounts_audit_text(entry), 'UTF8')), 'hex') AS left_over
    )
    SELECT forgotten.id, forgotten.whose,
        CASE WHEN forgotten.seal = link.row THEN forgotten.left_over END
    FROM forgotten LEFT JOIN accounts_auditlink AS link ON link.event_id = forgotten.id;
    PERFORM set_config('mailportal.forgetting', '', true);
END
$$;
REVOKE EXECUTE ON FUNCTION accounts_audit_forget(bigint[], text[], text[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0068_data_requests")]

    operations = [
        migrations.AddField(
            "auditevent",
            "salt",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=32),
        ),
        migrations.AddField(
            "auditevent",
            "seal",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
        migrations.RunSQL(TEXT, UNSEALED),
        migrations.RunSQL(REFUSE, REFUSE_ALL),
        migrations.RunSQL(FORGET, "DROP FUNCTION accounts_audit_forget(bigint[], text[], text[]);"),
    ]
