"""Sort what leads to mailboxes: aliases of one, lists of several, forwardings to somewhere else.

Aliases are taken over. Lists and forwardings are not the portal's: they are written to a file in
Postfix's own form (virtual(5)), for whoever makes them.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.addresses import canonical_or_none
from accounts.loading.mailbox import LeftOut, Mailbox, MailList, Redirection
from accounts.models import Account, Address, AddressQuarantine, AuditEvent
from accounts.organisation.aliases import is_reserved

_BATCH = 1_000  # rows in one statement
_MOST_STEPS = 5  # from an alias to an alias …
# Of what may stand in a table of Postfix's as it is: no command, no file, no DN.
_PLAIN = re.compile(r"[^\s@|:/\\\"'<>(),;=#]+@[a-z0-9.-]+")


def quarantine_reason(until: dt.datetime) -> str:
    return f"was a removed account's, and is nobody's before {timezone.localdate(until):%Y-%m-%d}"


@dataclass
class Aliases:
    """Addresses of a file that are no mailboxes; `sort_out` decides what becomes of each."""

    new: dict[str, str] = field(default_factory=dict)  # an alias, and whose
    lists: dict[str, MailList] = field(default_factory=dict)  # with addresses for members
    forwardings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unresolved: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _targets: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _places: dict[str, str] = field(default_factory=dict)
    _own: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _known_as: dict[str, str] = field(default_factory=dict)

    def add(self, found: MailList | Redirection) -> None:
        address = _read(found.address)
        if isinstance(found, Redirection):
            self._places.setdefault(address, found.place)
            self._targets[address] += map(_read, found.targets)
        elif address:
            known = self.lists.get(address)
            members = (*known.members, *found.members) if known else found.members
            self.lists[address] = MailList(found.place, address, found.name, members)

    def add_mailbox(self, address: str, row: Mailbox) -> None:
        for name in row.known_as:
            self._known_as.setdefault(name.lower(), address)
        for raw in row.aliases:
            self._own[_read(raw)].append(address)
            self._places.setdefault(_read(raw), row.place)
        for raw in row.forwards:
            if _read(raw) != address:
                self.forwardings[address].append(_read(raw))
        for group in row.groups:
            self._targets[_read(group)].append(address)

    def sort_out(self, mailboxes: Collection[str]) -> list[LeftOut]:
        """Decide about each address; give those that become nothing here, with the reason."""
        owners = dict(Address.objects.values_list("address", "account__address"))
        people = {**owners, **{address: address for address in mailboxes}}
        left_out = [LeftOut(each.place, address, "a list") for address, each in self.lists.items()]
        for address, listed in self.lists.items():
            members = (*listed.members, *self._targets.pop(address, ()))
            self.lists[address] = self._resolved(listed, members)
        for address, targets in self._targets.items():
            left_out += self._redirect(address, list(dict.fromkeys(targets)), mailboxes, people)
        for alias, whose in self._own.items():
            left_out += self._give(alias, whose, mailboxes, owners)
        for alias, until in AddressQuarantine.objects.ends(list(self.new)).items():
            del self.new[alias]
            left_out.append(LeftOut(self._places.get(alias, ""), alias, quarantine_reason(until)))
        return left_out

    def save(self, *, reason: str) -> None:
        """Write the aliases, in the caller's transaction, and put them on record."""
        accounts = Account.objects.in_bulk(set(self.new.values()), field_name="address")
        added = defaultdict[str, list[str]](list)
        for alias, owner in self.new.items():
            added[owner].append(alias)
        Address.objects.bulk_create(
            (Address(address=alias, account=accounts[whose]) for alias, whose in self.new.items()),
            batch_size=_BATCH,
        )
        happened = [
            (accounts[owner], {"added": came, "removed": []}) for owner, came in added.items()
        ]
        AuditEvent.record_many(AuditEvent.Event.ALIASES_CHANGED, happened, reason=reason)

    def as_postfix_reads(self) -> str:
        """Write lists and forwardings as a table of Postfix's; what is in doubt as a comment."""
        lines = []
        for address, listed in sorted(self.lists.items()):
            lines.append(f"# {_one_line(listed.name) or address} ({listed.place})")
            lines += [f"# not found: {_one_line(name)}" for name in self.unresolved[address]]
            members = " ".join(listed.members)
            is_whole = members and _PLAIN.fullmatch(address)
            lines.append(f"{address} {members}" if is_whole else f"# {address}: nobody")
        for address, targets in sorted(self.forwardings.items()):
            # Nobody's mail is to go elsewhere because a table was copied.
            lines.append(_one_line(f"# forwarding: {address} {' '.join(dict.fromkeys(targets))}"))
        return "".join(f"{line}\n" for line in lines)

    def _redirect(
        self,
        address: str,
        targets: list[str],
        mailboxes: Collection[str],
        people: Mapping[str, str],
    ) -> Iterator[LeftOut]:
        place = self._places.get(address, "")
        others = [target for target in targets if target != address]
        if not others:
            return
        if address in mailboxes:
            self.forwardings[address] += others
        elif address.startswith("@") or not address:
            yield LeftOut(place, address, "an address for a whole domain")
        elif len(others) > 1 or (others[0] not in people and self._is_list(others[0])):
            self.lists[address] = self._resolved(MailList(place, address), tuple(others))
            yield LeftOut(place, address, "a list")
        elif owner := self._owner(others[0], people):
            self._own[address].append(owner)
        else:
            self.forwardings[address] += others
            yield LeftOut(place, address, "leads to no mailbox that is known here")

    def _is_list(self, address: str) -> bool:
        return address in self.lists or len(self._targets.get(address, ())) > 1

    def _owner(self, target: str, people: Mapping[str, str]) -> str:
        """Follow an alias to the mailbox at its end; "" where there is none."""
        for _ in range(_MOST_STEPS):
            if target in people:
                return people[target]
            further = self._targets.get(target, self._own.get(target, []))
            if len(further) != 1:
                return ""
            target = further[0]
        return ""

    def _give(
        self,
        alias: str,
        whose: list[str],
        mailboxes: Collection[str],
        owners: Mapping[str, str],
    ) -> Iterator[LeftOut]:
        place, people = self._places.get(alias, ""), set(whose)
        owner = min(people)
        if alias in people or owners.get(alias) == owner:
            return
        reasons = {
            "an alias outside the domains of the profile": not canonical_or_none(alias),
            "an alias that is a mailbox of its own": alias in mailboxes,
            "an alias of several mailboxes": len(people) > 1,
            "leads to no mailbox that is known here": (
                owner not in mailboxes and owners.get(owner) != owner
            ),
            "an alias that is somebody else's address here": alias in owners,
            "an alias that speaks for the domain: make an account of its own": is_reserved(alias),
        }
        reason = next((reason for reason, holds in reasons.items() if holds), "")
        if reason:
            yield LeftOut(place, alias, reason)
        else:
            self.new[alias] = owner

    def _resolved(self, listed: MailList, members: tuple[str, ...]) -> MailList:
        addresses = []
        for member in members:
            address = self._known_as.get(member.lower(), _read(member))
            if _PLAIN.fullmatch(address):
                addresses.append(address)
            else:
                self.unresolved[listed.address].append(member)
        kept = tuple(dict.fromkeys(addresses))
        return MailList(listed.place, listed.address, listed.name, kept)


def _read(raw: str) -> str:
    """Give the stored spelling of an address of the office, and others as they are."""
    raw = "".join(raw.split())  # a line break in it would be a line of the table
    return (canonical_or_none(raw) if raw.partition("@")[0] else "") or raw.lower()


def _one_line(text: str) -> str:
    return " ".join(text.split())
