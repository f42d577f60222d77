"""How the admin's forms ask for times and units."""

from typing import Any

from django import forms
from django.db.models import DateTimeField
from django.forms import ModelChoiceField
from django.utils.translation import gettext_lazy as _

from accounts.models import Unit
from accounts.organisation.units import Tree

# One field, typed as it is read; the admin's own two have no labels and want inline styles.
TYPED_TIME: dict[Any, dict[str, Any]] = {
    DateTimeField: {
        "form_class": forms.DateTimeField,
        "widget": forms.DateTimeInput(format="%d/%m/%Y %H:%M"),
        "help_text": _("Ví dụ: 31/12/2026 17:00"),
    }
}


def by_path(field: "ModelChoiceField[Any] | None") -> "ModelChoiceField[Any] | None":
    """Offer units by their place in the tree: many have a "Văn phòng"."""
    if field is not None and field.queryset is not None and field.queryset.model is Unit:
        tree = Tree()
        field.label_from_instance = lambda unit: tree.path(unit.pk)  # type: ignore[assignment,method-assign]
    return field
