from django.db import migrations, models

# What very many count at once is tallied: a meter for each span of ten minutes and each session of
# the database, which nobody else's transaction can hold. What is not committed is not seen, so a
# tally is off by what is counted in the same moment.
TALLY = """
-- Adds to a tally. Its meters count for a day after their span.
CREATE FUNCTION otp_tally(counted text, amount integer, moment timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    span timestamptz := date_bin('10 minutes', moment, 'epoch');
BEGIN
    INSERT INTO otp_meter AS meter (key, count, until)
    VALUES (
        counted || ':' || extract(epoch FROM span)::bigint || ':' || pg_backend_pid(),
        amount, span + interval '1 day 10 minutes'
    )
    ON CONFLICT (key) DO UPDATE SET count = meter.count + excluded.count;
END
$$;

-- Gives what was tallied in the last day, in the last hour of it, and when the first of each goes.
CREATE FUNCTION otp_tallied(
    counted text, moment timestamptz,
    OUT day integer, OUT hour integer, OUT day_until timestamptz, OUT hour_until timestamptz
) LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT greatest(coalesce(sum(count), 0), 0),
        greatest(coalesce(sum(count) FILTER (WHERE in_hour), 0), 0),
        min(until) FILTER (WHERE count > 0),
        min(until) FILTER (WHERE count > 0 AND in_hour) - interval '23 hours'
    FROM (
        SELECT count, until, until > moment + interval '23 hours' AS in_hour
        FROM otp_meter
        -- By these operators the index on the beginnings of keys is used.
        WHERE key ~>=~ (counted || ':') AND key ~<~ (counted || ';') AND until > moment
    ) AS meter
$$;

-- Gives how much of the budgets of the whole portal is used: of wrong guesses the share; of codes
-- whether there are any left for strangers and for those who are known, and whether they
-- have become scarce. No row of brakes, no row. A ceiling too small to be shared stops all at once.
CREATE FUNCTION otp_pressure(
    strangers_share float8, scarce_share float8, small integer, moment timestamptz
)
RETURNS TABLE (
    guessing float8, codes_for_strangers boolean, codes_for_known boolean,
    scarce_in_hour boolean, scarce_in_day boolean
) LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT greatest(
            CASE WHEN guesses_an_hour < small THEN (guesses.hour >= guesses_an_hour)::int
                ELSE guesses.hour::float8 / guesses_an_hour END,
            CASE WHEN guesses_a_day < small THEN (guesses.day >= guesses_a_day)::int
                ELSE guesses.day::float8 / guesses_a_day END
        ),
        codes.hour < greatest(codes_an_hour * strangers_share, least(codes_an_hour, small))
            AND codes.day < greatest(codes_a_day * strangers_share, least(codes_a_day, small)),
        codes.hour < codes_an_hour AND codes.day < codes_a_day,
        codes_an_hour > small AND codes.hour >= codes_an_hour * scarce_share,
        codes_a_day > small AND codes.day >= codes_a_day * scarce_share
    FROM otp_brakes, otp_tallied('ceiling:codes', moment) AS codes,
        otp_tallied('ceiling:guesses', moment) AS guesses
$$;

-- Says until when a caller or a network has to wait, for its wrong guesses or its codes. Null: it
-- need not. A limit that is null is not asked about.
CREATE FUNCTION otp_held_until(
    who text, most_guesses integer, codes_an_hour integer, codes_a_day integer, moment timestamptz
) RETURNS timestamptz LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN guesses.day >= most_guesses THEN guesses.day_until
        WHEN codes.day >= codes_a_day THEN codes.day_until
        WHEN codes.hour >= codes_an_hour THEN codes.hour_until
    END
    FROM otp_tallied('network:codes:' || who, moment) AS codes,
        otp_tallied('network:guesses:' || who, moment) AS guesses
    WHERE who <> ''
$$;

-- The release before calls these two while both serve.
CREATE OR REPLACE FUNCTION otp_charge_ceilings(counted text, amount integer, moment timestamptz)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM otp_tally('ceiling:' || counted, amount, moment);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION otp_give_back_ceilings(counted text, moment timestamptz)
RETURNS void LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT otp_tally('ceiling:' || counted, -1, moment)
$$;

REVOKE EXECUTE ON FUNCTION
    otp_tally(text, integer, timestamptz),
    otp_tallied(text, timestamptz),
    otp_pressure(float8, float8, integer, timestamptz),
    otp_held_until(text, integer, integer, integer, timestamptz)
FROM PUBLIC;
"""

NO_TALLY = """
DROP FUNCTION otp_held_until(text, integer, integer, integer, timestamptz);
DROP FUNCTION otp_pressure(float8, float8, integer, timestamptz);
DROP FUNCTION otp_tallied(text, timestamptz);
CREATE OR REPLACE FUNCTION otp_charge_ceilings(counted text, amount integer, moment timestamptz)
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
CREATE OR REPLACE FUNCTION otp_give_back_ceilings(counted text, moment timestamptz)
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
DROP FUNCTION otp_tally(text, integer, timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [("otp", "0014_alerts_are_posted")]

    operations = [
        migrations.AddField(
            model_name="brakes",
            name="set_by_hand",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text=(
                    "Bỏ chọn thì mỗi đêm hệ thống tính lại các trần theo số tài khoản và mức dùng."
                ),
                verbose_name="giữ nguyên các trần đã nhập",
            ),
        ),
        migrations.AlterField(
            model_name="brakes",
            name="guesses_a_day",
            field=models.PositiveIntegerField(
                default=1000, verbose_name="lần nhập sai tối đa trong một ngày"
            ),
        ),
        migrations.AlterField(
            model_name="brakes",
            name="guesses_an_hour",
            field=models.PositiveIntegerField(
                default=600, verbose_name="lần nhập sai tối đa trong một giờ"
            ),
        ),
        migrations.RunSQL(TALLY, NO_TALLY),
    ]
