from django.db import migrations

# Decoys wake the sender too: a commit with a NOTIFY takes longer than one without, and that
# difference would tell a stranger whether the address exists (EN-04).
WAKE = """
CREATE FUNCTION otp_wake_the_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('otp_message', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER otp_message_wakes_the_sender AFTER INSERT ON otp_message
    FOR EACH STATEMENT EXECUTE FUNCTION otp_wake_the_sender();
"""

LET_SLEEP = """
DROP TRIGGER otp_message_wakes_the_sender ON otp_message;
DROP FUNCTION otp_wake_the_sender();
"""


class Migration(migrations.Migration):
    dependencies = [("otp", "0001_initial")]

    operations = [migrations.RunSQL(WAKE, LET_SLEEP)]
