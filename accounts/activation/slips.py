"""Slips for newcomers: who may get one, given by IT, tried by whoever has it, taken back."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import directory
from accounts.access import askers
from accounts.audit.preparations import changes_by
from accounts.models import Account, ActivationSlip, AuditEvent, Custody
from otp.codes import slips
from otp.counting import keyed_names

MOST_AT_ONCE = 300  # slips printed by one request


@dataclass(frozen=True)
class PrintedSlip:
    """A slip as it goes onto paper, and nowhere else."""

    account: Account
    slip: ActivationSlip
    signs: str = field(repr=False)

    @property
    def groups(self) -> list[str]:
        """Give the signs four by four, as people copy them."""
        return [self.signs[at : at + 4] for at in range(0, len(self.signs), 4)]


def newcomers() -> QuerySet[Account]:
    """Give the accounts that may get in by a slip: nobody has used or owned them yet.

    They never had a number, nobody ever logged in, and no password is there that somebody may
    have chosen: it takes two people to give anybody else's mailbox a number. An organisation's
    mailbox for which somebody is responsible is theirs, and a hand-over empties it.
    """
    shut = Q(has_default_password=True)
    if not directory.is_in_charge():
        shut |= Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return Account.objects.filter(
        shut,
        ~Exists(Custody.objects.filter(mailbox=OuterRef("pk"))),
        is_active=True,
        locked_at=None,
        is_staff=False,
        phone="",
        phone_changed_at=None,
        last_login=None,
        password_changed_at=None,
    )


def newcomers_for(staff: Account) -> QuerySet[Account]:
    """Keep the newcomers to whom somebody may give slips.

    Who said of a password that it is nobody's own has somebody else give the slip (AD-09).
    """
    marked = changes_by(staff, "has_default_password").filter(account=OuterRef("pk"))
    nobody_s = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    if directory.is_in_charge():
        nobody_s = Q(pk__in=[])
    return newcomers().filter(nobody_s | ~Exists(marked))


def give(people: Iterable[Account], *, by: Account, why: str) -> list[PrintedSlip]:
    """Give a slip to each newcomer among `people`; one that was given before dies.

    The signs are in the answer alone: they are shown once, on the page that is printed.
    """
    now = timezone.now()
    with transaction.atomic():
        keys = [account.pk for account in people]
        locked = newcomers_for(by).select_for_update().filter(pk__in=keys).order_by("pk")
        found = list(locked)
        ActivationSlip.objects.open().filter(account__in=found).update(ended_at=now)
        given = ActivationSlip.objects.bulk_create(
            ActivationSlip(
                account=account,
                pepper_id=keyed_names.current_id(),
                given_at=now,
                good_until=now + slips.SLIP_LIFE,
                given_by=by,
            )
            for account in found
        )
        AuditEvent.record_many(
            AuditEvent.Event.SLIP_GIVEN, [(account, {"why": why}) for account in found], actor=by
        )
    printed = [
        PrintedSlip(account, slip, slips.signs_of(slip.pk, slip.pepper_id))
        for account, slip in zip(found, given, strict=True)
    ]
    return sorted(printed, key=lambda each: each.account.address)


def take_back(slip: ActivationSlip, *, by: Account) -> bool:
    """End a slip that was lost or given to the wrong person; False where it is over already."""
    with transaction.atomic():
        ended = ActivationSlip.objects.open().filter(pk=slip.pk).update(ended_at=timezone.now())
        if ended:
            AuditEvent.record(AuditEvent.Event.SLIP_ENDED, slip.account, actor=by)
    return bool(ended)


@sensitive_variables("typed")
def find(address: str, typed: str) -> ActivationSlip | None:
    """Give the slip of the owner of `address` whose signs were typed, or None.

    Raises `CallerHeld`. The try is charged before it is compared, and given back when it was right.
    An address without a slip costs the same: the same statements, the same derivation.
    """
    slip = _usable(address)
    slip_id = slip.pk if slip else slips.decoy_of(address)
    pepper_id = slip.pepper_id if slip else keyed_names.current_id()
    asker = askers.current(address)
    may_try = slips.charge(slip_id, asker)
    right = slips.is_right(slip_id, pepper_id, typed)
    if may_try and right and slip is not None:
        slips.give_back(slip_id, asker)
        return slip
    if may_try:
        # Not with the account, or the trail would be another for an address that nobody has.
        AuditEvent.record(AuditEvent.Event.SLIP_WRONG, address=address, ok=False)
    return None


def _usable(address: str) -> ActivationSlip | None:
    """Find the slip that opens the account of a main address now."""
    return (
        ActivationSlip.objects.open()
        .filter(account__in=newcomers().filter(address=address), good_until__gt=timezone.now())
        .select_related("account")
        .first()
    )
