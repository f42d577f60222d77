"""What the first line of a table may call its columns, in Vietnamese and in our own names."""

from django.utils.translation import gettext as _

from accounts.folding import words
from accounts.spreadsheets.reading import Unreadable

# Our name, what people read, and what else they write; spelt without accents.
COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "address": (
        "Địa chỉ thư điện tử",
        ("dia chi", "dia chi thu", "dia chi thu cong vu", "dia chi mail", "email", "thu dien tu"),
    ),
    "full_name": ("Họ và tên", ("ho ten", "ten", "ten day du", "ten hien thi")),
    "kind": ("Loại", ("loai tai khoan", "loai hop thu")),
    "unit": ("Đơn vị", ("ten don vi", "co quan", "don vi cong tac")),
    "phone": ("Số điện thoại", ("dien thoai", "so di dong", "di dong", "sdt", "so dt")),
    "has_default_password": ("Còn mật khẩu mặc định", ("mat khau mac dinh",)),
    "password_hash": ("Chuỗi băm mật khẩu", ("bam mat khau", "hash", "mat khau bam")),
}
_IGNORED = frozenset(("", "stt", "so thu tu", "tt", "ghi chu"))
_CLEAR = frozenset(("password", "mat khau", "mk", "pass"))


def read(header: tuple[str, ...]) -> list[str]:
    """Give our name for each column of a table, "" for one that is left out.

    Raises `Unreadable` for a column that is unknown, stands twice or is missing.
    """
    names = [_read(heading) for heading in header]
    named = [name for name in names if name]
    for name in named:
        if named.count(name) > 1:
            raise Unreadable(_("Cột “%(name)s” có hai lần.") % {"name": COLUMNS[name][0]})
    if "address" not in named:
        raise Unreadable(
            _("Dòng đầu phải là tên các cột, trong đó có “%(name)s”.")
            % {"name": COLUMNS["address"][0]}
        )
    return names


def _read(heading: str) -> str:
    plain = _plain(heading)
    if plain in _IGNORED:
        return ""
    if plain in _CLEAR:
        raise Unreadable(
            _("Không nạp mật khẩu dạng chữ: hãy bỏ cột “%(heading)s”.") % {"heading": heading[:50]}
        )
    for name, (label, others) in COLUMNS.items():
        if plain in (_plain(name), _plain(label), *others):
            return name
    labels = ", ".join(label for label, _others in COLUMNS.values())
    raise Unreadable(
        _("Không hiểu cột “%(heading)s”. Các cột nhận được: %(labels)s.")
        % {"heading": heading[:50], "labels": labels}
    )


def _plain(heading: str) -> str:
    return " ".join(words(heading))
