"""Each path leads to one unit: what stood in the way of that gets another name."""

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Lower

LONGEST = 200


def give_each_a_path(apps: Any, schema_editor: Any) -> None:
    """Rename units of which the path of another could be read: the later of two in one place."""
    units = apps.get_model("accounts", "Unit").objects.order_by("pk")
    taken = {(unit.parent_id, unit.name.lower()) for unit in units}
    seen = set()
    for unit in units:
        key = (unit.parent_id, unit.name.lower())
        if key in seen or "/" in unit.name:
            unit.name = _free_name(unit, taken)
            unit.save(update_fields=["name"])
            taken.add((unit.parent_id, unit.name.lower()))
        seen.add(key)


def _free_name(unit: Any, taken: set[tuple[int | None, str]]) -> str:
    name, count = unit.name.replace("/", "-"), 1
    while (unit.parent_id, name.lower()) in taken:
        count += 1
        end = f" ({count})"
        name = unit.name.replace("/", "-")[: LONGEST - len(end)] + end
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
