"""Each path leads to one unit: what stood in the way of that gets another name."""

import itertools
from typing import Any

from django.db import migrations, models
from django.db.models.functions import Lower

LONGEST = 200


def give_each_a_path(apps: Any, schema_editor: Any) -> None:
    """Rename units of which the path of another could be read: the later of two in one place."""
    units = apps.get_model("accounts", "Unit").objects.order_by("pk")
    wanted = {(unit.parent_id, _one_step(unit.name).lower()) for unit in units}
    given: set[tuple[int | None, str]] = set()
    for unit in units:
        before, unit.name = unit.name, _one_step(unit.name)
        if (unit.parent_id, unit.name.lower()) in given:
            unit.name = _numbered(unit, wanted | given)
        given.add((unit.parent_id, unit.name.lower()))
        if unit.name != before:
            unit.save(update_fields=["name"])


def _one_step(name: str) -> str:
    """Write a name as one step of a path; older releases kept any gap that was typed."""
    return " ".join(name.split()).replace("/", "-")


def _numbered(unit: Any, taken: set[tuple[int | None, str]]) -> str:
    for count in itertools.count(2):
        end = f" ({count})"
        name = unit.name[: LONGEST - len(end)] + end
        if (unit.parent_id, name.lower()) not in taken:
            break
    return str(name)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0105_former_names_of_webhooks"),
    ]

    operations = [
        migrations.RunPython(give_each_a_path, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.UniqueConstraint(
                models.F("parent"), Lower("name"), name="unit_path_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.CheckConstraint(
                condition=~models.Q(name__contains="/"), name="unit_name_is_one_step"
            ),
        ),
        migrations.RemoveConstraint(model_name="unit", name="unit_name_once"),
    ]
