"""Finds whom a member of staff may see or help: others are not there, or may not be helped."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from accounts.hotline import remedies
from accounts.models import Account
from accounts.models.right import Right
from accounts.organisation import roles


def person_or_404(staff: Account, pk: int) -> Account:
    """Find the person; one whom `staff` may not see is not there."""
    return get_object_or_404(
        roles.within(staff, Account.objects.with_factor().select_related("unit")), pk=pk
    )


def helped(staff: Account, pk: int, right: Right) -> Account:
    """Find the person; raises `PermissionDenied` where `staff` may not do what `right` permits."""
    account = person_or_404(staff, pk)
    if not remedies.may_help(staff, account, right):
        raise PermissionDenied
    return account
