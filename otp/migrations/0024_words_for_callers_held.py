from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("otp", "0023_words_for_callers"),
    ]

    operations = [
        ValidateConstraint("code", "code_known_purpose"),
        ValidateConstraint("code", "code_tries_of_a_caller"),
    ]
