"""Rename a whole domain: accounts move, old addresses stay as aliases, counts go along."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import CharField, F, Func, Value
from django.db.models.functions import Concat

from accounts.access.login import FAILURES
from accounts.credentials.mail_sessions import end_mail_sessions_of_domain
from accounts.models import Account, Address, AddressQuarantine, AuditEvent
from accounts.organisation import domains
from otp import codes
from otp.counting import limits


class Taken(Exception):
    """Addresses in the new domain that nobody who moves may have.

    They belong to another account, or did, and are kept from being given again.
    """

    def __init__(self, addresses: list[str]) -> None:
        super().__init__(addresses)
        self.addresses = addresses


@dataclass(frozen=True)
class Renaming:
    """What moves: each account's address, and each alias in the old domain."""

    mains: dict[str, str]
    aliases: dict[str, str]
    owners: dict[str, int]  # of the old addresses

    @property
    def all(self) -> dict[str, str]:
        return self.mains | self.aliases


def plan(old: str, new: str) -> Renaming:
    """Say what would move, or raise `Taken`."""
    known = list(Address.objects.filter(address__endswith=f"@{old}").order_by("account_id"))
    moves = {each: f"{each.address.partition('@')[0]}@{new}" for each in known}
    holders = dict(
        Address.objects.filter(address__in=moves.values()).values_list("address", "account_id")
    )
    taken = [
        to for each, to in moves.items() if holders.get(to, each.account_id) != each.account_id
    ]
    taken += AddressQuarantine.objects.ends([to for to in moves.values() if to not in holders])
    taken += _led_to_somebody_else(old, new)
    if taken:
        raise Taken(sorted(taken))
    return Renaming(
        mains={each.address: to for each, to in moves.items() if each.is_main},
        aliases={each.address: to for each, to in moves.items() if not each.is_main},
        owners={each.address: each.account_id for each in known},
    )


def _led_to_somebody_else(old: str, new: str) -> Iterable[str]:
    """Give those in the new domain to whom the mail of a removed account would come."""
    there = Address.objects.filter(address__endswith=f"@{new}").values_list("address", flat=True)
    names = {f"{each.partition('@')[0]}@{old}": each for each in there}
    return [names[each] for each in AddressQuarantine.objects.ends(list(names))]


def rename(old: str, new: str) -> Renaming:
    """Do it, all or nothing, or raise `Taken`.

    Mail to the old addresses still arrives, and whoever types one is the same person with the same
    count of codes and of wrong passwords: what was used up today stays used up (QU-04). For names
    that nobody has, the profile's `domain_aliases` must say so as well (EN-02).
    """
    with transaction.atomic():
        _hold_accounts(old)
        renaming = plan(old, new)
        moving = Account.objects.filter(pk__in=[renaming.owners[main] for main in renaming.mains])
        local = Func(
            F("address"), Value("@"), Value(1), function="split_part", output_field=CharField()
        )
        moving.update(address=Concat(local, Value(f"@{new}")))
        _add_aliases(renaming)
        _put_on_record(renaming)
        limits.move(FAILURES, renaming.mains)
        codes.move(renaming.mains)
        end_mail_sessions_of_domain(old)
        AddressQuarantine.objects.extend_to_domain(new, old=old)
        # In the same moment: Postfix must not meet an address in a domain that it does not know.
        domains.copy_domains()
    return renaming


def _hold_accounts(domain: str) -> None:
    owners = Address.objects.filter(address__endswith=f"@{domain}").values("account_id")
    list(Account.objects.select_for_update().filter(pk__in=owners).order_by("pk").values("pk"))


def _add_aliases(renaming: Renaming) -> None:
    """Keep the old main addresses, and let the aliases go by both names."""
    wanted = {before: renaming.owners[before] for before in renaming.mains}
    wanted |= {after: renaming.owners[before] for before, after in renaming.aliases.items()}
    there = set(_existing(wanted))
    Address.objects.bulk_create(
        Address(address=address, account_id=owner)
        for address, owner in wanted.items()
        if address not in there
    )


def _put_on_record(renaming: Renaming) -> None:
    AuditEvent.record_many(
        AuditEvent.Event.ADDRESS_RENAMED,
        (
            (
                Account(pk=renaming.owners[before], address=after),
                {"before": before, "after": after},
            )
            for before, after in renaming.mains.items()
        ),
    )


def _existing(addresses: Iterable[str]) -> Iterable[str]:
    return Address.objects.filter(address__in=addresses).values_list("address", flat=True)
