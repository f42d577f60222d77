from django.contrib.postgres.operations import UnaccentExtension
from django.db import migrations

# Immutable, as an index needs it: the dictionary is named, so no setting changes what comes out.
FOLD = """
CREATE FUNCTION accounts_fold(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT lower(public.unaccent('public.unaccent', $1)) $$;
"""

UNFOLD = "DROP FUNCTION accounts_fold(text);"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_phone_confirmed")]

    operations = [UnaccentExtension(), migrations.RunSQL(FOLD, UNFOLD)]
