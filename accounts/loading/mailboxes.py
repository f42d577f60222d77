"""Take over the mailboxes of another mail system with their hashes: all of a file, or nothing."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.addresses import AddressError, canonical
from accounts.credentials import foreign_hashes
from accounts.loading.mailbox_files import Mailbox, MailboxFault
from accounts.models import Account, Address, AuditEvent
from accounts.models.account import LONGEST_NAME
from otp import phones
from otp.phones import PhoneError

REASON = "moved-in"  # of all that is put on record here

_BATCH = 1_000  # rows in one statement
_ADDRESS_FAULTS = {
    "empty": "has no address",
    "unreadable": "has an address that cannot be read",
    "elsewhere": "has an address outside the domains of the profile",
}


@dataclass
class MovingIn:
    """What a file would change; `apply` changes it."""

    faults: list[MailboxFault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    schemes: Counter[str] = field(default_factory=Counter)
    _found: dict[str, Account] = field(default_factory=dict)

    @sensitive_variables()
    def read(self, rows: Iterable[Mailbox | MailboxFault]) -> None:
        for row in rows:
            if isinstance(row, MailboxFault):
                self.faults.append(row)
                continue
            self.counts["mailboxes"] += 1
            try:
                account = self._account(row)
            except ValueError as error:
                self.faults.append(MailboxFault(row.place, str(error)))
            else:
                self._found[account.address] = account

    def compare(self) -> None:
        """Count what would be new, what would get its hash, and what stays as it is."""
        for alias in Address.objects.filter(is_main=False, address__in=self._found):
            self.faults.append(
                MailboxFault(alias.address, "is an alias of an account that is here")
            )
        there = Account.objects.filter(address__in=self._found)
        waiting = sum(_waits_for(self._found[account.address], account) for account in there)
        self.counts["new"] = len(self._found) - len(there)
        self.counts["given their hash"] = waiting
        self.counts["left as they are"] = len(there) - waiting

    def apply(self) -> None:
        """Make the accounts and give the hashes, in one transaction."""
        assert not self.faults
        with transaction.atomic():
            rows = Account.objects.filter(address__in=self._found).select_for_update()
            there = {account.address: account for account in rows.order_by("pk")}
            new = [each for address, each in self._found.items() if address not in there]
            Account.objects.bulk_create(new, batch_size=_BATCH)
            known = [each for each in there.values() if self._give_hash(each)]
            Account.objects.bulk_update(known, ["password"], batch_size=_BATCH)
            _record(new, "address")
            _record(known, "password")

    def _give_hash(self, account: Account) -> bool:
        found = self._found[account.address]
        if not _waits_for(found, account):
            return False
        account.password = found.password
        return True

    @sensitive_variables()
    def _account(self, row: Mailbox) -> Account:
        """Make an account of a row, in memory; ValueError says what is wrong with it."""
        try:
            address = canonical(row.address)
        except AddressError as error:
            raise ValueError(_ADDRESS_FAULTS[error.code]) from None
        if address in self._found:
            raise ValueError("has an address that an earlier line has too")
        account = Account(
            address=address, is_active=row.is_active, full_name=stored_name(row.full_name)
        )
        if row.password:
            account.password = to_stored(row.password)
        else:
            account.set_unusable_password()
        account.phone = self._phone(row.phone)
        self._count(account)
        return account

    def _phone(self, raw: str) -> str:
        """Read a number: it counts once its owner has confirmed it. Landlines are no fault."""
        if not raw:
            return ""
        try:
            phone = phones.normalise(raw)
        except PhoneError:
            self.counts["numbers that are no mobiles"] += 1
            return ""
        self.counts["numbers"] += 1
        return phone

    def _count(self, account: Account) -> None:
        self.counts["switched off"] += not account.is_active
        if not account.has_usable_password():
            self.counts["without a password"] += 1
            return
        scheme = re.match(r"imported\$\{([A-Z0-9-]+)\}", account.password)
        self.schemes[scheme[1] if scheme else "ARGON2ID"] += 1


@sensitive_variables()
def to_stored(text: str) -> str:
    """Give another system's hash as it is stored here; ValueError says what is wrong with it."""
    # OpenLDAP's {ARGON2} is of either kind, and is followed by what came after it in memory.
    text = re.sub(r"^\{ARGON2\}(?=\$argon2id?\$)", "", text.partition("\0")[0], flags=re.IGNORECASE)
    try:
        return foreign_hashes.to_stored(text)
    except ValueError as error:
        raise ValueError(f"has a hash that cannot be taken over: {error}") from None


def _waits_for(found: Account, there: Account) -> bool:
    """Whether an account that is here already has no password yet, and the file has one.

    Staff get none: an old mailbox's password must not open the way to their second factor.
    """
    if there.is_staff or there.is_superuser:
        return False
    return found.has_usable_password() and not there.has_usable_password()


def stored_name(raw: str) -> str:
    """Give a name as it is stored: composed, in single spaces, no longer than the column."""
    text = unicodedata.normalize("NFC", " ".join(raw.split()))
    return text.replace("\0", "")[:LONGEST_NAME]


def _record(accounts: list[Account], column: str) -> None:
    happened = [(account, {"fields": [column]}) for account in accounts]
    AuditEvent.record_many(AuditEvent.Event.ACCOUNT_EDITED, happened, reason=REASON)
