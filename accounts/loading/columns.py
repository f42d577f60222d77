"""The columns of a table of accounts: what each is called, how a cell is read, what it may change.

COLUMNS is the one list of them: headings, page, empty table, preview and what is written follow it.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import directory
from accounts.addresses import AddressError, canonical
from accounts.credentials.foreign_hashes import to_stored
from accounts.folding import fold
from accounts.models.account import LONGEST_NAME, Account
from accounts.models.unit import Unit
from accounts.organisation.units import Units
from accounts.pages.forms import phone_remedy
from accounts.spreadsheets.sheet import clean, invisible
from accounts.spreadsheets.writing import harmless
from otp import phones
from otp.phones import PhoneError

_YES = frozenset(("1", "true", "x", "co", "yes", "y", "dung"))
_NO = frozenset(("0", "false", "khong", "no", "n", "sai"))
_KINDS = {
    Account.Kind.PERSON: frozenset(("person", "ca nhan", "nguoi dung", "nguoi")),
    Account.Kind.ORGANISATION: frozenset(
        ("organisation", "organization", "to chuc", "co quan", "don vi")
    ),
}
_FORMULA = tuple("=+-@")
# What spreadsheets and LibreOffice show for a formula that went wrong.
_SHEET_ERROR = re.compile(r"#(?:N/A|[A-Z]+(?:/0)?[!?]|GETTING_DATA|#+)|Err:\d{3}")
_LONG_NUMBER = re.compile(r"\d(?:[^0-9A-Za-z]{0,3}\d){7,}")
SAID = 60  # characters of a cell that are shown
# Letters that were lost, or written in an encoding that is not Unicode: none are in a name.
_LOST = re.compile(r"\ufffd|[^\W\d_]\?|\?[^\W\d_]")
_ODD_ENCODING = re.compile(r"á[º»]|[ÃÄÆ][\x80-\xbf\u2018-\u2122]|[§®¨©¸µ¶¹¾¼½Øªß]")


class Column:
    """A column for the account's field of the same name, or for the one it is `stored_as`.

    `others` are headings that are understood besides the label, without accents; those that are
    `vague` mean it only where no other heading does. Without a heading for the `preview` it is not
    shown there. What is `only_for_new` is never changed in an account that is there.
    """

    takes_marks = False  # whether signs that nobody sees are left out of a cell

    def __init__(
        self,
        label: str,
        *others: str,
        vague: tuple[str, ...] = (),
        stored_as: str = "",
        preview: str | Promise = "",
        only_for_new: bool = False,
    ) -> None:
        self.label, self.others, self.vague = label, others, vague
        self.stored_as = stored_as
        self.preview = preview
        self.only_for_new = only_for_new

    def read(self, cell: str, units: Units) -> Any:
        """Give what is stored. Raises ValueError with a sentence for who made the table."""
        return cell

    def shown(self, value: Any) -> str:
        """Write what is stored as the preview shows it."""
        return str(value or "")

    def is_same(self, value: Any, stored: Any) -> bool:
        """Say whether a cell says what is stored already."""
        return bool(value == stored)

    def typed(self, cell: str) -> str:
        """Give what was typed, as it may be shown and kept: no whole number of a phone (LG-07)."""
        return _LONG_NUMBER.sub(lambda number: _without_digits(number[0]), _visible(cell))[:SAID]


class TextCell(Column):
    """A text of at most `longest` characters that a spreadsheet takes for no formula."""

    def __init__(self, label: str, *others: str, longest: int, **options: Any) -> None:
        super().__init__(label, *others, **options)
        self.longest = longest

    def read(self, cell: str, units: Units) -> str:
        if len(cell) > self.longest:
            words = {"label": self.label, "most": self.longest}
            raise ValueError(_("%(label)s dài quá %(most)s ký tự: hãy viết ngắn hơn.") % words)
        _refuse_lost_letters(cell)
        return _text(self.label, cell)

    def is_same(self, value: Any, stored: Any) -> bool:
        return bool(value == clean(stored))


class AddressCell(Column):
    def read(self, cell: str, units: Units) -> str:
        try:
            return canonical(cell)
        except AddressError as error:
            raise ValueError(error.sentence) from None


class KindCell(Column):
    def read(self, cell: str, units: Units) -> Account.Kind:
        for kind, names in _KINDS.items():
            if " ".join(fold(cell).split()) in names:
                return kind
        raise ValueError(_("Loại phải là “cá nhân” hoặc “tổ chức”."))

    def shown(self, value: Any) -> str:
        return str(Account.Kind(value).label)


class UnitCell(Column):
    def read(self, cell: str, units: Units) -> Unit:
        _refuse_lost_letters(cell)
        return units.find(_text(self.label, cell))


class PhoneCell(Column):
    takes_marks = True

    def read(self, cell: str, units: Units) -> str:
        try:
            return phones.normalise(cell)
        except PhoneError as error:
            raise ValueError(phone_remedy(error)) from None

    def shown(self, value: Any) -> str:
        return phones.masked_for_staff(value)

    def typed(self, cell: str) -> str:
        return _without_digits(_visible(cell))[:SAID]


class YesNoCell(Column):
    def read(self, cell: str, units: Units) -> bool:
        if fold(cell) not in _YES | _NO:
            raise ValueError(_("“%(label)s” phải là 1 hoặc 0.") % {"label": self.label})
        return fold(cell) in _YES


class HashCell(Column):
    def read(self, cell: str, units: Units) -> str:
        if directory.is_in_charge():
            raise ValueError(_("Mật khẩu do máy chủ thư mục giữ: không nhập chuỗi băm."))
        return to_stored(cell)

    def typed(self, cell: str) -> str:
        return ""  # it may be a password


KEY = "address"  # the one column that every row must fill in

# In the order of the empty table and of the preview.
COLUMNS: dict[str, Column] = {
    KEY: AddressCell(
        "Địa chỉ thư điện tử",
        *("email", "e mail", "mail", "thu dien tu", "thu", "dia chi thu", "dia chi mail"),
        *("dia chi email", "dia chi e mail", "dia chi hop thu", "hop thu", "hop thu dien tu"),
        *("dia chi thu dt", "tai khoan thu", "tai khoan thu dien tu", "tai khoan email"),
        *("tai khoan e mail", "tai khoan mail", "hom thu", "dia chi hom thu", "hom thu dien tu"),
        *("email address", "e mail address", "mail address", "email account"),
        *("ten tai khoan thu", "ten tai khoan email", "dia chi hom thu dien tu"),
        *("d c email", "dc email", "d c thu", "dc thu", "user principal name"),
        vague=(
            *("ten hop thu", "ten hom thu"),
            *("dia chi", "tai khoan", "ten tai khoan", "ten dang nhap", "tai khoan dang nhap"),
            *("ten nguoi dung", "username", "user name", "user", "account", "login"),
        ),
        preview=gettext_lazy("Địa chỉ"),
        only_for_new=True,
    ),
    "full_name": TextCell(
        "Họ và tên",
        *("ho ten", "ho va ten day du", "ho ten day du", "ten day du", "ten hien thi"),
        *("ten can bo", "ten nguoi su dung", "ten chu tai khoan"),
        *("chu tai khoan", "chu hop thu", "nguoi su dung", "fullname", "display name"),
        *("ho chu dem va ten", "ho chu dem ten", "ten nguoi dung hop thu"),
        vague=("ten", "ten goi", "name", "can bo"),
        preview=gettext_lazy("Họ và tên"),
        longest=LONGEST_NAME,
    ),
    "kind": KindCell(
        "Loại",
        *("loai tai khoan", "loai hop thu", "loai thu", "loai email", "loai dia chi"),
        *("phan loai", "kieu tai khoan", "loai ca nhan to chuc", "ca nhan to chuc"),
        *("type", "account type"),
        preview=gettext_lazy("Loại"),
    ),
    "unit": UnitCell(
        "Đơn vị",
        *("ten don vi", "co quan", "ten co quan", "don vi cong tac", "co quan cong tac"),
        *("noi cong tac", "noi lam viec", "co quan don vi", "don vi co quan", "ten co quan don vi"),
        *(
            "co quan don vi cong tac",
            "don vi truc thuoc",
            "don vi quan ly",
            "so ban nganh",
            "organisation",
            "organization",
        ),
        vague=(
            *("phong ban", "phong", "bo phan", "to chuc", "department", "office", "company"),
            *("phong ban don vi", "don vi phong ban", "co quan chu quan", "ten to chuc", "truong"),
        ),
        preview=gettext_lazy("Đơn vị"),
    ),
    "phone": PhoneCell(
        "Số điện thoại",
        *("so di dong", "di dong", "dien thoai di dong", "so dien thoai di dong", "dtdd"),
        *(
            "so dtdd",
            "dien thoai dd",
            "sdt dd",
            "dt di dong",
            "so dt di dong",
            "sdt di dong",
            "sdt",
            "so dt",
        ),
        *("so phone", "so may di dong"),
        *("dien thoai ca nhan", "so dien thoai ca nhan", "sdt ca nhan", "so zalo", "sdt zalo"),
        *("mobile", "mobile phone", "mobile number", "phone number", "cell phone", "cellphone"),
        vague=(
            *("dien thoai", "dt", "phone", "tel", "telephone", "so may", "so lien he"),
            *("dien thoai lien he", "so dien thoai lien he", "sdt lien he", "lien he"),
            *("dien thoai lien lac", "so dien thoai lien lac", "sdt lien lac", "zalo"),
        ),
        preview=gettext_lazy("Số điện thoại"),
    ),
    "has_default_password": YesNoCell(
        "Còn mật khẩu mặc định", "mat khau mac dinh", only_for_new=True
    ),
    "password_hash": HashCell(
        "Chuỗi băm mật khẩu",
        *("bam mat khau", "hash", "mat khau bam", "chuoi bam"),
        stored_as="password",
        only_for_new=True,
    ),
}
# Of the portal's own list, which can be loaded again.
EXPORTED = (
    *(COLUMNS[name].label for name in (KEY, "full_name", "kind", "unit")),
    f"Số điện thoại ({phones.STAFF_DIGITS} số cuối)",
    "Đã xác thực số",
    COLUMNS["has_default_password"].label,
    *("Đang sử dụng", "Khóa lúc", "Đăng nhập gần nhất", "Xác thực số lúc", "Bị khóa bởi"),
)
ONLY_EXPORTED = frozenset(EXPORTED).difference(column.label for column in COLUMNS.values())
# Of an account that is there; its number only where it has none.
CHANGEABLE = [name for name, column in COLUMNS.items() if not column.only_for_new]
PREVIEWED = {name: column for name, column in COLUMNS.items() if column.preview}


class AccountRow:
    """What a row says: `values` by column, without its empty cells, and `faults` by column.

    It is no `forms.Form`: to make one for each row takes half as long again as all the rest.
    """

    def __init__(
        self, cells: Mapping[str, str], units: Units, broken: Mapping[str, str] | None = None
    ) -> None:
        self.values: dict[str, Any] = {}
        self.faults: dict[str, str] = dict(broken or {})
        for name in COLUMNS:
            if name not in self.faults and (cells.get(name) or name == KEY):
                self._read(name, cells.get(name, ""), units)

    def _read(self, name: str, cell: str, units: Units) -> None:
        column = COLUMNS[name]
        try:
            if not column.takes_marks:
                _refuse_invisible(cell)
            _refuse_sheet_error(cell)
            self.values[name] = column.read(cell, units)
        except ValueError as error:
            self.faults[name] = str(error)


def _text(label: str, cell: str) -> str:
    """Give a text that is no formula; an apostrophe, as our own lists have it, says so."""
    if cell.startswith("'") and harmless(cell[1:]) == cell:
        return cell[1:]
    if cell.startswith(_FORMULA):
        raise ValueError(
            _("%(label)s không được bắt đầu bằng dấu = + - @ (công thức).") % {"label": label}
        )
    return cell


def _refuse_invisible(cell: str) -> None:
    if sign := invisible(cell):
        raise ValueError(
            _("Ô có ký tự không nhìn thấy được (%(sign)s): hãy gõ lại ô.")
            % {"sign": _visible(sign).strip("<>")}
        )


def _refuse_sheet_error(cell: str) -> None:
    if _SHEET_ERROR.fullmatch(cell):
        raise ValueError(_("Ô là lỗi của bảng tính: hãy sửa công thức, hoặc để trống ô."))


def _refuse_lost_letters(cell: str) -> None:
    if _LOST.search(cell):
        raise ValueError(_("Chữ có dấu đã mất khi lưu tệp: lưu lại thành “CSV UTF-8” hay .xlsx."))
    if _ODD_ENCODING.search(cell):
        raise ValueError(_("Chữ không phải Unicode (có thể là TCVN3): hãy chuyển mã rồi nhập lại."))


def _visible(text: str) -> str:
    """Show signs that nobody sees, or that move those beside them, as what they are."""
    return "".join(f"<U+{ord(sign):04X}>" if invisible(sign) else sign for sign in text)


def _without_digits(text: str) -> str:
    """Hide all digits but the last that staff may see."""
    last = len(text)
    for _digit in range(phones.STAFF_DIGITS):
        last = max((at for at, sign in enumerate(text[:last]) if sign.isdecimal()), default=0)
    return re.sub(r"\d", "•", text[:last]) + text[last:]
