"""An index of the words of units' names, made while the portal serves."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

import accounts.models.names


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0090_program_tokens"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="unit",
            index=GinIndex(
                accounts.models.names.FoldedWords("name"), name="unit_name_words", fastupdate=False
            ),
        ),
    ]
