"""How the admin's forms ask for times and units, and say yes and no."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import BooleanField, DateTimeField, Field, Model
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Unit
from accounts.organisation.units import Tree


class TypedTime(forms.DateTimeField):
    """A moment of our days: of the year 1 or 9999 the database takes some that nobody can read."""

    def to_python(self, value: Any) -> dt.datetime | None:
        moment: dt.datetime | None = super().to_python(value)
        if moment is not None and not 1900 < moment.year < 3000:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return moment


# One field, typed as it is read; the admin's own two have no labels and want inline styles.
TYPED_TIME: dict[Any, dict[str, Any]] = {
    DateTimeField: {
        "form_class": TypedTime,
        "widget": forms.DateTimeInput(format="%d/%m/%Y %H:%M"),
        "help_text": _("Ví dụ: 31/12/2026 17:00"),
    }
}


class PlainFields(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Opens no windows beside a choice, and says yes and no in words to those who may only look.

    The admin's icons are red for every "no", also where that is as it should be.
    """

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **options: Any
    ) -> "forms.Field | None":
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            # Units have a page of their own.
            field.widget = field.widget.widget
        return field

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        if obj is None or self.has_change_permission(request, obj):
            return fields
        flags = {f.name for f in self.model._meta.fields if isinstance(f, BooleanField)}  # noqa: SLF001  (Django's way)
        return [in_words(self.model, str(name)) if name in flags else name for name in fields]


def in_words(model: type[Model], name: str) -> Callable[[Model], str]:
    """Give the column of a flag that says "Có" or "Không"."""
    label = model._meta.get_field(name).verbose_name  # type: ignore[union-attr]  # noqa: SLF001

    @admin.display(description=label, ordering=name)
    def words(row: Model) -> str:
        return str(_("Có") if getattr(row, name) else _("Không"))

    return words


def by_path(field: "ModelChoiceField[Any] | None") -> "ModelChoiceField[Any] | None":
    """Offer units by their place in the tree: many have a "Văn phòng"."""
    if field is not None and field.queryset is not None and field.queryset.model is Unit:
        tree = Tree()
        field.label_from_instance = lambda unit: tree.path(unit.pk)  # type: ignore[assignment,method-assign]
    return field
