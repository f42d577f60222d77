# An address with two dots in a row, which no mail server need take, got past the database though no
# page read it. Not validated: an upgrade does not stop over one that is there, which from now on
# can be removed and not changed.

import django.contrib.postgres.operations
from django.db import migrations, models

CANONICAL = r"^(?!.*\.\.)[a-z0-9]+(?:[._+-]+[a-z0-9]+)*_?@[a-z0-9-]+(?:\.[a-z0-9-]+)*$"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0055_mail_logins")]

    operations = [
        migrations.RemoveConstraint("account", "account_address_is_canonical"),
        django.contrib.postgres.operations.AddConstraintNotValid(
            "account",
            models.CheckConstraint(
                condition=models.Q(("address__regex", CANONICAL)),
                name="account_address_is_canonical",
            ),
        ),
        migrations.RemoveConstraint("address", "address_is_canonical"),
        django.contrib.postgres.operations.AddConstraintNotValid(
            "address",
            models.CheckConstraint(
                condition=models.Q(("address__regex", CANONICAL)), name="address_is_canonical"
            ),
        ),
    ]
