"""Bring the accounts here in line with the directory: who is new, who is renamed, who is missing.

A page of entries is one transaction, and a second run finds what the first has done: it may be
broken off at any place. Passwords are the directory's, except those of staff who have one here. A
number in force is the portal's, and is written there; others are read from there, once.

Who is locked or disabled there is locked here: else a new password would open what an administrator
has closed (OpenLDAP lifts its lock by it). It is unlocked here when it is open there again, unless
somebody has locked it here since. A lock after wrong passwords, which passes, is only told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.utils import timezone

from accounts import directory
from accounts.addresses import AddressError, canonical, canonical_or_none
from accounts.credentials.locks import lock, unlock
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.directory import Entry
from accounts.folding import visible
from accounts.loading.directory_entries import read_entry
from accounts.loading.mailbox import Found, LeftOut, Mailbox, MailboxFault, MailList, State
from accounts.loading.mailbox_aliases import Aliases, quarantine_reason
from accounts.loading.mailboxes import stored_name
from accounts.models import Account, Address, AddressQuarantine, AuditEvent
from accounts.organisation.units import Units
from otp import codes, phones
from otp.phones import PhoneError

REASON = "directory"  # of all that is put on record here

AT_MOST = 100  # accounts locked or disabled in one run: a misread sign closes no whole office

_COLUMNS = ("full_name", "password", "phone", "phone_confirmed_at", "unit")
_CLOSED = (State.LOCKED, State.OFF)
_LOCKS = (AuditEvent.Event.LOCKED, AuditEvent.Event.UNLOCKED)


@dataclass(frozen=True)
class _Person:
    """An entry, as it came and as it was understood."""

    entry: Entry
    mailbox: Mailbox


@dataclass
class Sync:
    """One run; without `apply` it only counts."""

    apply: bool
    phones_confirmed: bool = False
    lock_at_most: int = AT_MOST
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    must_change: list[str] = field(default_factory=list)
    aliases: Aliases = field(default_factory=Aliases)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._units = Units()

    def sync_page(self, page: Iterable[Entry]) -> None:
        """Make and change the accounts of one page."""
        people = self._read(page)
        with transaction.atomic():
            rows = Account.objects.filter(address__in=people).select_for_update().order_by("pk")
            there = {account.address: account for account in rows}
            new = self._not_kept([address for address in people if address not in there])
            self._make([(Account(address=address), people[address]) for address in new])
            self._change([(account, people[account.address]) for account in there.values()])
            self._close([(account, people[account.address]) for account in there.values()])
        # After the transaction: nothing waits for the directory with a row locked.
        for account in there.values():
            self._write_phone(account, people[account.address].entry)

    def give_aliases(self) -> list[LeftOut]:
        """Make the other addresses, once all entries are known; give those that cannot be had."""
        left_out = self.aliases.sort_out(self._seen)
        self.counts["aliases"] = len(self.aliases.new)
        if self.apply:
            with transaction.atomic():
                self.aliases.save(reason=REASON)
        return left_out

    def missing(self) -> list[Account]:
        """List who should be in the directory, and was in no page."""
        people = Account.objects.filter(is_active=True, is_staff=False)
        people = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        columns = people.only("pk", "address").order_by("address").iterator(chunk_size=5_000)
        return [account for account in columns if account.address not in self._seen]

    def _read(self, page: Iterable[Entry]) -> dict[str, _Person]:
        """Give who is in a page, by their main addresses; note who is left out and why."""
        mailboxes: list[tuple[str, _Person]] = []
        for entry, found in _entries(page):
            self.counts["entries"] += 1
            if not isinstance(found, Mailbox):
                self.skipped.append((entry.dn, _reason(found)))
                continue
            address, fault = _canonical(found.address)
            if fault:
                self.skipped.append((entry.dn, fault))
            else:
                mailboxes.append((address, _Person(entry, found)))
        here = Address.objects.filter(address__in={address for address, _ in mailboxes})
        owners = dict(here.values_list("address", "account__address"))
        named = ((owners.get(address, address), person) for address, person in mailboxes)
        return {address: person for address, person in named if self._is_first(address, person)}

    def _is_first(self, address: str, person: _Person) -> bool:
        """Note what an entry says; False where another had the address before."""
        if address in self._seen:
            # No password opens an address of two entries: nobody could say whose it is.
            self.skipped.append((person.entry.dn, "twice"))
            return False
        self._seen.add(address)
        self.aliases.add_mailbox(address, person.mailbox)
        self._tell_state(address, person.mailbox)
        return True

    def _not_kept(self, new: list[str]) -> list[str]:
        """Leave out addresses of removed accounts that are kept from being given again."""
        kept = AddressQuarantine.objects.ends(new)
        self.skipped += [(address, quarantine_reason(until)) for address, until in kept.items()]
        return [address for address in new if address not in kept]

    def _tell_state(self, address: str, found: Mailbox) -> None:
        self.counts["locked there"] += found.state in _CLOSED
        self.counts["paused there"] += found.state is State.PAUSED
        if found.must_change:
            self.must_change.append(address)

    def _make(self, new: list[tuple[Account, _Person]]) -> None:
        closed: list[tuple[Account, dict[str, object]]] = []
        for account, person in new:
            account.set_unusable_password()
            self._differences(account, person)
            if person.mailbox.state in _CLOSED:
                account.locked_at = timezone.now()
                closed.append((account, {}))
        self.counts["made"] += len(new)
        self.counts["locked here"] += len(closed)
        if self.apply:
            Account.objects.bulk_create([account for account, _ in new])
            _record([(account, ["address"]) for account, _ in new])
            AuditEvent.record_many(AuditEvent.Event.LOCKED, closed, reason=REASON)

    def _change(self, pairs: list[tuple[Account, _Person]]) -> None:
        changes = [(account, self._differences(account, person)) for account, person in pairs]
        changed = [(account, columns) for account, columns in changes if columns]
        self.counts["changed"] += len(changed)
        self.counts["disabled here"] += sum(not account.is_active for account, _ in pairs)
        if self.apply and changed:
            Account.objects.bulk_update([account for account, _ in changed], _COLUMNS)
            _record(changed)

    def _close(self, pairs: list[tuple[Account, _Person]]) -> None:
        """Lock who is closed there, and unlock whom this has locked before; never the staff."""
        people = [(account, person) for account, person in pairs if not account.is_staff]
        for account, person in people:
            if person.mailbox.state not in _CLOSED or account.is_locked:
                continue
            if self.apply and self.counts["locked by this run"] >= self.lock_at_most:
                self.counts["left open"] += 1
                continue
            self.counts["locked here"] += 1
            self.counts["locked by this run"] += 1
            if self.apply:
                lock(account, actor=None, reason=REASON)
        locked = [
            account
            for account, person in people
            if account.is_locked and person.mailbox.state is State.OPEN
        ]
        for account in _locked_by_this(locked):
            self.counts["unlocked here"] += 1
            if self.apply:
                unlock(account, actor=None, reason=REASON)

    def _differences(self, account: Account, person: _Person) -> list[str]:
        """Change the account, in memory, to what its entry says; name the columns."""
        columns = []
        name = stored_name(person.mailbox.full_name)
        if name and name != account.full_name:
            account.full_name = name
            columns.append("full_name")
        if account.has_usable_password() and not account.is_staff:
            account.set_unusable_password()
            columns.append("password")
        if self._set_unit(account, person.mailbox.unit):
            columns.append("unit")
        phone = _phone(person.entry)
        # A member of staff gets no number from here: it would open a way to the staff's pages.
        if phone and not (account.phone or account.new_phone or account.is_staff):
            account.phone = phone
            account.phone_confirmed_at = timezone.now() if self.phones_confirmed else None
            self.counts["numbers read"] += 1
            columns += ["phone", "phone_confirmed_at"] if self.phones_confirmed else ["phone"]
        return columns

    def _set_unit(self, account: Account, path: str) -> bool:
        """Put who is in no unit into the entry's, where there is one of that name here."""
        if account.unit_id or not path:
            return False
        try:
            account.unit = self._units.find(visible(path))
        except ValueError:
            self.counts["names of units that are not here"] += 1
            return False
        return True

    def _write_phone(self, account: Account, entry: Entry) -> None:
        if not (directory.keeps_phones() and account.phone_is_confirmed):
            return
        if account.is_staff and account.has_usable_password():
            return
        if account.phone in map(_canonical_phone, entry.phones):
            return
        if not self.apply or directory.keep_phone(account.address, account.phone):
            self.counts["numbers written"] += 1


def disable(people: Iterable[Account]) -> None:
    """Disable those who are missing: at once, and on record."""
    for person in people:
        with transaction.atomic():
            account = Account.objects.select_for_update().get(pk=person.pk)
            account.is_active = False
            account.save(update_fields=["is_active"])
            account.end_sessions()
            end_mail_sessions(account)
            codes.revoke(account.address)
            _record([(account, ["is_active"])])


def _record(changes: list[tuple[Account, list[str]]]) -> None:
    happened = [(account, {"fields": columns}) for account, columns in changes]
    AuditEvent.record_many(AuditEvent.Event.ACCOUNT_EDITED, happened, reason=REASON)


def _canonical(raw: str) -> tuple[str, str]:
    """Give the stored spelling, or else what is wrong with it."""
    try:
        return canonical(raw), ""
    except AddressError as error:
        return "", error.code


def _entries(page: Iterable[Entry]) -> Iterator[tuple[Entry, Found | None]]:
    """Read each entry; of several addresses its own is the one that is an account's already."""
    read = [(entry, read_entry(entry.dn, entry.dn, entry.values)) for entry in page]
    unsure = [entry for entry, found in read if isinstance(found, Mailbox) and found.is_guess]
    known = {entry.dn: {*filter(None, map(canonical_or_none, _mail(entry)))} for entry in unsure}
    people = Account.objects.filter(address__in=set().union(*known.values()))
    there = set(people.values_list("address", flat=True))
    for entry, found in read:
        here = known.get(entry.dn, set()) & there
        if len(here) == 1:
            yield entry, read_entry(entry.dn, entry.dn, entry.values, main=here.pop())
        else:
            yield entry, found


def _mail(entry: Entry) -> tuple[str, ...]:
    return entry.values.get("mail", ())


def _reason(found: "MailList | LeftOut | MailboxFault | object | None") -> str:
    if isinstance(found, MailList):
        return "a list"
    if isinstance(found, (LeftOut, MailboxFault)):
        return found.reason
    return "empty"


def _locked_by_this(accounts: list[Account]) -> list[Account]:
    """Keep those whose lock is the directory's: nobody here has locked or unlocked them since."""
    events = AuditEvent.objects.filter(account__in=accounts, event__in=_LOCKS)
    last = events.order_by("account", "-pk").distinct("account")
    by_this = {event.account_id for event in last if event.reason == REASON}
    return [account for account in accounts if account.pk in by_this]


def _phone(entry: Entry) -> str:
    return next(filter(None, map(_canonical_phone, entry.phones)), "")


def _canonical_phone(raw: str) -> str:
    try:
        return phones.normalise(raw)
    except PhoneError:
        return ""
