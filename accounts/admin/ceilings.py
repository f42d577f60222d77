"""The ceilings and switches of the whole portal, in /quan-tri/."""

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.models import AuditEvent
from accounts.pages.requests import actor
from otp.models import Brakes


@admin.register(Brakes)
class BrakesAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The ceilings and switches of the whole portal; each change is put on record."""

    list_display = (
        "__str__",
        "sending_stopped",
        "proof_of_work",
        "codes_an_hour",
        "codes_a_day",
        "guesses_an_hour",
        "guesses_a_day",
        "changed_at",
    )
    fields = list_display[1:]
    readonly_fields = ("changed_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Brakes | None = None) -> bool:
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Brakes,
        form: "ModelForm[Brakes]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            AuditEvent.record(
                AuditEvent.Event.BRAKES_CHANGED,
                actor=actor(request),
                fields={name: form.cleaned_data[name] for name in form.changed_data},
            )
