"""What each role of the staff may do, and over whom: the one table of rights.

Roles are given on the machine (`manage.py create_staff`), never on a page, so that nobody can
widen their own rights (AD-04).
"""

import enum
from contextlib import suppress
from typing import Any, TypeVar

from django.apps import apps as current
from django.apps.registry import Apps
from django.contrib.auth.models import Group
from django.db.models import QuerySet, prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models.account import Account
from accounts.models.right import Right
from accounts.organisation.units import with_below

Rows = TypeVar("Rows", bound=QuerySet[Any])


class Role(enum.StrEnum):
    """What somebody is to the portal; the value is the name of the group."""

    HOTLINE = gettext_noop("Hỗ trợ")
    UNIT_IT = gettext_noop("CNTT đơn vị")
    PROVINCE_IT = gettext_noop("CNTT tỉnh")
    AUDITOR = gettext_noop("Kiểm tra")


# How `create_staff` spells them.
NAMES = {
    "hotline": Role.HOTLINE,
    "unit-it": Role.UNIT_IT,
    "province-it": Role.PROVINCE_IT,
    "auditor": Role.AUDITOR,
}

H, U, P, A = Role.HOTLINE, Role.UNIT_IT, Role.PROVINCE_IT, Role.AUDITOR

RIGHTS: dict[Right, set[Role]] = {
    # The hotline's desk
    Right.USE_DESK: {H, U, P, A},
    Right.HELP_PERSON: {H, U, P},
    Right.CHECK_CALLER: {H, U, P},
    Right.REVEAL_PHONE: {H, U, P},
    Right.PROPOSE_PHONE: {U, P},
    Right.APPROVE_PHONE: {H, U, P},
    Right.RESET_FACTOR: {P},
    # IT's own
    Right.VIEW_ACCOUNT: {U, P, A},
    Right.CHANGE_ACCOUNT: {U, P},
    Right.ADD_ACCOUNT: {P},
    Right.CHANGE_ALIASES: {P},
    Right.LOCK_ACCOUNT: {U, P},
    Right.PRINT_SLIPS: {U, P},
    Right.END_ACCOUNTS: {U, P},
    Right.ANSWER_REQUESTS: {U, P},
    Right.REMOVE_ACCOUNTS: {U, P},
    Right.MARK_DEFAULT: {U, P},
    Right.SEND_NOTICE: {U, P},
    Right.IMPORT_ACCOUNTS: {P},
    Right.CONFIRM_PHONES: {P},
    Right.HAND_OVER: {U, P},
    Right.EXPORT_ACCOUNTS: {U, P},
    Right.RUN_CAMPAIGNS: {U, P},
    Right.VIEW_REPORTS: {U, P, A},
    Right.VIEW_UNIT: {U, P, A},
    Right.ADD_UNIT: {P},
    Right.CHANGE_UNIT: {P},
    Right.VIEW_LOGIN_NOTICE: {P, A},
    Right.ADD_LOGIN_NOTICE: {P},
    Right.CHANGE_LOGIN_NOTICE: {P},
    Right.DELETE_LOGIN_NOTICE: {P},
    Right.VIEW_FACTOR_DEMAND: {P, A},
    Right.ADD_FACTOR_DEMAND: {P},
    Right.CHANGE_FACTOR_DEMAND: {P},
    Right.DELETE_FACTOR_DEMAND: {P},
    Right.VIEW_AUDIT: {P, A},
    Right.EXPORT_AUDIT: {P, A},
    Right.VIEW_CEILINGS: {P, A},
    Right.CHANGE_CEILINGS: {P},
    Right.VIEW_CODES: {P, A},
    Right.VIEW_MESSAGES: {P, A},
    Right.VIEW_GATEWAYS: {P, A},
    Right.VIEW_UPKEEP: {P, A},
    Right.VIEW_PROGRAMS: {P, A},
    Right.ADD_PROGRAMS: {P},
    Right.VIEW_HOOKS: {P, A},
    Right.ADD_HOOKS: {P},
}


def units_of(staff: Account) -> set[int] | None:
    """Name the units whose people `staff` may see; None means everybody.

    The IT of a unit sees that unit and those below it, and without a unit nobody.
    """
    if _sees_everybody(staff):
        return None
    return set() if staff.unit_id is None else with_below([staff.unit_id])


def within(staff: Account, rows: Rows, unit: str = "unit") -> Rows:
    """Keep the people whom `staff` may see; or rows of theirs, from which `unit` leads to the unit.

    For staff who see everybody nothing is joined.
    """
    units = units_of(staff)
    return rows if units is None else rows.filter(**{f"{unit}__in": units})


def covers(staff: Account, account: Account) -> bool:
    """Whether `staff` may see `account`."""
    units = units_of(staff)
    return units is None or account.unit_id in units


def still_may(staff: Account, right: Right) -> bool:
    """Whether what `staff` asked for before still counts, now that it is to be done."""
    return staff.is_staff and staff.may_log_in and staff.has_perm(right)


def no_longer() -> str:
    """Say that a proposal does not count any more, because of who made it."""
    return _("Người đề nghị không còn quyền làm việc này: hãy lập đề nghị mới.")


def groups_of(role: Role) -> QuerySet[Group]:
    """Give the one group of a role."""
    return Group.objects.filter(name=role.value)


def role_names(account: Account) -> list[str]:
    """Name the roles of an account, which are read once, as Django reads its rights."""
    prefetch_related_objects([account], "groups")
    return sorted(group.name for group in account.groups.all())


def make_groups(apps: Apps = current, **_kwargs: Any) -> None:
    """Have the groups there, each with exactly its rights; after every `migrate`."""
    # Going back to an older schema, there may be no such table.
    with suppress(LookupError):
        group = apps.get_model("auth", "Group")
        permission = apps.get_model("auth", "Permission")
        known = {
            f"{row.content_type.app_label}.{row.codename}": row
            for row in permission.objects.select_related("content_type")
        }
        for role in Role:
            rights = [
                known[name] for name, roles in RIGHTS.items() if role in roles and name in known
            ]
            group.objects.get_or_create(name=role.value)[0].permissions.set(rights)


def _sees_everybody(staff: Account) -> bool:
    if staff.is_superuser:
        return True
    names = role_names(staff)
    return bool(names) and Role.UNIT_IT not in names
