from django.db import migrations, models

# The key under which the part before the @ is hashed (as HMAC does) is a random one, that never
# leaves the database but in its backups.
KEY = """
CREATE TABLE accounts_quarantinesecret (
    id smallint PRIMARY KEY CHECK (id = 1), secret bytea
);
INSERT INTO accounts_quarantinesecret VALUES (
    1, sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);

CREATE FUNCTION accounts_local_key(local text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT encode(
        sha256(secret || '\\x01'::bytea
            || sha256(secret || '\\x02'::bytea || convert_to(local, 'UTF8'))), 'hex')
    FROM accounts_quarantinesecret
$$;
REVOKE EXECUTE ON FUNCTION accounts_local_key(text) FROM PUBLIC;
"""

REFUSE = """
CREATE FUNCTION accounts_refuse_kept_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM accounts_addressquarantine AS kept
        WHERE kept.local_key = accounts_local_key(split_part(NEW.address, '@', 1))
          AND kept.domain = split_part(NEW.address, '@', 2)
          AND kept.until > statement_timestamp()
    ) THEN
        -- Without the address: this stands in the log of PostgreSQL.
        RAISE EXCEPTION 'an address of a removed account is kept from being given to another'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'address_in_quarantine';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_address_is_not_kept BEFORE INSERT OR UPDATE OF address ON accounts_address
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_kept_address();
"""

LET_GO = """
DROP TRIGGER accounts_address_is_not_kept ON accounts_address;
DROP FUNCTION accounts_refuse_kept_address();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0069_what_is_forgotten_of_audit")]

    operations = [
        migrations.CreateModel(
            name="AddressQuarantine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("local_key", models.CharField(max_length=64)),
                ("domain", models.CharField(max_length=253)),
                ("until", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("local_key", "domain"), name="quarantine_once")
                ],
            },
        ),
        migrations.RunSQL(
            KEY,
            "DROP FUNCTION accounts_local_key(text); DROP TABLE accounts_quarantinesecret;",
        ),
        migrations.RunSQL(REFUSE, LET_GO),
    ]
