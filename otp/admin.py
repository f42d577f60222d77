"""What IT sees of codes, messages and gateways in /quan-tri/. Nothing here is changed by hand."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from otp.codes.fates import CARRIER, Fate, carried, with_fate
from otp.codes.reasons import fate_in_words, in_words
from otp.models import LATELY, Code, GatewayState, Message
from otp.sentences import duration, with_numbers

MOST = 10_000  # rows of a list that are counted and can be turned to
MOST_CODES = 1_000  # of these: what became of each is read from its message


class FirstPages(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """The pages of the first `most` rows: nothing is read of those behind them, be it to count."""

    @property
    def most(self) -> int:
        return MOST

    @cached_property
    def count(self) -> int:
        return min(self._found, self.most)

    @property
    def has_more(self) -> bool:
        """Whether there are rows that no page shows."""
        return self._found > self.most

    @cached_property
    def _found(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # of a list of the admin
        return rows.order_by().values("pk")[: self.most + 1].count()


class FirstCodes(FirstPages):
    @property
    def most(self) -> int:
        return MOST_CODES


class IndexedOrder(ChangeList):
    """Sorts by the columns of `sortable_by` alone, whatever the address asks for.

    Those have an index: to sort ten million rows by another takes longer than a statement may.
    """

    def get_ordering_field(self, field_name: Callable[..., Any] | str) -> Any:
        has_index = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if has_index else None


class LongList(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A list that may have millions of rows; each names in `sortable_by` what has an index."""

    paginator = FirstPages
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return IndexedOrder


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows to look at. Full numbers, wordings and keys are on no page."""

    filtered_by: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(  # type: ignore[override]  # Django always gives the request
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        # Else any column could be asked for letter by letter in the address: a waiting number.
        return lookup.split(LOOKUP_SEP)[0] in self.filtered_by and super().lookup_allowed(
            lookup, value, request
        )


@admin.register(GatewayState)
class GatewayAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "errors",
        "failures",
        "paused_until",
        "last_success_at",
        "last_failure_at",
        "last_reason_in_words",
    )
    ordering = ("name",)
    fields = list_display

    @admin.display(
        description=with_numbers(_("lỗi trong %(lately)s qua"), lately=lambda: duration(LATELY))
    )
    def errors(self, state: GatewayState) -> str:
        return str(state.errors_lately())

    @admin.display(description=_("lỗi gần nhất"), ordering="last_reason")
    def last_reason_in_words(self, state: GatewayState) -> str:
        return in_words(state.last_reason)


class GatewayFilter(admin.SimpleListFilter):
    """By the gateway that was handed the message; those that went to none are not offered."""

    title = _("nhà cung cấp SMS")
    parameter_name = column = "gateway"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        # A report may lead here by one that has been taken out of service since.
        names = {*GatewayState.objects.values_list("name", flat=True), self.value()}
        return [(name, name) for name in sorted(filter(None, names))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class CodeGatewayFilter(GatewayFilter):
    column = "message__gateway"


class FateFilter(admin.SimpleListFilter):
    """By what became of a code, as the report counts it."""

    title = _("kết quả")
    parameter_name = "fate"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        return [(fate.value, str(fate.label)) for fate in Fate]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Code]") -> "QuerySet[Code]":
        value = self.value()
        if value not in Fate.values:
            return queryset
        since, until = (_day(request.GET.get(f"local_day__{end}", "")) for end in ("gte", "lt"))
        if since is None or until is None:
            return queryset.filter(with_fate(Fate(value)))
        return carried(queryset, since=since, until=until).filter(with_fate(Fate(value), CARRIER))


def _day(raw: str) -> dt.date | None:
    """Read a day of the filter by days, which refuses by itself what is none."""
    with suppress(ValueError):
        return dt.date.fromisoformat(raw)
    return None


@admin.register(Message)
class MessageAdmin(LongList, ReadOnlyAdmin):
    list_display = (
        "created_at",
        "channel",
        "to_masked",
        "state_in_words",
        "reason_in_words",
        "gateway",
        "tries",
        "changed_at",
    )
    list_filter = ("state", "channel", GatewayFilter, "created_at")
    filtered_by = ("state", "channel", "gateway", "created_at", "reason")
    ordering = ("-created_at",)
    sortable_by = ("created_at",)
    fields = ("number", *list_display, "gateway_id", "due_at", "good_until")

    @admin.display(description=_("trạng thái"))
    def state_in_words(self, message: Message) -> str:
        return fate_in_words(message)

    @admin.display(description=_("lý do"))
    def reason_in_words(self, message: Message) -> str:
        return in_words(message.reason)

    @admin.display(description=_("số"))
    def number(self, message: Message) -> int:
        return message.pk


@admin.register(Code)
class CodeAdmin(LongList, ReadOnlyAdmin):
    paginator = FirstCodes
    list_display = (
        "issued_at",
        "purpose",
        "ordinal",
        "given_back_in_words",
        "attempts",
        "verified_at",
        "used_at",
    )
    list_filter = (
        FateFilter,
        "purpose",
        "voided",
        CodeGatewayFilter,
        # By itself, of a generated column, the admin would look for every day that there is.
        ("local_day", admin.DateFieldListFilter),
    )
    filtered_by = ("purpose", "voided", "local_day", "fate", "gateway")
    ordering = ("-issued_at",)
    sortable_by = ("issued_at",)
    fields = ("id", *list_display, "gap_until", "expires_at")

    @admin.display(description=_("không tính vào ngày"))
    def given_back_in_words(self, code: Code) -> str:
        return str(_("Có") if code.voided else _("Không"))
