"""The ceilings and switches of the whole portal, in /quan-tri/."""

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.fields import PlainFields, in_words
from accounts.admin.versions import VersionedAdmin
from accounts.models import AuditEvent
from accounts.pages.requests import actor
from otp.counting import tightening
from otp.counting.tightening import Step
from otp.models import Brakes

_CEILINGS = {"codes_an_hour", "codes_a_day", "guesses_an_hour", "guesses_a_day"}


@admin.register(Brakes)
class BrakesAdmin(PlainFields, VersionedAdmin):
    """The ceilings and switches of the whole portal; each change is put on record."""

    list_display = (
        "__str__",
        "step",
        in_words(Brakes, "sending_stopped"),
        "changed_at",
    )
    fields = (
        "step",
        "sending_stopped",
        "proof_of_work",
        "set_by_hand",
        "codes_an_hour",
        "codes_a_day",
        "guesses_an_hour",
        "guesses_a_day",
        "changed_at",
    )
    readonly_fields = ("step", "changed_at")

    @admin.display(description=_("hiện đang siết ở bước"))
    def step(self, brakes: Brakes) -> str:
        now = tightening.situation()
        return gettext("%(step)d/%(last)d: %(label)s (đã dùng %(percent)d %% số lần nhập sai)") % {
            "step": now.step,
            "last": max(Step),
            "label": now.label,
            "percent": round(100 * now.guessing),
        }

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
        if "set_by_hand" not in form.changed_data and _CEILINGS & set(form.changed_data):
            # What IT sets is not to be worked out anew in the night.
            obj.set_by_hand = True
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            AuditEvent.record(
                AuditEvent.Event.BRAKES_CHANGED,
                actor=actor(request),
                fields={name: form.cleaned_data[name] for name in form.changed_data},
            )
