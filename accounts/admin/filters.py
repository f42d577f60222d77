"""The filters beside the list of accounts: each figure of a report has its people here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit.actors import locked_somebody
from accounts.credentials.locks import BY_CAMPAIGN, last_locks
from accounts.models import Account
from accounts.models.phone_state import PhoneState, in_state, months_before
from accounts.organisation import roles
from accounts.organisation.units import Tree, with_below
from accounts.pages.requests import actor, row_key

OLD_AFTER = (6, 12, 24)  # months
ALONE = "-"  # after a unit: without those below it
NO_UNIT = "none"


class UnitFilter(admin.SimpleListFilter):
    """A unit with all below it, one step of the tree at a time; behind a sign, the unit alone."""

    title = _("đơn vị và cấp dưới")
    parameter_name = "unit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tree = Tree(roles.units_of(actor(request)))
        return [*self._steps(tree), (NO_UNIT, str(_("Chưa thuộc đơn vị nào")))]

    def _steps(self, tree: Tree) -> list[tuple[str, str]]:
        """Give the way down to the unit that is chosen, and what lies right below it."""
        key = row_key((self.value() or "").removesuffix(ALONE))
        chosen = key if key in tree.units else None
        tops = tree.below(None)
        if chosen is None and len(tops) == 1:
            chosen = tops[0]
        if chosen is None:
            return [(str(pk), tree.units[pk].name) for pk in tops]
        way = [*tree.above(chosen), tree.units[chosen]]
        steps = [(str(unit.pk), tree.path(unit.pk)) for unit in way]
        below = tree.below(chosen)
        if below or (self.value() or "").endswith(ALONE):
            alone = _("%(unit)s, không gồm cấp dưới") % {"unit": tree.path(chosen)}
            steps.append((f"{chosen}{ALONE}", alone))
        return steps + [(str(pk), tree.units[pk].name) for pk in below]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Account]") -> "QuerySet[Account]":
        value = self.value() or ""
        if value == NO_UNIT:
            return queryset.filter(unit__isnull=True)
        key = row_key(value.removesuffix(ALONE))
        if key is None:
            return queryset
        units = {key} if value.endswith(ALONE) else with_below([key])
        return queryset.filter(unit__in=units)


class PhoneFilter(admin.SimpleListFilter):
    """How the number stands; old is a question of months."""

    title = _("số điện thoại")
    parameter_name = "phone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        old = _("số xác thực đã quá %(months)d tháng")
        return [
            ("missing", str(_("chưa xác thực hoặc chưa có"))),
            *((str(state.value), str(state.label)) for state in _ASKED),
            *((f"{PhoneState.OLD}-{months}", old % {"months": months}) for months in OLD_AFTER),
            ("excused", str(_("được miễn"))),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Account]") -> "QuerySet[Account]":
        value = self.value() or ""
        if value == "missing":
            return queryset.exclude(in_state(PhoneState.GOOD))
        if value == "excused":
            return queryset.filter(phone_excuse__isnull=False)
        state, _sign, months = value.partition("-")
        if state == PhoneState.OLD and months in map(str, OLD_AFTER):
            since = months_before(timezone.localdate(), int(months))
            return queryset.filter(in_state(PhoneState.OLD, since))
        return queryset.filter(in_state(PhoneState(state))) if state in _ASKED else queryset


_ASKED = (PhoneState.NONE, PhoneState.UNCONFIRMED, PhoneState.DOUBTED, PhoneState.GOOD)


class YesNoFilter(admin.SimpleListFilter):
    """Those of whom something is so, or is not."""

    yes: ClassVar[Any]
    no: ClassVar[Any]
    what: ClassVar[Q]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", str(self.yes)), ("no", str(self.no))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Account]") -> "QuerySet[Account]":
        match self.value():
            case "yes":
                return queryset.filter(self.what)
            case "no":
                return queryset.exclude(self.what)
        return queryset


class LoggedInFilter(YesNoFilter):
    title = _("đăng nhập")
    parameter_name = "logged-in"
    yes, no = _("đã từng đăng nhập"), _("chưa đăng nhập lần nào")
    what = Q(last_login__isnull=False)


class LockedFilter(YesNoFilter):
    title = _("khóa")
    parameter_name = "locked"
    yes, no = _("đang khóa"), _("không bị khóa")
    what = Q(locked_at__isnull=False)


class LockedByFilter(admin.SimpleListFilter):
    """Who locked those that are locked, as the audit trail has it; a campaign, or the directory.

    All are offered who ever locked anybody: to find whose locks are in force takes too long.
    """

    title = _("bị khóa bởi")
    parameter_name = "locked-by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = Account.objects.filter(pk__in=locked_somebody()).order_by("address")
        return [
            ("campaign", str(_("chiến dịch"))),
            ("nobody", str(_("hệ thống, không rõ người"))),
            *((str(each.pk), each.address) for each in staff),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Account]") -> "QuerySet[Account]":
        value = self.value() or ""
        locks = last_locks(queryset)
        by_campaign = Q(reason=BY_CAMPAIGN)
        if value == "campaign":
            return queryset.filter(pk__in=locks.filter(by_campaign).values("account"))
        if value == "nobody":
            by_somebody = locks.filter(by_campaign | Q(actor__isnull=False)).values("account")
            return queryset.filter(locked_at__isnull=False).exclude(pk__in=by_somebody)
        if (key := row_key(value)) is not None:
            theirs = locks.filter(~by_campaign, actor=key).values("account")
            return queryset.filter(pk__in=theirs)
        return queryset


PARAMETERS = {
    each.parameter_name
    for each in (UnitFilter, PhoneFilter, LoggedInFilter, LockedFilter, LockedByFilter)
}
