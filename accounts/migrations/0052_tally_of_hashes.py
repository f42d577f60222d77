from django.db import migrations, models

# A hash up to where its salt begins: all that says what checking it costs. "" where there is none.
SCHEME = r"""
CREATE FUNCTION accounts_hash_scheme(password text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(substring(password FROM
        '^(?:argon2\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+'
        '|imported\$\{SSHA(?:256|512)?\}'
        '|imported\$\{SHA512-CRYPT\}\$6(?:\$rounds=[0-9]+)?'
        '|imported\$\{BLF-CRYPT\}\$2[aby]\$[0-9]{2}'
        '|imported\$\{ARGON2I\}\$argon2i\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+)'), '')
$$;
"""
NO_SCHEME = "DROP FUNCTION accounts_hash_scheme(text)"

TALLY = """
CREATE FUNCTION accounts_tally_added_hashes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_hashtally (scheme, count)
    SELECT accounts_hash_scheme(password), count(*) FROM changed GROUP BY 1;
    RETURN NULL;
END
$$;
CREATE FUNCTION accounts_tally_removed_hashes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_hashtally (scheme, count)
    SELECT accounts_hash_scheme(password), -count(*) FROM changed GROUP BY 1;
    RETURN NULL;
END
$$;
CREATE FUNCTION accounts_tally_changed_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF accounts_hash_scheme(OLD.password) <> accounts_hash_scheme(NEW.password) THEN
        INSERT INTO accounts_hashtally (scheme, count) VALUES
            (accounts_hash_scheme(OLD.password), -1), (accounts_hash_scheme(NEW.password), 1);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER accounts_tally_added_hashes AFTER INSERT ON accounts_account
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_tally_added_hashes();
CREATE TRIGGER accounts_tally_removed_hashes AFTER DELETE ON accounts_account
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_tally_removed_hashes();
CREATE TRIGGER accounts_tally_changed_hash AFTER UPDATE OF password ON accounts_account
    FOR EACH ROW WHEN (OLD.password <> NEW.password)
    EXECUTE FUNCTION accounts_tally_changed_hash();
"""
NO_TALLY = """
DROP TRIGGER accounts_tally_added_hashes ON accounts_account;
DROP TRIGGER accounts_tally_removed_hashes ON accounts_account;
DROP TRIGGER accounts_tally_changed_hash ON accounts_account;
DROP FUNCTION accounts_tally_added_hashes();
DROP FUNCTION accounts_tally_removed_hashes();
DROP FUNCTION accounts_tally_changed_hash();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0051_how_far_the_trail_is_whole")]

    operations = [
        migrations.CreateModel(
            name="HashTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("scheme", models.CharField(blank=True, max_length=100)),
                ("count", models.IntegerField()),
            ],
        ),
        migrations.RunSQL(SCHEME, NO_SCHEME),
        migrations.RunSQL(TALLY, NO_TALLY),
    ]
