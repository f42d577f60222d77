"""Take over the mailboxes of another mail system with their hashes: all of a file, or nothing.

Who was switched off or locked there is so here. Who is here already gets nothing but the hash and
the other addresses that are missing, and no hash where the mailbox is closed in the file.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.addresses import AddressError, canonical, canonical_or_none
from accounts.credentials import foreign_hashes
from accounts.folding import visible
from accounts.loading.mailbox import Found, LeftOut, Mailbox, MailboxFault, Notice, State
from accounts.loading.mailbox_aliases import Aliases, quarantine_reason
from accounts.models import Account, Address, AddressQuarantine, AuditEvent
from accounts.models.account import LONGEST_NAME
from accounts.organisation.units import Units
from otp import phones
from otp.phones import PhoneError

REASON = "moved-in"  # of all that is put on record here

_BATCH = 1_000  # rows in one statement
_ADDRESS_FAULTS = {
    "empty": "has no address",
    "unreadable": "has an address that cannot be read",
    "elsewhere": "has an address outside the domains of the profile",
}
_HIDDEN = "VALUE-BLOCKED"  # what zmprov writes for a hash, without -l


class BadHash(ValueError):
    """A hash that cannot be taken over; the text says why."""


@dataclass
class MovingIn:
    """What a file would change; `apply` changes it."""

    add_units: bool = False
    without_bad_hashes: bool = False
    faults: list[MailboxFault] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    schemes: Counter[str] = field(default_factory=Counter)
    unknown_units: Counter[str] = field(default_factory=Counter)
    aliases: Aliases = field(default_factory=Aliases)
    rows: int = 0  # of whatever kind
    _found: dict[str, Account] = field(default_factory=dict)
    _read: dict[str, Mailbox] = field(default_factory=dict)  # by address, also what was refused

    def __post_init__(self) -> None:
        self._units = Units(may_add=self.add_units)

    @sensitive_variables()
    def read(self, rows: Iterable[Found]) -> None:
        for self.rows, row in enumerate(rows, 1):
            if isinstance(row, MailboxFault):
                self._refuse(row.place, row.reason, row.address)
            elif isinstance(row, LeftOut):
                self.left_out.append(row)
            elif isinstance(row, Mailbox):
                self._take(row)
            elif isinstance(row, Notice):
                self.notices.append(row.text)
            else:
                self.aliases.add(row)

    def compare(self) -> None:
        """Count what would be new, what would get its hash, and what stays as it is."""
        for alias in Address.objects.filter(is_main=False, address__in=self._found):
            self._refuse(alias.address, "is an alias of an account that is here", alias.address)
            del self._found[alias.address]
        for address, until in AddressQuarantine.objects.ends(list(self._found)).items():
            self._refuse(self._read[address].place, quarantine_reason(until), address)
            del self._found[address]
        for address, account in self._found.items():
            self._count(account, self._read[address])
        there = Account.objects.filter(address__in=self._found)
        waiting = sum(_waits_for(self._found[account.address], account) for account in there)
        self.counts["new"] = len(self._found) - len(there)
        self.counts["given their hash"] = waiting
        self.counts["left as they are"] = len(there) - waiting
        for account in there:
            if account.may_log_in and not self._found[account.address].may_log_in:
                self.counts["closed in the file, open here"] += 1
                self.notices.append(f"closed in the file, open here: {account.address}")
        self.left_out += self.aliases.sort_out(self._found)
        self.counts["aliases"] = len(self.aliases.new)
        self.counts["lists"] = len(self.aliases.lists)
        self.counts["forwardings"] = len(self.aliases.forwardings)

    def apply(self) -> None:
        """Make the accounts, give the hashes and the aliases, in one transaction."""
        with transaction.atomic():
            rows = Account.objects.filter(address__in=self._found).select_for_update()
            there = {account.address: account for account in rows.order_by("pk")}
            new = [each for address, each in self._found.items() if address not in there]
            self._units.save_added()
            for account in new:
                account.unit = account.unit  # takes up the key that it has got meanwhile
            Account.objects.bulk_create(new, batch_size=_BATCH)
            known = [each for each in there.values() if self._give_hash(each)]
            Account.objects.bulk_update(known, ["password"], batch_size=_BATCH)
            _record(new, "address")
            _record(known, "password")
            self.aliases.save(reason=REASON)

    def _give_hash(self, account: Account) -> bool:
        found = self._found[account.address]
        if not _waits_for(found, account):
            return False
        account.password = found.password
        return True

    @sensitive_variables()
    def _take(self, row: Mailbox) -> None:
        self.counts["mailboxes"] += 1
        try:
            self._refuse_twice(row)
            account = self._account(row)
        except ValueError as error:
            self._refuse(row.place, str(error), row.address, hashed=isinstance(error, BadHash))
        else:
            self._found[account.address] = account

    def _refuse_twice(self, row: Mailbox) -> None:
        """Take nobody of whom a file says two things: the one that is closed may be the true one.

        Raises ValueError for the second line.
        """
        address = canonical_or_none(row.address)
        first = self._read.setdefault(address, row) if address else row
        if first is row:
            return
        is_alike = (first.passwords, first.state) == (row.passwords, row.state)
        if not is_alike and address in self._found:
            del self._found[address]
            reason = "stands twice in the file, and not alike: neither is taken"
            self._refuse(first.place, reason, first.address)
        raise ValueError("has an address that an earlier line has too")

    def _refuse(self, place: str, reason: str, raw: str, *, hashed: bool = False) -> None:
        # Without an @ it may be anything: a password in the wrong place, too.
        address = canonical_or_none(raw) if "@" in raw else ""
        self.faults.append(MailboxFault(place, reason, address, hashed))

    @sensitive_variables()
    def _account(self, row: Mailbox) -> Account:
        """Make an account of a row, in memory; ValueError says what is wrong with it."""
        try:
            address = canonical(row.address)
        except AddressError as error:
            raise ValueError(_ADDRESS_FAULTS[error.code]) from None
        if "\ufffd" in row.full_name + row.unit:
            raise ValueError("has a name whose letters are lost: save the file in UTF-8")
        account = Account(
            address=address,
            full_name=stored_name(row.full_name),
            is_active=row.state is not State.OFF,
            locked_at=timezone.now() if row.state in (State.PAUSED, State.LOCKED) else None,
            has_default_password=row.must_change,
        )
        self._set_password(account, row)
        account.phone = self._phone(row.phones)
        self._set_unit(account, row.unit)
        return account

    @sensitive_variables()
    def _set_password(self, account: Account, row: Mailbox) -> None:
        """Keep the first hash that can be taken over, where there are several."""
        reasons = []
        for text in row.passwords:
            try:
                account.password = to_stored(text)
            except ValueError as error:
                reasons.append(str(error))
            else:
                return
        account.set_unusable_password()
        if not reasons:
            return
        if not self.without_bad_hashes:
            raise BadHash(reasons[0])
        self.counts["hashes that cannot be taken over"] += 1
        self.notices.append(f"without a password: {account.address} {reasons[0]}")

    def _phone(self, several: Iterable[str]) -> str:
        """Read the first mobile number: it counts once its owner has confirmed it.

        Landlines are no fault.
        """
        for raw in filter(None, several):
            try:
                phone = phones.normalise(raw)
            except PhoneError:
                self.counts["numbers that are no mobiles"] += 1
            else:
                return phone
        return ""

    def _set_unit(self, account: Account, path: str) -> None:
        if not path:
            return
        try:
            account.unit = self._units.find(visible(path))
        except ValueError:
            self.unknown_units[visible(path)] += 1

    def _count(self, account: Account, row: Mailbox) -> None:
        if row.is_guess:
            self.notices.append(f"nothing says which address is its own: {account.address}")
        self.aliases.add_mailbox(account.address, row)
        self.counts["numbers"] += bool(account.phone)
        state = State.LOCKED if row.state is State.PAUSED else row.state
        self.counts[state.value] += 1
        self.counts["must change their password"] += row.must_change
        if not account.has_usable_password():
            self.counts["without a password"] += 1
            return
        scheme = re.match(r"imported\$\{?([A-Za-z0-9-]+)", account.password)
        self.schemes[scheme[1].upper() if scheme else "ARGON2ID"] += 1
        # Without braces: Dovecot cannot check it (accounts.credentials.pbkdf2).
        self.counts["get in by mail programs only after a log-in here"] += (
            account.password.startswith("imported$pbkdf2")
        )


@sensitive_variables()
def to_stored(text: str) -> str:
    """Give another system's hash as it is stored here; ValueError says what is wrong with it."""
    if text == _HIDDEN:
        raise ValueError("has its hash hidden by zmprov: export with zmprov -l, or ldapsearch")
    # OpenLDAP's {ARGON2} is of either kind, and is followed by what came after it in memory.
    text = re.sub(r"^\{ARGON2\}(?=\$argon2id?\$)", "", text.partition("\0")[0], flags=re.IGNORECASE)
    try:
        return foreign_hashes.to_stored(text)
    except ValueError as error:
        raise ValueError(f"has a hash that cannot be taken over: {error}") from None


def _waits_for(found: Account, there: Account) -> bool:
    """Whether an account that is here already has no password yet, and the file has one.

    Staff get none: an old mailbox's password must not open the way to their second factor. Nor
    does who was switched off or locked there.
    """
    if there.is_staff or there.is_superuser or not found.may_log_in:
        return False
    return found.has_usable_password() and not there.has_usable_password()


def stored_name(raw: str) -> str:
    """Give a name as it is stored: composed, in single spaces, no longer than the column."""
    return visible(unicodedata.normalize("NFC", raw))[:LONGEST_NAME]


def _record(accounts: list[Account], column: str) -> None:
    happened = [(account, {"fields": [column]}) for account in accounts]
    AuditEvent.record_many(AuditEvent.Event.ACCOUNT_EDITED, happened, reason=REASON)
