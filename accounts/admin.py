"""What IT sees and mends in /quan-tri/. Nobody sees or sets a password, and no phone is changed."""

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.locking import lock, unlock
from accounts.mailserver import end_mail_sessions
from accounts.models import Account, Address, AuditEvent, Unit
from otp import phones
from otp.models import Brakes

STAFF_MASK_DIGITS = 3  # of a number; its owner sees more (LG-07)

# Rights belong to roles, which are not handed out here; nor are the secrets of second factors.
admin.site.unregister([Group, TOTPDevice, StaticDevice])


@admin.register(Unit)
class UnitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "code", "parent")
    search_fields = ("name", "code")
    autocomplete_fields = ("parent",)


class AliasInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """An account's other addresses: added and taken away by those who may change the account."""

    model = Address
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
        return self._accounts.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return self._accounts.has_change_permission(request, obj)

    @property
    def _accounts(self) -> "admin.ModelAdmin[Account]":
        return self.admin_site.get_model_admin(Account)


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Accounts. A number is shown masked, and searched for nowhere: `?q=` goes into access logs."""

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
    search_fields = ("addresses__address", "full_name")
    list_per_page = 40  # with "all" ticked, a page stays under the limit on fields
    autocomplete_fields = ("unit",)
    actions = ("lock_chosen", "unlock_chosen")
    inlines = (AliasInline,)
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
        return phones.mask(account.phone, STAFF_MASK_DIGITS)

    @admin.display(description=_("đã xác thực số"), boolean=True)
    def confirmed_phone(self, account: Account) -> bool:
        return account.phone_is_confirmed

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
        if obj is not None and obj.is_staff and obj != request.user:
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
            AuditEvent.record(
                AuditEvent.Event.ALIASES_CHANGED,
                form.instance.address,
                account=form.instance,
                actor=_actor(request),
                added=[alias.address for alias in added],
                removed=[alias.address for alias in removed],
            )

    @admin.action(description=_("Khóa tài khoản đã chọn"), permissions=["change"])
    def lock_chosen(self, request: HttpRequest, chosen: "QuerySet[Account]") -> None:
        # Staff are locked one by one, by those who may change them.
        people = chosen.filter(is_staff=False)
        count = sum(lock(account, actor=_actor(request)) for account in people)
        messages.success(request, _("Đã khóa %(count)s tài khoản.") % {"count": count})

    @admin.action(description=_("Mở khóa tài khoản đã chọn"), permissions=["change"])
    def unlock_chosen(self, request: HttpRequest, chosen: "QuerySet[Account]") -> None:
        people = chosen.filter(is_staff=False)
        count = sum(unlock(account, actor=_actor(request)) for account in people)
        messages.success(request, _("Đã mở khóa %(count)s tài khoản.") % {"count": count})


@admin.register(AuditEvent)
class AuditAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The audit trail, to read."""

    list_display = ("at", "event", "ok", "account", "actor", "client", "reason")
    list_filter = ("event", "ok")
    list_select_related = ("account", "actor")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False


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


def _actor(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)
    return request.user
