"""Loads a table of accounts: tried out row by row, then taken in whole or not at all.

A row makes an account, or brings name, kind and unit of one up to date; an empty cell leaves things
as they are. Passwords, marks, locks and numbers that an account already has are never touched, nor
are accounts of staff. One bad row, and nothing is taken.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import RowResult
from tablib import Dataset

from accounts.addresses import AddressError, canonical
from accounts.loading import columns, headings
from accounts.models.account import Account
from accounts.models.address import Address
from accounts.models.audit_event import AuditEvent
from accounts.organisation.units import Units, nearest_saved
from accounts.spreadsheets.reading import Sheet, SheetRow
from otp import phones

BATCH = 1000  # rows in one statement
SHOWN = 20  # rows of the preview

# What a row gives to a new account only, and what names the account.
_ONLY_FOR_NEW = frozenset(("address", "has_default_password", "password"))


@dataclass(frozen=True)
class TableFault:
    row: int  # as a spreadsheet numbers it; 0: of the whole file
    address: str
    reason: str


@dataclass
class LoadOutcome:
    """What a table does, or did. With a fault in it, nothing was taken."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    phones_kept: int = 0
    units: list[str] = field(default_factory=list)
    faults: list[TableFault] = field(default_factory=list)
    sample: list[list[str]] = field(default_factory=list)


Scope = Callable[[Account], bool]
Progress = Callable[[int], None]


def run(
    table: Sheet,
    *,
    apply: bool,
    actor: Account | None = None,
    scope: Scope = lambda account: True,
    add_units: bool = False,
    progress: Progress = lambda count: None,
) -> LoadOutcome:
    """Try a table out, or take it in: all of it in one transaction, or nothing.

    `scope` says which accounts the actor may look after. Raises `Unreadable` where the columns
    are not ours.
    """
    names = headings.read(table.header)
    chosen = [place for place, name in enumerate(names) if name]
    dataset = Dataset(headers=[names[place] for place in chosen])
    for row in table.rows:
        values = (*row.cells, *[""] * len(names))
        dataset.append([values[place] for place in chosen])
    resource = AccountResource(table.rows, scope=scope, add_units=add_units, progress=progress)
    outcome = resource.outcome(resource.import_data(dataset, use_transactions=False))
    if not apply or outcome.faults:
        return outcome
    try:
        resource.write(actor)
    except (IntegrityError, _Overtaken):
        return LoadOutcome(
            faults=[TableFault(0, "", _("Dữ liệu vừa thay đổi trong khi nạp: hãy thử lại."))]
        )
    return outcome


class _Overtaken(Exception):
    """An account was not as it had been read any more when it was to be changed."""


class _Known(BaseInstanceLoader):  # type: ignore[misc]  # the library has no types
    """All accounts that the table names, in a few statements."""

    def __init__(self, resource: "AccountResource", dataset: Dataset) -> None:
        super().__init__(resource, dataset)
        addresses = list(resource.places)
        self.accounts: dict[str, Account] = {}
        for start in range(0, len(addresses), BATCH):
            some = Account.objects.filter(address__in=addresses[start : start + BATCH])
            self.accounts |= {account.address: account for account in some}
            others = Address.objects.filter(address__in=addresses[start : start + BATCH])
            resource.aliases |= set(others.filter(is_main=False).values_list("address", flat=True))
        for account in self.accounts.values():
            if account.unit_id:  # else each would be a query
                account.unit = resource.units.known[account.unit_id]

    def get_instance(self, row: dict[str, str]) -> Account | None:
        return self.accounts.get(_canonical(row["address"]))


class AccountResource(ModelResource):  # type: ignore[misc]  # the library has no types
    """The columns, and how a row meets an account. It reads; `write` writes."""

    address = Field("address", "address", columns.AddressCell())
    full_name = Field("full_name", "full_name", columns.NameCell(), saves_null_values=False)
    kind = Field("kind", "kind", columns.KindCell(), saves_null_values=False)
    phone = Field("phone", "phone", columns.PhoneCell(), saves_null_values=False)
    has_default_password = Field(
        "has_default_password", "has_default_password", columns.YesNoCell(), saves_null_values=False
    )
    password = Field("password", "password_hash", columns.HashCell(), saves_null_values=False)

    class Meta:
        model = Account
        fields = ("address", "full_name", "kind", "phone", "has_default_password", "password")
        import_id_fields = ("address",)
        instance_loader_class = _Known
        use_bulk = True
        batch_size = None
        skip_diff = True
        report_skipped = False

    def __init__(
        self, rows: list[SheetRow], *, scope: Scope, add_units: bool, progress: Progress
    ) -> None:
        super().__init__()
        self.rows, self.scope, self.progress = rows, scope, progress
        self.units = Units(may_add=add_units)
        self.fields["unit"] = Field(
            "unit", "unit", columns.UnitCell(self.units), saves_null_values=False
        )
        self.places: dict[str, list[int]] = defaultdict(list)  # numbers of the rows of an address
        self.addresses: list[str] = []  # of each row; "" where it is none
        self.aliases: set[str] = set()  # among them
        self.phones_kept = 0
        self.changed: dict[int, list[str]] = {}  # which columns, of each account
        self.sample: list[list[str]] = []

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self.addresses = [_canonical(address) for address in dataset["address"]]
        for row, address in zip(self.rows, self.addresses, strict=True):
            if address:
                self.places[address].append(row.number)

    def init_instance(self, row: Any = None) -> Account:
        return Account(password=make_password(None))

    def import_field(
        self,
        field: Field,
        instance: Account,
        row: dict[str, str],
        is_m2m: bool = False,  # noqa: FBT001, FBT002  (the library's signature)
        **kwargs: Any,
    ) -> None:
        if field.column_name not in row:
            return
        if not instance.pk:
            super().import_field(field, instance, row, is_m2m, **kwargs)
            return
        value = field.clean(row, **kwargs)
        if field.attribute in _ONLY_FOR_NEW or value in (None, getattr(instance, field.attribute)):
            return
        if field.attribute == "phone" and not _may_fill_in_phone(instance):
            self.phones_kept += 1
            return
        setattr(instance, field.attribute, value)
        self.changed.setdefault(instance.pk, []).append(field.attribute)

    def import_instance(self, instance: Account, row: dict[str, str], **kwargs: Any) -> None:
        errors: dict[str, Any] = {}
        own = self.scope(instance) if instance.pk else True  # before its unit is changed
        try:
            super().import_instance(instance, row, **kwargs)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        place = self.rows[kwargs["row_number"] - 1]
        reasons = list(self._objections(instance, place, own=own))
        if reasons:
            errors[NON_FIELD_ERRORS] = [ValidationError(reason) for reason in reasons]
        if errors:
            raise ValidationError(errors)
        if len(self.sample) < SHOWN:
            self.sample.append(_shown(instance, place.number, self.changed.get(instance.pk)))

    def skip_row(
        self, instance: Account, original: Any, row: Any, import_validation_errors: Any = None
    ) -> bool:
        return bool(
            instance.pk and instance.pk not in self.changed and not import_validation_errors
        )

    def after_import_row(self, row: Any, row_result: Any, **kwargs: Any) -> None:
        self.progress(kwargs["row_number"])

    def bulk_create(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to `write`: nobody's row is locked while others are read."""

    bulk_update = bulk_create

    def after_import(self, dataset: Dataset, result: Any, **kwargs: Any) -> None:
        """Leave the sequences alone: the database counts."""

    def outcome(self, result: Any) -> LoadOutcome:
        return LoadOutcome(
            created=result.totals[RowResult.IMPORT_TYPE_NEW],
            updated=result.totals[RowResult.IMPORT_TYPE_UPDATE],
            unchanged=result.totals[RowResult.IMPORT_TYPE_SKIP],
            phones_kept=self.phones_kept,
            units=[unit.name for unit in self.units.added],
            faults=sorted(self._faults(result), key=lambda fault: fault.row),
            sample=self.sample,
        )

    def write(self, actor: Account | None) -> None:
        """Write what was read, with its audit rows, in one transaction."""
        with transaction.atomic():
            self.units.save_added()
            Account.objects.bulk_create(self.create_instances, batch_size=BATCH)
            changed: list[Account] = self.update_instances
            people = Account.objects.filter(is_staff=False)
            # Each column by itself: what somebody else has changed meanwhile stays.
            for column in ("full_name", "kind", "unit", "phone"):
                some = [account for account in changed if column in self.changed[account.pk]]
                _update(people.filter(phone="") if column == "phone" else people, some, [column])
            made: list[Account] = self.create_instances
            trail: list[tuple[Account, Mapping[str, object]]] = [
                *((account, _of_new(account)) for account in made),
                *((account, {"fields": self.changed[account.pk]}) for account in changed),
            ]
            AuditEvent.record_many(AuditEvent.Event.IMPORTED, trail, actor=actor)

    def _objections(self, instance: Account, place: SheetRow, *, own: bool) -> Iterator[str]:
        if place.fault:
            yield place.fault
        twins = self.places.get(instance.address, [])
        if len(twins) > 1 and place.number in twins:
            others = ", ".join(str(number) for number in twins[:5] if number != place.number)
            yield _("Địa chỉ này có ở nhiều dòng: trùng với dòng %(rows)s.") % {"rows": others}
        if instance.address in self.aliases:
            yield _("Đây là địa chỉ phụ của một tài khoản: hãy ghi địa chỉ chính.")
        if instance.is_staff:
            yield _("Đây là tài khoản quản trị hoặc hỗ trợ: không sửa bằng cách nạp tệp.")
        elif not own or not self.scope(_where_it_would_be(instance)):
            yield _("Tài khoản hoặc đơn vị ngoài phạm vi phụ trách của bạn.")

    def _faults(self, result: Any) -> Iterator[TableFault]:
        # What is not a fault of the file is one of ours.
        for error in (*result.base_errors, *(row.errors[0] for row in result.error_rows)):
            raise error.error
        for row in result.invalid_rows:
            place = row.number - 1
            for reason in row.error.messages:
                yield TableFault(self.rows[place].number, self.addresses[place], reason)


def _of_new(account: Account) -> Mapping[str, object]:
    """Say on record that an account is new, and whether it came with a password."""
    return {"new": True} | ({"password": True} if account.has_usable_password() else {})


def _update(people: QuerySet[Account], accounts: list[Account], columns: list[str]) -> None:
    """Write some columns of accounts that are still among `people`; raises `_Overtaken`."""
    for start in range(0, len(accounts), BATCH):
        some = accounts[start : start + BATCH]
        keys = people.filter(pk__in=[account.pk for account in some]).order_by("pk")
        if len(keys.select_for_update(of=("self",)).values_list("pk")) != len(some):
            raise _Overtaken
        # They are there, and locked: this inserts nothing. `bulk_update` takes four times as long.
        Account.objects.bulk_create(
            some, update_conflicts=True, unique_fields=["id"], update_fields=columns
        )


def _may_fill_in_phone(account: Account) -> bool:
    """Whether a number may be entered for the account: it must not count before its owner says so.

    Else whoever loads tables could have other people's codes sent to a phone of theirs (AD-09).
    """
    return not account.phone and settings.PHONE_CONFIRMATION


def _where_it_would_be(account: Account) -> Account:
    """Give an account in the same place of the tree, where that place may still have to be made."""
    if account.unit_id is not None:
        return account
    return Account(unit=nearest_saved(account.unit))


def _shown(account: Account, number: int, changed: list[str] | None) -> list[str]:
    fate = _("mới")
    if account.pk:
        fate = _("cập nhật") if changed else _("không đổi")
    return [
        str(number),
        account.address,
        account.full_name,
        account.get_kind_display(),
        str(account.unit or ""),
        phones.masked_for_staff(account.phone),
        fate,
    ]


def _canonical(address: str) -> str:
    try:
        return canonical(address)
    except AddressError:
        return ""
