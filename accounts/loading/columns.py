"""What the cells of a table of accounts may hold, and what is said of those that do not."""

from typing import Any

from django.utils.translation import gettext as _
from import_export.widgets import Widget

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


class Column(Widget):  # type: ignore[misc]  # the library has no types
    """Reads a cell; "" means that nothing is said. Raises ValueError with the reason."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        return self.read(value) if value else None

    def read(self, value: str) -> Any:
        return value


class AddressCell(Column):
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        try:
            return canonical(value)
        except AddressError as error:
            raise ValueError(error.sentence) from None


class NameCell(Column):
    def read(self, value: str) -> str:
        if len(value) > LONGEST_NAME:
            raise ValueError(_("Họ và tên dài quá %(most)s ký tự.") % {"most": LONGEST_NAME})
        if value.startswith(_FORMULA):
            raise ValueError(_("Họ và tên không được bắt đầu bằng dấu = + - @ (công thức)."))
        return value


class KindCell(Column):
    def read(self, value: str) -> Account.Kind:
        for kind in Account.Kind:
            if value.casefold() in (kind.value, kind.label):
                return kind
        raise ValueError(_("Loại phải là “cá nhân” hoặc “tổ chức”."))


class UnitCell(Column):
    def __init__(self, units: Units) -> None:
        super().__init__()
        self.units = units

    def read(self, value: str) -> Unit:
        if value.startswith(_FORMULA):
            raise ValueError(_("Đơn vị không được bắt đầu bằng dấu = + - @ (công thức)."))
        return self.units.find(value)


class PhoneCell(Column):
    def read(self, value: str) -> str:
        try:
            return phones.normalise(value)
        except PhoneError as error:
            raise ValueError(phone_fault(error)) from None


class YesNoCell(Column):
    def read(self, value: str) -> bool:
        if value.casefold() not in _YES | _NO:
            raise ValueError(_("“Còn mật khẩu mặc định” phải là 1 hoặc 0."))
        return value.casefold() in _YES


class HashCell(Column):
    def read(self, value: str) -> str:
        if directory.is_in_charge():
            raise ValueError(_("Mật khẩu do máy chủ thư mục giữ: không nạp chuỗi băm."))
        return to_stored(value)
