"""Of whom a second factor is asked, in /quan-tri/."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import DateField, ForeignKey, Model
from django.forms import DateField as TypedDate
from django.forms import DateInput, ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.fields import PlainFields, by_path
from accounts.admin.versions import VersionedAdmin
from accounts.models import AuditEvent, FactorDemand
from accounts.organisation.roles import Role
from accounts.pages.requests import actor


class _RoleField(ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    def label_from_instance(self, obj: Model) -> str:
        return gettext(str(obj))


@admin.register(FactorDemand)
class FactorDemandAdmin(PlainFields, VersionedAdmin):
    list_display = ("__str__", "from_day")
    list_select_related = ("role", "unit")
    ordering = ("from_day",)
    fields = ("role", "unit", "from_day")
    formfield_overrides = {
        DateField: {
            "form_class": TypedDate,
            "widget": DateInput(format="%d/%m/%Y"),
            "help_text": _("Ví dụ: 31/12/2026"),
        }
    }

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        if db_field.name == "role":
            kwargs["form_class"] = _RoleField
        field = by_path(super().formfield_for_foreignkey(db_field, request, **kwargs))
        if field is not None and field.queryset is not None and db_field.name == "role":
            field.queryset = field.queryset.filter(name__in=list(Role))
        return field

    def save_model(
        self,
        request: HttpRequest,
        obj: FactorDemand,
        form: "ModelForm[FactorDemand]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            _record(request, obj)

    def delete_model(self, request: HttpRequest, obj: FactorDemand) -> None:
        with transaction.atomic():
            _record(request, obj, reason="ended")
            super().delete_model(request, obj)


def _record(request: HttpRequest, demand: FactorDemand, *, reason: str = "") -> None:
    AuditEvent.record(
        AuditEvent.Event.FACTOR_DEMAND_EDITED,
        actor=actor(request),
        reason=reason,
        of=str(demand),
        from_day=f"{demand.from_day:%d/%m/%Y}",
    )
