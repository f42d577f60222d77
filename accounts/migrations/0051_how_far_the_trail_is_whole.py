from django.db import migrations, models
from django.db.models import Q

# The role of web, sender and worker may only read how far the trail is whole. By these functions it
# moves the head to a link that is there, never back, and asks for a walk along the whole chain.
HEAD = """
CREATE FUNCTION accounts_audit_verified(through bigint, its_digest text, whole boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM accounts_auditlink WHERE seq = through AND digest = its_digest;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the chain of the audit trail has no such link';
    END IF;
    INSERT INTO accounts_audithead AS head (id, seq, digest, whole_at)
    VALUES (1, through, its_digest, CASE WHEN whole THEN now() END)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest,
        whole_at = coalesce(excluded.whole_at, head.whole_at)
    WHERE head.seq <= excluded.seq;
END
$$;

CREATE FUNCTION accounts_audit_doubted() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE accounts_audithead SET whole_at = NULL
$$;

REVOKE EXECUTE ON FUNCTION
    accounts_audit_verified(bigint, text, boolean), accounts_audit_doubted()
FROM PUBLIC;
"""

NO_HEAD = """
DROP FUNCTION accounts_audit_verified(bigint, text, boolean);
DROP FUNCTION accounts_audit_doubted();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0050_answers_that_were_lost")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("whole_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(("id", 1)), name="audit_head_is_one_row")
                ],
            },
        ),
        migrations.RunSQL(HEAD, NO_HEAD),
    ]
