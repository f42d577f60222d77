"""The tree of units: every walk over it, up and down, and units by what people write for them.

PostgreSQL refuses a unit below itself, whoever moves another in the same moment. A walk goes to
each unit once all the same: rows that were restored without triggers must not hold up a page.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models.unit import Unit

DEEPEST = 6  # levels of a path that may be added
SAID = 100  # characters of a unit that is not there
NOT_HERE = gettext_lazy("Không có đơn vị này")  # how the refusal of such a unit begins

Visible = Collection[int] | None  # units somebody may see; None: all, and accounts of no unit

_WITH_BELOW = """
WITH RECURSIVE below AS (
    SELECT id FROM accounts_unit WHERE id = ANY(%s)
    UNION
    SELECT unit.id FROM accounts_unit AS unit JOIN below ON unit.parent_id = below.id
)
SELECT id FROM below
"""


def with_below(units: Iterable[int]) -> set[int]:
    """Name the units and all that stand below them.

    In SQL, which the ORM has no words for: one statement that reads these units and no other.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WITH_BELOW, [list(units)])
        return {pk for (pk,) in cursor.fetchall()}


class Tree:
    """The units that somebody may see, read at once; its tops are where their view begins."""

    def __init__(self, visible: Visible = None) -> None:
        units = Unit.objects.order_by("name")
        if visible is not None:
            units = units.filter(pk__in=visible)
        self.units = {unit.pk: unit for unit in units}
        self._below: dict[int | None, list[int]] = defaultdict(list)
        for unit in self.units.values():
            self._below[unit.parent_id if unit.parent_id in self.units else None].append(unit.pk)

    def below(self, unit: int | None) -> list[int]:
        """Give the units right below, or for None the tops."""
        return self._below.get(unit, [])

    def in_order(self, unit: int | None = None) -> Iterator[tuple[Unit, int]]:
        """Walk down as the tree is printed, with depths: below a unit, or for None everything."""
        seen = {unit}
        waiting = [(pk, 0) for pk in reversed(self.below(unit))]
        while waiting:
            pk, depth = waiting.pop()
            if pk not in seen:
                seen.add(pk)
                yield self.units[pk], depth
                waiting += [(each, depth + 1) for each in reversed(self.below(pk))]

    def with_below(self, unit: int) -> set[int]:
        """Name a unit and everything below it."""
        return {unit, *(each.pk for each, _depth in self.in_order(unit))}

    def above(self, unit: int) -> list[Unit]:
        """Give the units above this one, the top first."""
        return self._line(unit)[:-1]

    def path(self, unit: int | None) -> str:
        """Write a unit as people do: Sở Y tế/Văn phòng. Nothing for none, or one not seen."""
        return "/".join(each.name for each in self._line(unit)) if unit in self.units else ""

    def _line(self, unit: int | None) -> list[Unit]:
        """Walk up: give the units above this one, the top first, and itself at the end."""
        line: list[Unit] = []
        at = self.units.get(unit or 0)
        while at and at not in line:
            line.append(at)
            at = self.units.get(at.parent_id or 0)
        return line[::-1]


class Units:
    """All units by path and by short name; with `may_add`, missing ones are made in memory.

    Those stand in `added`, parents first, until `save_added()`.
    """

    def __init__(self, *, may_add: bool = False) -> None:
        self.may_add = may_add
        self.added: list[Unit] = []
        self._by_path: dict[str, Unit] = {}
        self._by_code: dict[str, list[Unit]] = defaultdict(list)
        tree = Tree()
        self.known = tree.units
        for unit in self.known.values():
            self._by_path[path_key(tree.path(unit.pk))] = unit
            if unit.code:
                self._by_code[path_key(unit.code)].append(unit)

    def find(self, text: str) -> Unit:
        """Give the unit of a path such as "Sở Y tế/Văn phòng", or of a short name.

        Raises ValueError, which says what is wrong.
        """
        unit = self._by_path.get(path_key(text))
        if unit is not None:
            return unit
        coded = self._by_code.get(path_key(text), [])
        if len(coded) > 1:
            raise ValueError(_("Có nhiều đơn vị cùng tên viết tắt này: hãy ghi đường dẫn."))
        if coded:
            return coded[0]
        if not self.may_add:
            raise ValueError(
                _(
                    "%(not_here)s: “%(unit)s”. Hãy xem lại tên, hoặc chọn “Tạo đơn vị chưa có trong"
                    " hệ thống”."
                )
                % {"not_here": NOT_HERE, "unit": text[:SAID]}
            )
        return self._add(text)

    def save_added(self) -> None:
        """Save the units made in memory. Raises IntegrityError where one is there by now.

        They are saved in one order, those above first: two who make the same units at once would
        else wait for each other.
        """
        for unit in sorted(self.added, key=_line_of):
            unit.parent = unit.parent  # takes up the key that the parent has got meanwhile
            unit.save()
        self.added.clear()

    def _add(self, path: str) -> Unit:
        names = [name.strip() for name in path.split("/")]
        if not all(0 < len(name) <= 200 for name in names) or len(names) > DEEPEST:
            raise ValueError(
                _("Đường dẫn đơn vị viết chưa đúng. Hãy viết như ví dụ: Sở Y tế/Văn phòng.")
            )
        unit = None
        for depth in range(1, len(names) + 1):
            key = path_key("/".join(names[:depth]))
            if key not in self._by_path:
                self._by_path[key] = Unit(name=names[depth - 1], parent=unit)
                self.added.append(self._by_path[key])
            unit = self._by_path[key]
        assert unit is not None
        return unit


def path_of(unit: Unit | None) -> str:
    """Write a unit as people do, with those above it: Sở Y tế › Văn phòng. Asks for these alone."""
    line: list[Unit] = []
    while unit and unit not in line:
        line.append(unit)
        unit = unit.parent
    return " › ".join(each.name for each in reversed(line))


def unit_name(unit: Unit | None) -> str:
    """Name a unit with the one above it: many have departments of the same name."""
    if unit is None:
        return ""
    return f"{unit.name} ({unit.parent.name})" if unit.parent else unit.name


def nearest_saved(unit: Unit | None) -> Unit | None:
    """Give the unit itself, or the first above it that stands in the database."""
    while unit is not None and not unit.pk:
        unit = unit.parent
    return unit


def _line_of(unit: Unit) -> tuple[int, list[str]]:
    """Give the depth of a unit, and the names from the top down to it, in small letters."""
    names = [unit.name.lower()]
    while unit.parent is not None:
        unit = unit.parent
        names.insert(0, unit.name.lower())
    return len(names), names


def path_key(text: str) -> str:
    """Give what two ways to write the same path have in common."""
    return "/".join(" ".join(part.split()) for part in text.split("/")).lower()
