from django.db import migrations

# The ceilings of the whole portal, each with the meter that counts under it.
CEILINGS = """
CREATE VIEW otp_ceiling AS
SELECT ceiling.* FROM otp_brakes CROSS JOIN LATERAL (VALUES
    ('ceiling:codes:day', 'codes', codes_a_day, interval '1 day'),
    ('ceiling:codes:hour', 'codes', codes_an_hour, interval '1 hour'),
    ('ceiling:guesses:day', 'guesses', guesses_a_day, interval '1 day'),
    ('ceiling:guesses:hour', 'guesses', guesses_an_hour, interval '1 hour')
) AS ceiling (key, what, most, period);
"""

NO_CEILINGS = "DROP VIEW otp_ceiling;"

# Every function counts at the moment its caller names, which is that of the caller's statement.
# They are VOLATILE: a call in a CTE is made for each row that is read of the CTE, and for no other.
#
# Locks are taken in one order by all: first the meter of one (otp_charge, otp_charge_streak), then
# the ceilings by their keys. A loop keeps that order; a join may not.
CHARGE = """
-- Adds to a meter what the limit (null: none) allows in a fixed window, which starts with the first
-- charge. What is refused costs nothing, but locks the row and says until when the window lasts.
CREATE FUNCTION otp_charge(
    meter_key text, amount integer, most integer, period interval, moment timestamptz,
    OUT granted boolean, OUT count integer, OUT until timestamptz
) LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO otp_meter AS meter (key, count, until) VALUES (meter_key, amount, moment + period)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN meter.until <= moment THEN amount ELSE meter.count + amount END,
        until = CASE WHEN meter.until <= moment THEN moment + period ELSE meter.until END
    WHERE meter.until <= moment OR most IS NULL OR meter.count + amount <= most
    RETURNING true, meter.count, meter.until INTO granted, count, until;
    IF NOT FOUND THEN
        SELECT false, meter.count, meter.until INTO granted, count, until
        FROM otp_meter AS meter WHERE meter.key = meter_key;
    END IF;
END
$$;

-- Adds one to a row of failures. Each starts the period anew; the last that is granted closes the
-- meter for a period of its own, which nothing makes longer.
CREATE FUNCTION otp_charge_streak(
    meter_key text, most integer, period interval, closed_for interval, moment timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    charge record := otp_charge(meter_key, 1, most, period, moment);
BEGIN
    IF charge.granted THEN
        UPDATE otp_meter
        SET until = moment + CASE WHEN charge.count < most THEN period ELSE closed_for END
        WHERE key = meter_key;
    END IF;
    RETURN charge.granted;
END
$$;

-- Adds to the day's and the hour's ceiling, and says whether both still hold. Nothing added takes
-- the same locks.
CREATE FUNCTION otp_charge_ceilings(counted text, amount integer, moment timestamptz)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ceiling record;
    charge record;
    hold boolean := true;
BEGIN
    FOR ceiling IN SELECT * FROM otp_ceiling WHERE what = counted ORDER BY key LOOP
        charge := otp_charge(ceiling.key, amount, NULL, ceiling.period, moment);
        hold := hold AND charge.count <= ceiling.most;
    END LOOP;
    RETURN hold;
END
$$;

-- Takes one off both ceilings, where their windows still last.
CREATE FUNCTION otp_give_back_ceilings(counted text, moment timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ceiling record;
BEGIN
    FOR ceiling IN SELECT * FROM otp_ceiling WHERE what = counted ORDER BY key LOOP
        UPDATE otp_meter AS meter SET count = meter.count - 1
        WHERE meter.key = ceiling.key AND meter.count > 0 AND meter.until > moment;
    END LOOP;
END
$$;
"""

NO_CHARGE = """
DROP FUNCTION otp_give_back_ceilings(text, timestamptz);
DROP FUNCTION otp_charge_ceilings(text, integer, timestamptz);
DROP FUNCTION otp_charge_streak(text, integer, interval, interval, timestamptz);
DROP FUNCTION otp_charge(text, integer, integer, interval, timestamptz);
"""

# A new function is everybody's to call, the mail server's role among them. These are their owner's,
# and whose role else is granted them.
KEEP = """
REVOKE EXECUTE ON FUNCTION
    otp_charge(text, integer, integer, interval, timestamptz),
    otp_charge_streak(text, integer, interval, interval, timestamptz),
    otp_charge_ceilings(text, integer, timestamptz),
    otp_give_back_ceilings(text, timestamptz)
FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("otp", "0010_kicks")]

    operations = [
        migrations.RunSQL(CEILINGS, NO_CEILINGS),
        migrations.RunSQL(CHARGE, NO_CHARGE),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
    ]
