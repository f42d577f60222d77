"""Indexes that serve a page of a list over any number of rows, made while the portal serves."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0074_audit_outside"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(fields=["full_name", "-id"], name="account_full_name"),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("locked_at__isnull", False)),
                fields=["locked_at", "-id"],
                name="account_locked",
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("has_default_password", True)),
                fields=["-id"],
                name="account_default_password",
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("is_active", False)), fields=["-id"], name="account_out_of_use"
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("kind", "organisation")),
                fields=["-id"],
                name="account_of_organisation",
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("phone", "")), fields=["-id"], name="account_without_phone"
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("phone_doubted_at__isnull", False)),
                fields=["-id"],
                name="account_phone_doubted",
            ),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("is_staff", True)), fields=["-id"], name="account_staff"
            ),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["account", "at"], name="audit_account_at"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["actor", "at"], name="audit_actor_at"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["address_key", "at"], name="audit_address_key_at"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["event", "at"], name="audit_event_at"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("event__in", ["looked-up", "viewed", "audit-viewed"])),
                fields=["actor", "at"],
                name="audit_staff_at",
            ),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("event", "locked")),
                fields=["account", "-id"],
                include=("actor", "reason"),
                name="audit_locked",
            ),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(
                    ("event", "locked"), models.Q(("reason", "campaign"), _negated=True)
                ),
                fields=["actor"],
                name="audit_locked_by",
            ),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(
                    ("actor__isnull", False),
                    models.Q(("account", models.F("actor")), _negated=True),
                ),
                fields=["at"],
                name="audit_help_at",
            ),
        ),
        # What the wider ones do as well.
        migrations.AlterField(
            model_name="auditevent",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="tài khoản",
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="người làm",
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="address_key",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
