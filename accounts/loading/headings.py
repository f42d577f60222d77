"""Find the columns of a table by its first line, in Vietnamese and in our own names."""

from django.utils.translation import gettext as _

from accounts.folding import words
from accounts.loading.columns import COLUMNS, KEY
from accounts.spreadsheets.reading import Unreadable

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
            raise Unreadable(_("Cột “%(name)s” có hai lần.") % {"name": COLUMNS[name].label})
    if KEY not in named:
        raise Unreadable(
            _("Dòng đầu phải là tên các cột, trong đó có “%(name)s”.")
            % {"name": COLUMNS[KEY].label}
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
    for name, column in COLUMNS.items():
        if plain in (_plain(name), _plain(column.label), *column.others):
            return name
    labels = ", ".join(column.label for column in COLUMNS.values())
    raise Unreadable(
        _("Không hiểu cột “%(heading)s”. Các cột nhận được: %(labels)s.")
        % {"heading": heading[:50], "labels": labels}
    )


def _plain(heading: str) -> str:
    return " ".join(words(heading))
