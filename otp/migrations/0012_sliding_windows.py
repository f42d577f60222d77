from importlib import import_module

import django.contrib.postgres.fields
from django.db import migrations, models

before = import_module("otp.migrations.0011_charge_meters")

CHARGES = """
-- Gives the moments of a meter's charges that still count, the oldest first. One without a moment
-- was charged by an earlier release, and goes at the meter's end; where there are more moments than
-- charges, the newest were given back.
CREATE FUNCTION otp_charges(
    charged_at timestamptz[], count integer, until timestamptz, period interval, moment timestamptz
) RETURNS timestamptz[] LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(charge ORDER BY charge), '{}') FROM unnest((
        array_fill(until - period, ARRAY[greatest(count - cardinality(charged_at), 0)])
        || charged_at
    )[1:count]) AS charge
    WHERE charge > moment - period AND until > moment
$$;

-- Adds to a meter what the limit (null: none) allows in any span of the period. What is refused
-- costs nothing, but locks the row and says from when one more is allowed.
CREATE OR REPLACE FUNCTION otp_charge(
    meter_key text, amount integer, most integer, period interval, moment timestamptz,
    OUT granted boolean, OUT count integer, OUT until timestamptz
) LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    charges timestamptz[];
BEGIN
    INSERT INTO otp_meter AS meter (key, count, until, charged_at)
    VALUES (meter_key, amount, moment + period, array_fill(moment, ARRAY[amount]))
    ON CONFLICT (key) DO UPDATE SET
        charged_at = otp_charges(meter.charged_at, meter.count, meter.until, period, moment)
            || excluded.charged_at,
        count = amount + cardinality(
            otp_charges(meter.charged_at, meter.count, meter.until, period, moment)),
        until = excluded.until
    WHERE most IS NULL OR most >= amount + cardinality(
        otp_charges(meter.charged_at, meter.count, meter.until, period, moment))
    RETURNING true, meter.count, meter.until INTO granted, count, until;
    IF NOT FOUND THEN
        SELECT otp_charges(meter.charged_at, meter.count, meter.until, period, moment)
        INTO charges FROM otp_meter AS meter WHERE meter.key = meter_key;
        granted := false;
        count := cardinality(charges);
        until := charges[count + amount - most] + period;
    END IF;
END
$$;

-- Says from when a meter allows one more; null: it does so now.
CREATE FUNCTION otp_used_up_until(
    meter_key text, most integer, period interval, moment timestamptz
) RETURNS timestamptz LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT charges[cardinality(charges) + 1 - most] + period
    FROM otp_meter AS meter, otp_charges(charged_at, count, until, period, moment) AS charges
    WHERE key = meter_key AND cardinality(charges) >= most
$$;

-- Adds one to a row of failures. Each starts the period anew; the last that is granted closes the
-- meter for a period of its own, which nothing makes longer.
CREATE OR REPLACE FUNCTION otp_charge_streak(
    meter_key text, most integer, period interval, closed_for interval, moment timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO otp_meter AS meter (key, count, until)
    VALUES (meter_key, 1, moment + CASE WHEN 1 < most THEN period ELSE closed_for END)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN meter.until <= moment THEN 1 ELSE meter.count + 1 END,
        until = CASE WHEN meter.until > moment AND meter.count + 1 >= most
            THEN moment + closed_for ELSE excluded.until END
    WHERE meter.until <= moment OR meter.count < most;
    RETURN FOUND;
END
$$;
"""

NO_CHARGES = f"""
DROP FUNCTION otp_used_up_until(text, integer, interval, timestamptz);
{before.NO_CHARGE}
DROP FUNCTION otp_charges(timestamptz[], integer, timestamptz, interval, timestamptz);
{before.CHARGE}
{before.KEEP}
"""

KEEP = """
REVOKE EXECUTE ON FUNCTION
    otp_charges(timestamptz[], integer, timestamptz, interval, timestamptz),
    otp_used_up_until(text, integer, interval, timestamptz)
FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("otp", "0011_charge_meters")]

    operations = [
        migrations.AddField(
            model_name="meter",
            name="charged_at",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(), db_default=[], default=list, size=None
            ),
        ),
        migrations.RunSQL(CHARGES, NO_CHARGES),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
    ]
