from django.db import migrations

# As before, with the schemes that are taken over from now on: of them, no account had one.
SCHEME = r"""
CREATE OR REPLACE FUNCTION accounts_hash_scheme(password text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(substring(password FROM
        '^(?:argon2\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+'
        '|imported\$\{SSHA(?:256|512)?\}'
        '|imported\$\{SHA512-CRYPT\}\$6(?:\$rounds=[0-9]+)?'
        '|imported\$\{SHA256-CRYPT\}\$5(?:\$rounds=[0-9]+)?'
        '|imported\$\{BLF-CRYPT\}\$2[aby]\$[0-9]{2}'
        '|imported\$\{SCRAM-SHA-(?:1|256)\}[0-9]+'
        '|imported\$pbkdf2-sha(?:1|256|512)\$[0-9]+'
        '|imported\$\{ARGON2I\}\$argon2i\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+)'), '')
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0053_tally_what_is_there")]

    # Backwards it may stay: it tells more schemes apart, and means the same.
    operations = [migrations.RunSQL(SCHEME, migrations.RunSQL.noop)]
