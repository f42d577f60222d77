"""What has to be done before an account can be removed: hand-overs, staff, forwarded mail."""

from collections.abc import Collection, Iterable

from django.db.models import Q

from accounts.models import Account, Custody, Departure, RemovalMember

Reason = RemovalMember.Reason


def obstacles_of(accounts: Collection[int]) -> dict[int, RemovalMember.Reason]:
    """Name, for each account that cannot be removed as things stand, what is in the way."""
    staff = Account.objects.filter(Q(is_staff=True) | Q(is_superuser=True), pk__in=accounts)
    custody = Custody.objects.filter(responsible__in=accounts)
    forwarding = Departure.objects.forwarding()
    left = forwarding.filter(account__in=accounts)
    targets = forwarding.filter(forward_to__in=accounts)
    # What is named last is told, where there are several.
    found: list[tuple[RemovalMember.Reason, Iterable[int | None]]] = [
        (Reason.FORWARDED, left.values_list("account", flat=True)),
        (Reason.TARGET, targets.values_list("forward_to", flat=True)),
        (Reason.CUSTODY, custody.values_list("responsible", flat=True)),
        (Reason.STAFF, staff.values_list("pk", flat=True)),
    ]
    return {key: reason for reason, keys in found for key in keys if key is not None}
