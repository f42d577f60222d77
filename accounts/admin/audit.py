"""The audit trail in /quan-tri/: to read, to filter, to export; looking at it is on record too."""

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Max, Min, Prefetch, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit.actors import acted_as_staff
from accounts.audit.reasons import in_words
from accounts.models import Account, AuditEvent
from accounts.models.audit_event import AuditQuerySet
from accounts.models.right import Right
from accounts.pages.replica import read_replica
from accounts.pages.requests import actor, row_key, takes_long
from accounts.reports.help import of_help
from accounts.spreadsheets.writing import csv_response
from otp.admin import LongList

BATCH = 2_000  # rows read at once
MOST_COUNTED = 100_000  # rows of a file; of a larger one, the trail says one more
DAY = dt.timedelta(days=1)
EXPORTED = (
    *(_("lúc"), _("việc"), _("thành công"), _("lý do"), _("tài khoản"), _("người làm")),
    *(_("địa chỉ IP"), _("mã yêu cầu"), _("chi tiết")),
)

# An account by its key only, with no column of it.
_LOOKUPS = ("event", "ok", "at", "staff", "help")


class StaffFilter(admin.SimpleListFilter):
    """By whom: those who did something to others, also where they are staff no longer."""

    title = _("người làm")
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = Account.objects.filter(Q(is_staff=True) | Q(pk__in=acted_as_staff()))
        return [(str(one.pk), one.address) for one in staff.order_by("address")]

    def queryset(
        self, request: HttpRequest, queryset: "QuerySet[AuditEvent]"
    ) -> "QuerySet[AuditEvent]":
        key = row_key(self.value() or "")
        return queryset if key is None else queryset.filter(actor=key)


class HelpFilter(admin.SimpleListFilter):
    """What staff did for others, as the report counts it."""

    title = _("việc làm cho người khác")
    parameter_name = "help"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", str(_("Có")))]

    def queryset(
        self, request: HttpRequest, queryset: "QuerySet[AuditEvent]"
    ) -> "QuerySet[AuditEvent]":
        return of_help(queryset) if self.value() == "yes" else queryset


class Calendar(AuditQuerySet):
    """Rows whose days are counted out between the first and the last, instead of looked for."""

    def datetimes(  # type: ignore[override]  # a list does for the one who asks: the date hierarchy
        self, field_name: str, kind: str, order: str = "ASC", tzinfo: dt.tzinfo | None = None
    ) -> list[dt.datetime]:
        edges = self.aggregate(first=Min(field_name), last=Max(field_name))
        if edges["first"] is None:
            return []
        first, last = (timezone.localtime(edges[name]) for name in ("first", "last"))
        first = first.replace(hour=0, minute=0, second=0, microsecond=0)
        ones: dict[str, Any] = dict.fromkeys(_WITHIN[kind], 1)
        return sorted({(first + DAY * n).replace(**ones) for n in range((last - first).days + 1)})


_WITHIN = {"year": ("month", "day"), "month": ("day",), "day": ()}


@admin.register(AuditEvent)
class AuditAdmin(LongList):
    list_display = ("at", "event", "outcome", "whose", "who", "client", "ground")
    fields = (
        *("at", "event", "outcome", "ground", "whose", "who"),
        *("address_key", "client", "request_id"),
        "detail",
    )
    list_filter = ("event", "ok", StaffFilter, HelpFilter)
    list_select_related = ("account", "actor")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")
    sortable_by = ("at",)
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/audit_list.html"

    @admin.display(description=_("thành công"))
    def outcome(self, row: AuditEvent) -> str:
        return str(_("Có") if row.ok else _("Không"))

    @admin.display(description=_("lý do"))
    def ground(self, row: AuditEvent) -> str:
        return in_words(row.reason)

    def get_queryset(self, request: HttpRequest) -> Calendar:
        return Calendar(AuditEvent).order_by(*self.ordering)

    @admin.display(description=_("tài khoản"))
    def whose(self, row: AuditEvent) -> str:
        return _name(row.account_id, _there(row, "account"))

    @admin.display(description=_("người làm"))
    def who(self, row: AuditEvent) -> str:
        return _name(row.actor_id, _there(row, "actor"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def lookup_allowed(  # type: ignore[override]  # Django always gives the request
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        # Else what staff wrote could be asked for letter by letter in the address.
        return lookup == "account" or lookup.split(LOOKUP_SEP)[0] in _LOOKUPS

    def get_urls(self) -> list[URLPattern]:
        return [
            path("xuat/", self.admin_site.admin_view(self.export), name="audit-export"),
            *super().get_urls(),
        ]

    @takes_long
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_export": request.user.has_perm(Right.EXPORT_AUDIT)}
        response = super().changelist_view(request, context | (extra_context or {}))
        AuditEvent.record(
            AuditEvent.Event.AUDIT_VIEWED, actor=actor(request), by=sorted(request.GET)
        )
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        AuditEvent.record(AuditEvent.Event.AUDIT_VIEWED, actor=actor(request), row=object_id[:20])
        return super().change_view(request, object_id, form_url, extra_context)

    @takes_long
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Give the rows of the list, as filtered, as CSV."""
        if not request.user.has_perm(Right.EXPORT_AUDIT):
            raise PermissionDenied
        read_replica()
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect("admin:accounts_auditevent_changelist")
        AuditEvent.record(
            AuditEvent.Event.EXPORTED,
            actor=actor(request),
            what="audit",
            count=rows.order_by().values("pk")[: MOST_COUNTED + 1].count(),
            by=sorted(request.GET),
        )
        return csv_response("nhat-ky", EXPORTED, _rows(rows))


def _rows(events: "QuerySet[AuditEvent]") -> Iterator[list[object]]:
    # Not joined: a join would begin by sorting the whole trail.
    people = (Prefetch(name, Account.objects.only("address")) for name in ("account", "actor"))
    labels = {event.value: str(event.label) for event in AuditEvent.Event}
    for row in _newest_first(events.select_related(None).prefetch_related(*people)):
        yield [
            f"{timezone.localtime(row.at):%Y-%m-%d %H:%M:%S%z}",  # for programs: to the second
            labels.get(row.event, row.event),
            int(row.ok),
            row.reason,
            _name(row.account_id, row.account),
            _name(row.actor_id, row.actor),
            row.client,
            row.request_id,
            "; ".join(f"{key}={value}" for key, value in row.detail.items()),
        ]


def _newest_first(events: "QuerySet[AuditEvent]") -> Iterator[AuditEvent]:
    """Read along the index of the list's order, each batch in a statement of its own.

    A cursor that outlives its statement writes all its rows down first: of ten million rows the
    file would not begin in time.
    """
    rest = events = events.order_by(*AuditAdmin.ordering)
    while rows := list(rest[:BATCH]):
        yield from rows
        if len(rows) < BATCH:
            return
        last = rows[-1]
        before = Q(at__lt=last.at) | Q(pk__lt=last.pk)
        rest = events.filter(before, at__lte=last.at)


def _there(row: AuditEvent, name: str) -> Account | None:
    """Give the account of a row, or None where it was removed."""
    with suppress(Account.DoesNotExist):
        found: Account | None = getattr(row, name)
        return found
    return None


def _name(pk: int | None, account: Account | None) -> str:
    if account:
        return account.address
    return f"{_('(đã xóa)')} {pk}" if pk else ""
