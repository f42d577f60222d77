from django.db import migrations

# An alias of its own that an account is renamed to becomes the main address. One that belongs to
# somebody else is refused by the table of addresses.
KEEP = """
CREATE FUNCTION accounts_keep_main_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM accounts_address
        WHERE account_id = NEW.id AND (is_main OR address = NEW.address);
    END IF;
    INSERT INTO accounts_address (address, account_id, is_main) VALUES (NEW.address, NEW.id, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER accounts_main_address_of_a_new_account AFTER INSERT ON accounts_account
    FOR EACH ROW EXECUTE FUNCTION accounts_keep_main_address();
CREATE TRIGGER accounts_main_address_follows AFTER UPDATE ON accounts_account
    FOR EACH ROW WHEN (OLD.address <> NEW.address) EXECUTE FUNCTION accounts_keep_main_address();
"""

LET_GO = """
DROP TRIGGER accounts_main_address_follows ON accounts_account;
DROP TRIGGER accounts_main_address_of_a_new_account ON accounts_account;
DROP FUNCTION accounts_keep_main_address();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_addresses")]

    operations = [migrations.RunSQL(KEEP, LET_GO)]
