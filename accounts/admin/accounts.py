"""Accounts in /quan-tri/: whom the member of staff may see, to mend."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import ForeignKey, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import BaseModelFormSet, ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.admin.bulk import BulkAdmin
from accounts.admin.fields import TYPED_TIME, PlainFields, by_path
from accounts.admin.filters import (
    PARAMETERS,
    LockedByFilter,
    LockedFilter,
    LoggedInFilter,
    PhoneFilter,
    UnitFilter,
)
from accounts.admin.versions import VersionedAdmin
from accounts.credentials import notices
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, Address, AuditEvent, Unit
from accounts.models.phone_state import state_of
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.aliases import AliasForm, AliasFormSet
from accounts.organisation.units import unit_name
from accounts.pages.requests import actor, takes_long
from otp import phones
from otp.admin import LongList


class AliasInline(admin.StackedInline):  # type: ignore[type-arg]  # not generic at run time
    """Other addresses of an account. They open it and receive for it: a right of its own.

    Not in a table: the admin's have fields without labels and an empty heading.
    """

    model = Address
    form = AliasForm
    formset = AliasFormSet
    fields = ("address",)
    extra = 1
    max_num = 5  # with more, the page would have too many fields to be sent

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Address]":
        return super().get_queryset(request).filter(is_main=False)

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return self._accounts.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        may = actor(request).has_perm(Right.CHANGE_ALIASES)
        return may and self._accounts.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return self.has_add_permission(request, obj)

    @property
    def _accounts(self) -> "admin.ModelAdmin[Account]":
        return self.admin_site.get_model_admin(Account)


@admin.register(Account)
class AccountAdmin(LongList, PlainFields, VersionedAdmin, BulkAdmin):
    """Accounts of whom the member of staff may see, to mend.

    They are searched for at the hotline's desk, by POST: `?q=` would go into access logs (AD-06).
    """

    list_display = (
        "address",
        "full_name",
        "within",
        "number",
        "state",
    )
    list_filter = (
        *(PhoneFilter, "has_default_password", LoggedInFilter, LockedFilter, LockedByFilter),
        *("is_active", "kind", UnitFilter),
    )
    list_select_related = ("unit__parent",)
    sortable_by = ("address", "full_name")
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 40  # with "all" ticked, a page stays under the limit on fields
    inlines = (AliasInline,)
    formfield_overrides = TYPED_TIME
    _always_read = (
        "masked_phone",
        "phone_confirmed_at",
        "phone_doubted_at",
        "password_changed_at",
        "locked_at",
        "last_login",
        "created_at",
    )
    fields = (
        "address",
        "full_name",
        "kind",
        "unit",
        "is_active",
        "has_default_password",
        "default_password_until",
        *_always_read,
    )

    @admin.display(description=_("đơn vị"))
    def within(self, account: Account) -> str:
        return unit_name(account.unit)

    @admin.display(description=_("số điện thoại"))
    def masked_phone(self, account: Account) -> str:
        return phones.masked_for_staff(account.phone)

    @admin.display(description=_("số điện thoại"))
    def number(self, account: Account) -> str:
        """Give the masked number and how it stands, in one narrow column."""
        masked = phones.masked_for_staff(account.phone)
        state = state_of(account, None).label
        return f"{masked}: {state}" if masked else str(state)

    @admin.display(description=_("tình trạng"))
    def state(self, account: Account) -> str:
        """Say in words what stands in the way of a log-in, or that nothing does."""
        found: list[object] = []
        if not account.is_active:
            found.append(_("ngừng sử dụng"))
        if account.locked_at:
            day = date_format(timezone.localtime(account.locked_at), "SHORT_DATE_FORMAT")
            found.append(_("khóa từ %(day)s") % {"day": day})
        if account.has_default_password:
            found.append(_("mật khẩu mặc định"))
        return ", ".join(map(str, found)) or str(_("đang dùng"))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Account]":
        return roles.within(actor(request), super().get_queryset(request))

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        # Nobody is moved into a unit that the member of staff does not look after.
        units = roles.units_of(actor(request))
        if db_field.name == "unit" and units is not None:
            kwargs["queryset"] = Unit.objects.filter(pk__in=units)
            # Without a unit, nobody but the province's IT would see the person again.
            kwargs["required"] = True
        return by_path(super().formfield_for_foreignkey(db_field, request, **kwargs))

    @takes_long
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET":
            AuditEvent.record(AuditEvent.Event.LOOKED_UP, actor=actor(request), by="list")
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id)) if object_id else None
        if account and request.method == "GET":
            AuditEvent.record(AuditEvent.Event.VIEWED, account, actor=actor(request))
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # Somebody took the address in this very moment: asked again, the form says so.
            return super().changeform_view(request, object_id, form_url, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to what the audit trail has of the account, or to what the desk shows of it."""
        account = self.get_object(request, unquote(object_id))
        if account is None:
            return redirect("admin:index")
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        if not request.user.has_perm(Right.VIEW_AUDIT):
            return redirect("accounts:person", account.pk)
        trail = reverse("admin:accounts_auditevent_changelist")
        return redirect(f"{trail}?account={account.pk}")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Account | None = None
    ) -> tuple[str, ...]:
        return self._always_read if obj is None else ("address", *self._always_read)

    def lookup_allowed(  # type: ignore[override]  # Django always gives the request
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        # Else any column could be asked for letter by letter in the address: hashes, numbers.
        if lookup in PARAMETERS:
            return True
        return lookup.split(LOOKUP_SEP)[0] in self.list_filter and super().lookup_allowed(
            lookup, value, request
        )

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        # Staff, oneself among them, are changed by `create_staff` and at the desk only (AD-04).
        if obj is not None and obj.is_staff:
            return bool(request.user.is_superuser)
        return super().has_change_permission(request, obj)

    def save_model(
        self,
        request: HttpRequest,
        obj: Account,
        form: "ModelForm[Account]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            if change:
                # Only what was edited: the rest may have changed since the form was drawn.
                obj.save(update_fields=form.changed_data)
            else:
                obj.set_unusable_password()
                obj.save()
            if not obj.is_active:
                obj.end_sessions()
            if not obj.is_active or obj.default_password_is_over:
                end_mail_sessions(obj)
            AuditEvent.record(
                AuditEvent.Event.ACCOUNT_EDITED,
                obj,
                actor=actor(request),
                fields=form.changed_data,
            )

    def save_formset(
        self,
        request: HttpRequest,
        form: "ModelForm[Account]",
        formset: "BaseModelFormSet[Address, ModelForm[Address]]",
        change: bool,  # noqa: FBT001  (Django's signature)
    ) -> None:
        with transaction.atomic():
            added = formset.save()
            removed = formset.deleted_objects
            if not (added or removed):
                return
            # Mail programs may be logged in by an alias that is somebody else's from now on.
            end_mail_sessions(form.instance)
            came = [alias.address for alias in added]
            went = [alias.address for alias in removed]
            notices.aliases_changed(form.instance, added=came, removed=went)
            AuditEvent.record(
                AuditEvent.Event.ALIASES_CHANGED,
                form.instance,
                actor=actor(request),
                added=came,
                removed=went,
            )
