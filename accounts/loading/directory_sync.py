"""Bring the accounts here in line with the directory: who is new, who is renamed, who is missing.

A page of entries is one transaction, and a second run finds what the first has done: it may be
broken off at any place. Passwords are the directory's, except those of staff who have one here. A
number in force is the portal's, and is written there; others are read from there, once.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.utils import timezone

from accounts import directory
from accounts.addresses import AddressError, canonical
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.directory import Entry
from accounts.loading.mailboxes import stored_name
from accounts.models import Account, AuditEvent
from otp import codes, phones
from otp.phones import PhoneError

REASON = "directory"  # of all that is put on record here

_COLUMNS = ("full_name", "password", "phone", "phone_confirmed_at")


@dataclass
class Sync:
    """One run; without `apply` it only counts."""

    apply: bool
    phones_confirmed: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def sync_page(self, page: Iterable[Entry]) -> None:
        """Make and change the accounts of one page."""
        entries = dict(filter(None, map(self._read, page)))
        with transaction.atomic():
            rows = Account.objects.filter(address__in=entries).select_for_update().order_by("pk")
            there = {account.address: account for account in rows}
            self._make([entries[address] for address in entries.keys() - there.keys()], entries)
            self._change([(account, entries[account.address]) for account in there.values()])
        # After the transaction: nothing waits for the directory with a row locked.
        for account in there.values():
            self._write_phone(account, entries[account.address])

    def missing(self) -> list[Account]:
        """List who should be in the directory, and was in no page."""
        people = Account.objects.filter(is_active=True, is_staff=False)
        people = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        columns = people.only("pk", "address").order_by("address").iterator(chunk_size=5_000)
        return [account for account in columns if account.address not in self._seen]

    def _read(self, entry: Entry) -> "tuple[str, Entry] | None":
        self.counts["entries"] += 1
        address, fault = _address(entry)
        address = Account.objects.main_address(address) if address else ""
        if not fault and address in self._seen:
            # No password opens an address of two entries: nobody could say whose it is.
            fault = "twice"
        if fault:
            self.skipped.append((entry.dn, fault))
            return None
        self._seen.add(address)
        return address, entry

    def _make(self, new: list[Entry], entries: dict[str, Entry]) -> None:
        by_entry = {entry.dn: address for address, entry in entries.items()}
        accounts = [Account(address=by_entry[entry.dn]) for entry in new]
        for account, entry in zip(accounts, new, strict=True):
            account.set_unusable_password()
            self._differences(account, entry)
        self.counts["made"] += len(accounts)
        if self.apply:
            Account.objects.bulk_create(accounts)
            _record([(account, ["address"]) for account in accounts])

    def _change(self, pairs: list[tuple[Account, Entry]]) -> None:
        changes = [(account, self._differences(account, entry)) for account, entry in pairs]
        changed = [(account, columns) for account, columns in changes if columns]
        self.counts["changed"] += len(changed)
        self.counts["disabled here"] += sum(not account.is_active for account, _ in pairs)
        if self.apply and changed:
            Account.objects.bulk_update([account for account, _ in changed], _COLUMNS)
            _record(changed)

    def _differences(self, account: Account, entry: Entry) -> list[str]:
        """Change the account, in memory, to what its entry says; name the columns."""
        columns = []
        name = stored_name(entry.full_name)
        if name and name != account.full_name:
            account.full_name = name
            columns.append("full_name")
        if account.has_usable_password() and not account.is_staff:
            account.set_unusable_password()
            columns.append("password")
        phone = _phone(entry)
        # A member of staff gets no number from here: it would open a way to the staff's pages.
        if phone and not (account.phone or account.new_phone or account.is_staff):
            account.phone = phone
            account.phone_confirmed_at = timezone.now() if self.phones_confirmed else None
            self.counts["numbers read"] += 1
            columns.append("phone")
        return columns

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


def _address(entry: Entry) -> tuple[str, str]:
    """Give the first address that is the office's, or else what is wrong with the last."""
    fault = "empty"
    for raw in entry.addresses:
        try:
            return canonical(raw), ""
        except AddressError as error:
            fault = error.code
    return "", fault


def _phone(entry: Entry) -> str:
    return next(filter(None, map(_canonical_phone, entry.phones)), "")


def _canonical_phone(raw: str) -> str:
    try:
        return phones.normalise(raw)
    except PhoneError:
        return ""
