"""Loads a table of accounts: tried out row by row, then taken in whole or not at all.

A row makes an account, or brings name, kind and unit of one up to date; an empty cell leaves things
as they are. Passwords, marks, locks and numbers that an account already has are never touched, nor
are accounts of staff. A number counts once its owner has confirmed it, or where IT vouches for it.
One bad row, and nothing is written.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.addresses import canonical_or_none
from accounts.loading import headings, held_rows, vouched_numbers
from accounts.loading.columns import CHANGEABLE, COLUMNS, KEY, PREVIEWED, AccountRow
from accounts.loading.headings import FAMILY_NAME
from accounts.loading.held_rows import Overtaken
from accounts.models.account import Account
from accounts.models.address import Address, AddressQuarantine, quarantine_sentence
from accounts.models.audit_event import AuditEvent, Ground
from accounts.organisation.units import Units, nearest_saved
from accounts.spreadsheets import reading
from accounts.spreadsheets.reading import Sheet, SheetRow
from accounts.spreadsheets.sheet import MOST_ROWS, letter_of

BATCH = 1000  # rows in one statement
SHOWN = 20  # rows of the preview
_LAST = 2 * MOST_ROWS  # number of a row up to which a file is given back with its empty lines


@dataclass(frozen=True)
class TableFault:
    row: int  # as a spreadsheet numbers it; 0: of the whole file
    address: str
    reason: str  # with the cell and what was typed there, where it is of one cell


@dataclass
class LoadOutcome:
    """What a table does, or did. With a fault in it, nothing was taken."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    phones_kept: int = 0
    phones_vouched: int = 0  # that count at once, by IT's word
    without_way_in: int = 0  # neither a password nor a number that counts
    units: list[str] = field(default_factory=list)
    faults: list[TableFault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # how the table was read
    hidden_rows: int = 0
    asks_for_rows: bool = False  # whether somebody has to say what becomes of hidden rows
    asks_for_sheet: str = ""  # a hidden sheet that somebody has to want
    other_sheets: list[str] = field(default_factory=list)
    sample: list[list[str]] = field(default_factory=list)
    mark: str = ""  # of every row and what it does: another one where that is not the same
    has_moved: bool = False  # whether it does something else by now than was shown

    @property
    def asks(self) -> bool:
        """Whether a question is open, without whose answer nothing is taken."""
        return self.asks_for_rows or bool(self.asks_for_sheet) or self.has_moved


Scope = Callable[[Account], bool]
Progress = Callable[[int], None]


def read(content: bytes, *, sheet: str = "") -> Sheet:
    """Find the table of accounts in a file; `sheet` names one of a workbook.

    Raises `Unreadable`.
    """
    return reading.read(content, headings.are_headings, sheet=sheet)


def run(
    table: Sheet,
    *,
    apply: bool,
    actor: Account | None = None,
    scope: Scope = lambda account: True,
    add_units: bool = False,
    hidden_rows: bool | None = None,
    hidden_sheet: bool = False,
    vouched: Ground | None = None,
    shown: str = "",
    progress: Progress = lambda count: None,
) -> LoadOutcome:
    """Try a table out, or take it in: all of it in one transaction, or nothing.

    `scope` says which accounts the actor may look after, `hidden_rows` whether they are taken:
    where nobody has said so, or that a `hidden_sheet` is meant, nothing is. With the ground why IT
    has `vouched` for the numbers, they count at once. `shown` is the mark of what was confirmed:
    nothing else is done. Raises `Unreadable` where the columns are not ours.
    """
    names = headings.read(table.header)
    filled = [row for row in table.rows if row.fault or _says_something(names, row)]
    rows = [row for row in filled if hidden_rows or not row.hidden]
    draft = _Draft(names, rows, scope=scope, add_units=add_units, vouched=vouched)
    for count, line in enumerate(rows, 1):
        draft.add(line)
        progress(count)
    outcome = draft.outcome()
    outcome.hidden_rows = sum(row.hidden for row in filled)
    outcome.other_sheets = list(table.others)
    outcome.notices = _notices(table, names, empty=len(table.rows) - len(filled))
    outcome.asks_for_rows = bool(outcome.hidden_rows) and hidden_rows is None
    outcome.asks_for_sheet = table.name if table.is_hidden and not hidden_sheet else ""
    outcome.has_moved = bool(shown) and outcome.mark != shown
    if not apply or outcome.faults or outcome.asks:
        return outcome
    try:
        draft.write(actor)
    except (IntegrityError, Overtaken):
        return LoadOutcome(
            faults=[TableFault(0, "", _("Dữ liệu vừa thay đổi trong khi nhập: hãy thử lại."))]
        )
    return outcome


def with_reasons(table: Sheet, faults: list[TableFault]) -> list[list[str]]:
    """Give the lines of a table under their numbers, with what is wrong with each at its end."""
    reasons: dict[int, list[str]] = defaultdict(list)
    for fault in faults:
        reasons[fault.row].append(fault.reason)
    width = len(table.header)
    lines = {table.heading: [*table.header, _("Lỗi")]}
    for row in table.rows:
        cells = [*row.cells, *[""] * (width - len(row.cells))]
        lines[row.number] = [*cells, " ".join(reasons[row.number])]
    last = max(lines)
    return [lines.get(number, []) for number in (range(1, last + 1) if last <= _LAST else lines)]


def _notices(table: Sheet, names: list[str], *, empty: int) -> list[str]:
    """Say how the table was read, and what of it was not."""
    notices = list(table.notices)
    if out := headings.left_out(table.header, names, [row.cells for row in table.rows]):
        notices += [_("Không nhập các cột: %(columns)s.") % {"columns": ", ".join(out)}]
    if empty:
        words = {"count": empty}
        notices += [_("Bỏ qua %(count)s dòng trống ở mọi cột được nhập.") % words]
    return notices


def _says_something(names: list[str], row: SheetRow) -> bool:
    """Whether anything stands in a column of ours: a number of the row alone is no account."""
    return any(cell for name, cell in zip(names, row.cells, strict=False) if name)


class _Draft:
    """The accounts that the rows make and change, in memory; `write` writes them."""

    def __init__(
        self,
        names: list[str],
        rows: list[SheetRow],
        *,
        scope: Scope,
        add_units: bool,
        vouched: Ground | None,
    ) -> None:
        self.units = Units(may_add=add_units)
        self._names, self._scope, self._ground = names, scope, vouched
        self._lines = lines = _lines_of_addresses(names, rows)
        self._there = _accounts_at(list(lines), self.units)
        self._aliases = _aliases_among(list(lines))
        self._kept = AddressQuarantine.objects.ends(
            [each for each in lines if each not in self._there]
        )
        self._made: list[Account] = []
        self._changed: held_rows.Changes = []
        self._vouched: list[tuple[Account, bool]] = []  # with whether it is new
        self._unchanged = self._phones_kept = self._without_way_in = 0
        self._faults: list[TableFault] = []
        self._sample: list[list[str]] = []
        self._mark = hashlib.blake2s(digest_size=8)

    def add(self, line: SheetRow) -> None:
        cells = _cells(self._names, line)
        broken = {
            name: line.broken[place]
            for place, name in enumerate(self._names)
            if name in COLUMNS and place in line.broken
        }
        row = AccountRow(cells, self.units, broken)
        address = row.values.get(KEY, "")
        account = self._there.get(address) or Account(password=make_password(None))
        own = not account.pk or self._scope(account)  # before its unit is changed
        changed: dict[str, object] = {}  # with what was there before
        keeps_phone = False
        if account.pk:
            changed, keeps_phone = self._change(account, row)
        else:
            _fill(account, row)
        said = changed if account.pk else row.values
        after = {name: str(value) for name, value in row.values.items() if name in said}
        self._mark.update(repr((address, account.pk, changed, after)).encode())
        phone = row.values.get("phone", "")
        vouched = self._ground is not None and vouched_numbers.vouch(account, phone)
        changed |= {"phone_confirmed_at": None} if vouched and account.pk else {}
        reasons = [
            *(self._placed(name, line, cells, fault) for name, fault in row.faults.items()),
            *self._objections(account, line, changed, own=own),
        ]
        if reasons:
            shown = address or COLUMNS[KEY].typed(cells.get(KEY, ""))
            self._faults += [TableFault(line.number, shown, reason) for reason in reasons]
            return
        # Of a row that is refused nothing is told: it may be of somebody out of reach.
        self._phones_kept += keeps_phone
        self._keep(account, line, changed, vouched=vouched)

    def _keep(
        self, account: Account, line: SheetRow, changed: dict[str, object], *, vouched: bool
    ) -> None:
        """Have a row that is right written, and counted among what will be."""
        self._without_way_in += not account.has_way_in
        if vouched:
            self._vouched.append((account, not account.pk))
        if not account.pk:
            self._made.append(account)
        elif changed:
            self._changed.append((account, changed))
        else:
            self._unchanged += 1
        if len(self._sample) < SHOWN:
            self._sample.append(_shown(account, line.number, changed))

    def _placed(self, name: str, line: SheetRow, cells: Mapping[str, str], fault: str) -> str:
        """Put the cell and what was typed there before what is wrong with it."""
        place = f"{letter_of(self._names.index(name))}{line.number}"
        typed = COLUMNS[name].typed(cells.get(name, ""))
        said = f"{place} “{typed}”" if typed else place
        return _("Ô %(cell)s: %(fault)s") % {"cell": said, "fault": fault}

    def outcome(self) -> LoadOutcome:
        return LoadOutcome(
            created=len(self._made),
            updated=len(self._changed),
            unchanged=self._unchanged,
            phones_kept=self._phones_kept,
            phones_vouched=len(self._vouched),
            without_way_in=self._without_way_in,
            units=[unit.name for unit in self.units.added],
            faults=self._faults,
            sample=self._sample,
            mark=self._mark.hexdigest(),
        )

    def write(self, actor: Account | None) -> None:
        """Write what was read, with its audit rows, in one transaction; may raise `Overtaken`."""
        with transaction.atomic():
            self.units.save_added()
            # In one order, whatever that of the file: two files at once would wait for each other.
            made = sorted(self._made, key=lambda account: account.address)
            Account.objects.bulk_create(made, batch_size=BATCH)
            people = Account.objects.filter(is_staff=False)
            self._changed.sort(key=lambda each: each[0].pk)
            held_rows.hold(self._changed, batch=BATCH)
            # Each field by itself: what somebody else has changed meanwhile stays.
            for name in CHANGEABLE:
                some = [account for account, changed in self._changed if name in changed]
                free = people.filter(phone="") if name == "phone" else people
                held_rows.update(free, some, [name], batch=BATCH)
            here = [account for account, is_new in self._vouched if not is_new]
            unconfirmed = people.filter(phone_confirmed_at=None, new_phone="")
            held_rows.update(unconfirmed, here, ["phone", "phone_confirmed_at"], batch=BATCH)
            trail: list[tuple[Account, Mapping[str, object]]] = [
                *((account, _of_new(account)) for account in self._made),
                *((account, {"fields": list(changed)}) for account, changed in self._changed),
            ]
            AuditEvent.record_many(AuditEvent.Event.IMPORTED, trail, actor=actor)
            if self._ground:
                vouched_numbers.put_on_record(self._vouched, ground=self._ground, actor=actor)

    def _change(self, account: Account, row: AccountRow) -> tuple[dict[str, object], bool]:
        """Change an account that is there; give what was before, and whether it keeps its phone."""
        changed: dict[str, object] = {}
        keeps_phone = False
        for name, value in row.values.items():
            if name not in CHANGEABLE or COLUMNS[name].is_same(value, getattr(account, name)):
                continue
            if name == "phone" and not self._may_fill_in_phone(account):
                keeps_phone = True
                continue
            changed[name] = held_rows.stored(account, name)
            setattr(account, name, value)
        return changed, keeps_phone

    def _may_fill_in_phone(self, account: Account) -> bool:
        """Whether a number may be entered: it must not count before its owner or IT says so.

        Else whoever loads tables could have other people's codes sent to a phone of theirs (AD-09).
        """
        return not account.phone and (settings.PHONE_CONFIRMATION or self._ground is not None)

    def _objections(
        self, account: Account, line: SheetRow, changed: Collection[str], *, own: bool
    ) -> Iterator[str]:
        if line.fault:
            yield line.fault
        twins = self._lines.get(account.address, [])
        if len(twins) > 1:
            others = ", ".join(str(number) for number in twins[:5] if number != line.number)
            yield _("Địa chỉ này có ở nhiều dòng: trùng với dòng %(rows)s. Hãy giữ một dòng.") % {
                "rows": others
            }
        if account.address in self._aliases:
            yield _("Đây là địa chỉ phụ của một tài khoản: hãy ghi địa chỉ chính.")
        if account.address in self._kept:
            yield quarantine_sentence(self._kept[account.address])
        # Before anything that would tell what an account out of reach is or has.
        if not own or not self._scope(_where_it_would_be(account)):
            yield _("Tài khoản hoặc đơn vị ngoài phạm vi của bạn: hãy bỏ dòng này.")
        elif account.is_staff and changed:  # else it is a row of the portal's own list
            yield _(
                "Đây là tài khoản quản trị hoặc hỗ trợ, không sửa bằng cách nhập tệp: hãy bỏ dòng"
                " này."
            )


def _cells(names: list[str], line: SheetRow) -> dict[str, str]:
    """Give the cells of a line by the names of their columns; a broken line may have too few."""
    pairs = list(zip(names, line.cells, strict=False))
    cells = {name: cell for name, cell in pairs if name}
    if FAMILY_NAME in cells:
        family = [cell for name, cell in pairs if name == FAMILY_NAME]
        cells["full_name"] = " ".join(filter(None, [*family, cells["full_name"]]))
    return cells


def _lines_of_addresses(names: list[str], lines: list[SheetRow]) -> dict[str, list[int]]:
    """Give the numbers of the lines in which each address stands."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        if address := canonical_or_none(_cells(names, line).get(KEY, "")):
            numbers[address].append(line.number)
    return numbers


def _accounts_at(addresses: list[str], units: Units) -> dict[str, Account]:
    """Give the accounts that are there, by their address, in a few statements."""
    accounts: dict[str, Account] = {}
    for start in range(0, len(addresses), BATCH):
        some = Account.objects.filter(address__in=addresses[start : start + BATCH])
        accounts |= {account.address: account for account in some}
    for account in accounts.values():
        # Else each would be a query; that of a unit which was made in this moment is one.
        if unit := units.known.get(account.unit_id or 0):
            account.unit = unit
    return accounts


def _aliases_among(addresses: list[str]) -> set[str]:
    aliases: set[str] = set()
    for start in range(0, len(addresses), BATCH):
        some = Address.objects.filter(address__in=addresses[start : start + BATCH], is_main=False)
        aliases |= set(some.values_list("address", flat=True))
    return aliases


def _fill(account: Account, row: AccountRow) -> None:
    for name, value in row.values.items():
        setattr(account, COLUMNS[name].stored_as or name, value)


def _of_new(account: Account) -> Mapping[str, object]:
    """Say on record that an account is new, and whether it came with a password."""
    return {"new": True} | ({"password": True} if account.has_usable_password() else {})


def _where_it_would_be(account: Account) -> Account:
    """Give an account in the same place of the tree, where that place may still have to be made."""
    if account.unit_id is not None:
        return account
    return Account(unit=nearest_saved(account.unit))


def _shown(account: Account, number: int, changed: Collection[str]) -> list[str]:
    fate = _("mới")
    if account.pk:
        fate = _("cập nhật") if changed else _("không đổi")
    return [
        str(number),
        *(column.shown(getattr(account, name)) for name, column in PREVIEWED.items()),
        fate,
    ]
