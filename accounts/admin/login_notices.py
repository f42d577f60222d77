"""Notices on the log-in page, in /quan-tri/."""

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.access import login_notices
from accounts.admin.fields import TYPED_TIME
from accounts.admin.versions import VersionedAdmin
from accounts.models import AuditEvent, LoginNotice
from accounts.pages.requests import actor


@admin.register(LoginNotice)
class LoginNoticeAdmin(VersionedAdmin):
    """Notices on the log-in page; within a minute every process shows a change."""

    list_display = ("text", "shown_from", "shown_until")
    ordering = ("-shown_from",)
    formfield_overrides = TYPED_TIME

    def save_model(
        self,
        request: HttpRequest,
        obj: LoginNotice,
        form: "ModelForm[LoginNotice]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            self._record(request, obj)

    def delete_model(self, request: HttpRequest, obj: LoginNotice) -> None:
        with transaction.atomic():
            self._record(request, obj)
            super().delete_model(request, obj)

    def _record(self, request: HttpRequest, notice: LoginNotice) -> None:
        transaction.on_commit(login_notices.forget)
        AuditEvent.record(
            AuditEvent.Event.LOGIN_NOTICE_EDITED, actor=actor(request), text=notice.text
        )
