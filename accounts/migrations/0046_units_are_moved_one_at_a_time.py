from django.db import migrations

# Two who moved two units at once, each below the other's, both saw a tree and left a ring. Now the
# second waits until the first has committed, and the trigger of each row (migration 0007) then sees
# what the first has done: under READ COMMITTED, every statement in it reads anew.
#
# The lock is the statement's, taken before any row is locked. Were it the row's, the first would
# hold it and wait at its end for the second's row, which is its new parent, while the second waits
# for the lock.
#
# It is the lock of a row, and not one of a number, which any role of the server could take and keep:
# whoever may not change units cannot lock one. It leaves alone who only refers to that unit.
# A unit that is inserted has none below it, and closes no ring.
ALONE = """
CREATE FUNCTION accounts_unit_is_moved_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts_unit ORDER BY id LIMIT 1 FOR NO KEY UPDATE;
    RETURN NULL;
END
$$;
CREATE TRIGGER accounts_unit_is_moved_alone BEFORE UPDATE OF parent_id ON accounts_unit
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_unit_is_moved_alone();
"""

NOT_ALONE = """
DROP TRIGGER accounts_unit_is_moved_alone ON accounts_unit;
DROP FUNCTION accounts_unit_is_moved_alone();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0045_warnings_are_dated")]

    operations = [migrations.RunSQL(ALONE, NOT_ALONE)]
