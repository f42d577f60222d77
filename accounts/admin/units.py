"""The tree of units in /quan-tri/."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin.fields import PlainFields, by_path
from accounts.admin.versions import VersionedAdmin, VersionedForm
from accounts.models import AuditEvent, Unit
from accounts.organisation import roles
from accounts.organisation.units import path_key, with_below
from accounts.pages.requests import actor


class UnitForm(VersionedForm):
    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if "/" in name:
            # Which stands between the names of a path.
            raise ValidationError(_("Tên đơn vị không được có dấu “/”. Hãy bỏ dấu đó."))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "name" in cleaned and "parent" in cleaned:
            beside = Unit.objects.filter(parent=cleaned["parent"]).exclude(pk=self.instance.pk)
            key = path_key(cleaned["name"])
            if any(path_key(name) == key for name in beside.values_list("name", flat=True)):
                self.add_error("name", _("Đã có đơn vị tên này ở cùng cấp. Hãy ghi tên khác."))
        return cleaned

    def clean_parent(self) -> Unit | None:
        parent: Unit | None = self.cleaned_data["parent"]
        if parent and self.instance.pk and parent.pk in with_below([self.instance.pk]):
            raise ValidationError(
                _("Đơn vị không thể nằm dưới chính nó. Hãy chọn đơn vị cấp trên khác.")
            )
        return parent


@admin.register(Unit)
class UnitAdmin(PlainFields, VersionedAdmin):
    form = UnitForm
    list_display = ("name", "code", "parent")
    list_select_related = ("parent",)
    search_fields = ("name", "code")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        return by_path(super().formfield_for_foreignkey(db_field, request, **kwargs))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Unit]":
        units = roles.units_of(actor(request))
        every = super().get_queryset(request)
        return every if units is None else every.filter(pk__in=units)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # Somebody moved or named a unit in this very moment: asked again, the form says so.
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(
        self,
        request: HttpRequest,
        obj: Unit,
        form: "ModelForm[Unit]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            AuditEvent.record(
                AuditEvent.Event.UNIT_EDITED,
                actor=actor(request),
                unit=obj.name,
                fields=form.changed_data,
            )

    def delete_model(self, request: HttpRequest, obj: Unit) -> None:
        with transaction.atomic():
            AuditEvent.record(
                AuditEvent.Event.UNIT_EDITED, actor=actor(request), unit=obj.name, deleted=True
            )
            super().delete_model(request, obj)
