import django.contrib.postgres.operations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("otp", "0022_words_for_staff"),
    ]

    operations = [
        migrations.AlterField(
            model_name="code",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("recovery", "lấy lại mật khẩu"),
                    ("phone", "xác thực số điện thoại"),
                    ("caller", "đối chiếu người gọi"),
                ],
                max_length=16,
                verbose_name="mục đích",
            ),
        ),
        migrations.RemoveConstraint("code", "code_known_purpose"),
        # Validated by the next one, which lets others write meanwhile.
        django.contrib.postgres.operations.AddConstraintNotValid(
            "code",
            models.CheckConstraint(
                condition=models.Q(("purpose__in", ["recovery", "phone", "caller"])),
                name="code_known_purpose",
            ),
        ),
        django.contrib.postgres.operations.AddConstraintNotValid(
            "code",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("purpose", "caller"), _negated=True),
                    ("attempts__lte", 3),
                    _connector="OR",
                ),
                name="code_tries_of_a_caller",
            ),
        ),
    ]
