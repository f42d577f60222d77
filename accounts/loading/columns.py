"""The columns of a table of accounts: what each is called, how a cell is read, what it may change.

COLUMNS is the one list of them: headings, page, empty table, preview and what is written follow it.
"""

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

    `others` are headings that are understood besides the label, without accents. Without a heading
    for the `preview` it is not shown there. What is `only_for_new` is never changed in an account
    that is there.
    """

    def __init__(
        self,
        label: str,
        *others: str,
        stored_as: str = "",
        preview: str = "",
        only_for_new: bool = False,
    ) -> None:
        self.label, self.others = label, others
        self.stored_as = stored_as
        self.preview = preview
        self.only_for_new = only_for_new

    def read(self, cell: str, units: Units) -> Any:
        """Give what is stored. Raises ValueError with a sentence for who made the table."""
        return cell

    def shown(self, value: Any) -> str:
        """Write what is stored as the preview shows it."""
        return str(value or "")


class TextCell(Column):
    """A text of at most `longest` characters that a spreadsheet takes for no formula."""

    def __init__(self, label: str, *others: str, longest: int, **options: Any) -> None:
        super().__init__(label, *others, **options)
        self.longest = longest

    def read(self, cell: str, units: Units) -> str:
        if len(cell) > self.longest:
            words = {"label": self.label, "most": self.longest}
            raise ValueError(_("%(label)s dài quá %(most)s ký tự.") % words)
        _refuse_formula(self.label, cell)
        return cell


class AddressCell(Column):
    def read(self, cell: str, units: Units) -> str:
        try:
            return canonical(cell)
        except AddressError as error:
            raise ValueError(error.sentence) from None


class KindCell(Column):
    def read(self, cell: str, units: Units) -> Account.Kind:
        for kind in Account.Kind:
            if cell.casefold() in (kind.value, kind.label):
                return kind
        raise ValueError(_("Loại phải là “cá nhân” hoặc “tổ chức”."))

    def shown(self, value: Any) -> str:
        return Account.Kind(value).label


class UnitCell(Column):
    def read(self, cell: str, units: Units) -> Unit:
        _refuse_formula(self.label, cell)
        return units.find(cell)


class PhoneCell(Column):
    def read(self, cell: str, units: Units) -> str:
        try:
            return phones.normalise(cell)
        except PhoneError as error:
            raise ValueError(phone_fault(error)) from None

    def shown(self, value: Any) -> str:
        return phones.masked_for_staff(value)


class YesNoCell(Column):
    def read(self, cell: str, units: Units) -> bool:
        if cell.casefold() not in _YES | _NO:
            raise ValueError(_("“%(label)s” phải là 1 hoặc 0.") % {"label": self.label})
        return cell.casefold() in _YES


class HashCell(Column):
    def read(self, cell: str, units: Units) -> str:
        if directory.is_in_charge():
            raise ValueError(_("Mật khẩu do máy chủ thư mục giữ: không nạp chuỗi băm."))
        return to_stored(cell)


KEY = "address"  # the one column that every row must fill in

# In the order of the empty table and of the preview.
COLUMNS: dict[str, Column] = {
    KEY: AddressCell(
        "Địa chỉ thư điện tử",
        *("dia chi", "dia chi thu", "dia chi thu cong vu", "dia chi mail", "email", "thu dien tu"),
        preview="Địa chỉ",
        only_for_new=True,
    ),
    "full_name": TextCell(
        "Họ và tên",
        *("ho ten", "ten", "ten day du", "ten hien thi"),
        preview="Họ và tên",
        longest=LONGEST_NAME,
    ),
    "kind": KindCell("Loại", "loai tai khoan", "loai hop thu", preview="Loại"),
    "unit": UnitCell("Đơn vị", "ten don vi", "co quan", "don vi cong tac", preview="Đơn vị"),
    "phone": PhoneCell(
        "Số điện thoại",
        *("dien thoai", "so di dong", "di dong", "sdt", "so dt"),
        preview="Số điện thoại",
    ),
    "has_default_password": YesNoCell(
        "Còn mật khẩu mặc định", "mat khau mac dinh", only_for_new=True
    ),
    "password_hash": HashCell(
        "Chuỗi băm mật khẩu",
        *("bam mat khau", "hash", "mat khau bam"),
        stored_as="password",
        only_for_new=True,
    ),
}
# Of an account that is there; its number only where it has none.
CHANGEABLE = [name for name, column in COLUMNS.items() if not column.only_for_new]
PREVIEWED = {name: column for name, column in COLUMNS.items() if column.preview}


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


def _refuse_formula(label: str, cell: str) -> None:
    if cell.startswith(_FORMULA):
        raise ValueError(
            _("%(label)s không được bắt đầu bằng dấu = + - @ (công thức).") % {"label": label}
        )
