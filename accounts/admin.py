"""What IT sees and mends in /quan-tri/. Nobody sees or sets a password, and no phone is changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, ForeignKey, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import BaseModelFormSet, ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.access import login_notices
from accounts.audit_admin import AuditAdmin
from accounts.bulk_admin import BulkAdmin
from accounts.credentials import notices
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.hotline.overview import STAFF_DIGITS
from accounts.models import Account, Address, AuditEvent, LoginNotice, Unit
from accounts.organisation import roles
from accounts.organisation.aliases import AliasForm
from accounts.organisation.units import Units
from otp import phones
from otp.models import Brakes

# One field, typed as it is read; the admin's own two have no labels and want inline styles.
TYPED_TIME: dict[Any, dict[str, Any]] = {
    DateTimeField: {
        "form_class": forms.DateTimeField,
        "widget": forms.DateTimeInput(format="%d/%m/%Y %H:%M"),
        "help_text": _("Ví dụ: 31/12/2026 17:00"),
    }
}

# Rights belong to roles, which are not handed out here; nor are the secrets of second factors.
admin.site.unregister([Group, TOTPDevice, StaticDevice])


@admin.register(Unit)
class UnitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "code", "parent")
    list_select_related = ("parent",)
    search_fields = ("name", "code")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        return _by_path(super().formfield_for_foreignkey(db_field, request, **kwargs))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Unit]":
        units = roles.units_of(_actor(request))
        every = super().get_queryset(request)
        return every if units is None else every.filter(pk__in=units)

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
                "",
                actor=_actor(request),
                unit=obj.name,
                fields=form.changed_data,
            )


class AliasInline(admin.StackedInline):  # type: ignore[type-arg]  # not generic at run time
    """Other addresses of an account. They open it and receive for it: a right of its own.

    Not in a table: the admin's have fields without labels and an empty heading.
    """

    model = Address
    form = AliasForm
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
        may = _actor(request).has_perm("accounts.change_aliases")
        return may and self._accounts.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return self.has_add_permission(request, obj)

    @property
    def _accounts(self) -> "admin.ModelAdmin[Account]":
        return self.admin_site.get_model_admin(Account)


@admin.register(Account)
class AccountAdmin(BulkAdmin):
    """Accounts of whom the member of staff may see, to mend.

    They are searched for at the hotline's desk, by POST: `?q=` would go into access logs (AD-06).
    """

    list_display = (
        "address",
        "full_name",
        "unit",
        "masked_phone",
        "confirmed_phone",
        "has_default_password",
        "locked_at",
        "is_active",
    )
    list_filter = ("kind", "has_default_password", "is_active", "unit")
    list_select_related = ("unit",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 40  # with "all" ticked, a page stays under the limit on fields
    inlines = (AliasInline,)
    formfield_overrides = TYPED_TIME
    fields = (
        "address",
        "full_name",
        "kind",
        "unit",
        "is_active",
        "has_default_password",
        "default_password_until",
        "masked_phone",
        "phone_confirmed_at",
        "password_changed_at",
        "locked_at",
        "last_login",
        "created_at",
    )
    _always_read = (
        "masked_phone",
        "phone_confirmed_at",
        "password_changed_at",
        "locked_at",
        "last_login",
        "created_at",
    )

    @admin.display(description=_("số điện thoại"))
    def masked_phone(self, account: Account) -> str:
        return phones.mask(account.phone, STAFF_DIGITS)

    @admin.display(description=_("đã xác thực số"), boolean=True)
    def confirmed_phone(self, account: Account) -> bool:
        return account.phone_is_confirmed

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Account]":
        return roles.within(_actor(request), super().get_queryset(request))

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        # Nobody is moved into a unit that the member of staff does not look after.
        units = roles.units_of(_actor(request))
        if db_field.name == "unit" and units is not None:
            kwargs["queryset"] = Unit.objects.filter(pk__in=units)
            # Without a unit, nobody but the province's IT would see the person again.
            kwargs["required"] = True
        return _by_path(super().formfield_for_foreignkey(db_field, request, **kwargs))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET":
            AuditEvent.record(AuditEvent.Event.LOOKED_UP, "", actor=_actor(request), by="list")
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
            AuditEvent.record(
                AuditEvent.Event.VIEWED, account.address, account=account, actor=_actor(request)
            )
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # Somebody took the address in this very moment: asked again, the form says so.
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Account | None = None
    ) -> tuple[str, ...]:
        return self._always_read if obj is None else ("address", *self._always_read)

    def lookup_allowed(  # type: ignore[override]  # Django always gives the request
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        # Else any column could be asked for letter by letter in the address: hashes, numbers.
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
                obj.address,
                account=obj,
                actor=_actor(request),
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
            # Mail programs may know an alias by heart that is somebody else's from now on.
            end_mail_sessions(form.instance)
            came = [alias.address for alias in added]
            went = [alias.address for alias in removed]
            notices.aliases_changed(form.instance, added=came, removed=went)
            AuditEvent.record(
                AuditEvent.Event.ALIASES_CHANGED,
                form.instance.address,
                account=form.instance,
                actor=_actor(request),
                added=came,
                removed=went,
            )


admin.site.register(AuditEvent, AuditAdmin)


@admin.register(LoginNotice)
class LoginNoticeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
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

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}  # deleted one by one, each on record

    def _record(self, request: HttpRequest, notice: LoginNotice) -> None:
        transaction.on_commit(login_notices.forget)
        AuditEvent.record(
            AuditEvent.Event.LOGIN_NOTICE_EDITED, "", actor=_actor(request), text=notice.text
        )


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
                "",
                actor=_actor(request),
                fields={name: form.cleaned_data[name] for name in form.changed_data},
            )


def _by_path(field: "ModelChoiceField[Any] | None") -> "ModelChoiceField[Any] | None":
    """Offer units by their place in the tree: many have a "Văn phòng"."""
    if field is not None and field.queryset is not None and field.queryset.model is Unit:
        units = Units()
        field.label_from_instance = lambda unit: units.path(unit.pk)  # type: ignore[assignment,method-assign]
    return field


def _actor(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)
    return request.user
