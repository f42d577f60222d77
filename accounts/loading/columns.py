"""The columns of a table of accounts: how a cell is read, and what is said of a wrong one."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from accounts import directory
from accounts.addresses import AddressError, canonical
from accounts.credentials.foreign_hashes import to_stored
from accounts.models.account import LONGEST_NAME, Account
from accounts.models.unit import Unit
from accounts.organisation.units import Units
from accounts.pages.forms import phone_fault
from otp import phones
from otp.phones import PhoneError

_YES = frozenset(("1", "true", "x", "có", "co", "yes", "đúng", "dung"))
_NO = frozenset(("0", "false", "không", "khong", "no", "sai"))
_FORMULA = tuple("=+-@")


class Column:
    """A column for the account's field of the same name, or for the one it is `stored_as`.

    What is `only_for_new` is never changed in an account that is there.
    """

    def __init__(self, *, stored_as: str = "", only_for_new: bool = False) -> None:
        self.stored_as = stored_as
        self.only_for_new = only_for_new

    def read(self, cell: str, units: Units) -> Any:
        """Give what is stored. Raises ValueError with a sentence for who made the table."""
        return cell


class AddressCell(Column):
    def read(self, cell: str, units: Units) -> str:
        try:
            return canonical(cell)
        except AddressError as error:
            raise ValueError(error.sentence) from None


class NameCell(Column):
    def read(self, cell: str, units: Units) -> str:
        if len(cell) > LONGEST_NAME:
            raise ValueError(_("Họ và tên dài quá %(most)s ký tự.") % {"most": LONGEST_NAME})
        if cell.startswith(_FORMULA):
            raise ValueError(_("Họ và tên không được bắt đầu bằng dấu = + - @ (công thức)."))
        return cell


class KindCell(Column):
    def read(self, cell: str, units: Units) -> Account.Kind:
        for kind in Account.Kind:
            if cell.casefold() in (kind.value, kind.label):
                return kind
        raise ValueError(_("Loại phải là “cá nhân” hoặc “tổ chức”."))


class UnitCell(Column):
    def read(self, cell: str, units: Units) -> Unit:
        if cell.startswith(_FORMULA):
            raise ValueError(_("Đơn vị không được bắt đầu bằng dấu = + - @ (công thức)."))
        return units.find(cell)


class PhoneCell(Column):
    def read(self, cell: str, units: Units) -> str:
        try:
            return phones.normalise(cell)
        except PhoneError as error:
            raise ValueError(phone_fault(error)) from None


class YesNoCell(Column):
    def read(self, cell: str, units: Units) -> bool:
        if cell.casefold() not in _YES | _NO:
            raise ValueError(_("“Còn mật khẩu mặc định” phải là 1 hoặc 0."))
        return cell.casefold() in _YES


class HashCell(Column):
    def read(self, cell: str, units: Units) -> str:
        if directory.is_in_charge():
            raise ValueError(_("Mật khẩu do máy chủ thư mục giữ: không nạp chuỗi băm."))
        return to_stored(cell)


KEY = "address"  # the one column that every row must fill in

COLUMNS: dict[str, Column] = {
    KEY: AddressCell(only_for_new=True),
    "full_name": NameCell(),
    "kind": KindCell(),
    "unit": UnitCell(),
    "phone": PhoneCell(),
    "has_default_password": YesNoCell(only_for_new=True),
    "password_hash": HashCell(stored_as="password", only_for_new=True),
}


class AccountRow:
    """What a row says: `values` by column, without its empty cells, and its `faults` in sentences.

    It is no `forms.Form`: to make one for each row takes half as long again as all the rest.
    """

    def __init__(self, cells: Mapping[str, str], units: Units) -> None:
        self.values: dict[str, Any] = {}
        self.faults: list[str] = []
        for name in COLUMNS:
            if cells.get(name) or name == KEY:
                self._read(name, cells.get(name, ""), units)

    def _read(self, name: str, cell: str, units: Units) -> None:
        try:
            self.values[name] = COLUMNS[name].read(cell, units)
        except ValueError as error:
            self.faults.append(str(error))
