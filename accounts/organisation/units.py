"""Units as people write them: by their path, or by their short name."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from django.utils.translation import gettext as _

from accounts.models.unit import Unit

DEEPEST = 6  # levels

Visible = Collection[int] | None  # units somebody may see; None: all, and accounts of no unit


class Tree:
    """The units that somebody may see, as a tree; its tops are where their view begins."""

    def __init__(self, visible: Visible) -> None:
        units = Unit.objects.order_by("name")
        if visible is not None:
            units = units.filter(pk__in=visible)
        self.units = {unit.pk: unit for unit in units}
        self._below: dict[int | None, list[int]] = defaultdict(list)
        for unit in self.units.values():
            self._below[unit.parent_id if unit.parent_id in self.units else None].append(unit.pk)

    def below(self, unit: int | None) -> list[int]:
        """Give the units right below, or for None the tops."""
        return self._below[unit]

    def all_of(self, unit: int) -> set[int]:
        """Give a unit and everything below it."""
        found, waiting = {unit}, [unit]
        while waiting:
            # Each once: should the units stand in a ring, this ends all the same.
            fresh = set(self._below[waiting.pop()]) - found
            found |= fresh
            waiting += fresh
        return found

    def path(self, unit: int) -> list[Unit]:
        """Give the units above this one, the top first."""
        above: list[Unit] = []
        parent = self.units.get(self.units[unit].parent_id or 0)
        while parent and parent not in above:
            above.insert(0, parent)
            parent = self.units.get(parent.parent_id or 0)
        return above

    def in_order(self, unit: int | None = None, depth: int = 0) -> Iterator[tuple[Unit, int]]:
        """Walk the tree as it is printed, each unit with its depth."""
        for pk in self._below[unit]:
            yield self.units[pk], depth
            yield from self.in_order(pk, depth + 1)


class Units:
    """All units, looked up in one go; with `may_add`, those that are missing are thought up.

    What was thought up stands in `added`, parents first, and is saved by `save_added`.
    """

    def __init__(self, *, may_add: bool = False) -> None:
        self.may_add = may_add
        self.added: list[Unit] = []
        self._by_path: dict[str, Unit] = {}
        self._by_code: dict[str, list[Unit]] = defaultdict(list)
        self.known = {unit.pk: unit for unit in Unit.objects.all()}
        for unit in self.known.values():
            self._by_path[_key(_path_of(unit, self.known))] = unit
            if unit.code:
                self._by_code[_key(unit.code)].append(unit)

    def find(self, text: str) -> Unit:
        """Give the unit of a path such as "Sở Y tế/Văn phòng", or of a short name.

        Raises ValueError, which says what is wrong.
        """
        unit = self._by_path.get(_key(text))
        if unit is not None:
            return unit
        coded = self._by_code.get(_key(text), [])
        if len(coded) > 1:
            raise ValueError(_("Có nhiều đơn vị cùng tên viết tắt này: hãy ghi đường dẫn."))
        if coded:
            return coded[0]
        if not self.may_add:
            raise ValueError(_("Không có đơn vị này."))
        return self._add(text)

    def path(self, pk: int | None) -> str:
        """Write a unit as people do: Sở Y tế/Văn phòng."""
        return _path_of(self.known[pk], self.known) if pk in self.known else ""

    def save_added(self) -> None:
        """Save what was thought up. It may be there by now: somebody else was quicker."""
        for unit in self.added:
            unit.parent = unit.parent  # takes up the key that the parent has got meanwhile
            unit.save()
        self.added.clear()

    def _add(self, path: str) -> Unit:
        names = [name.strip() for name in path.split("/")]
        if not all(0 < len(name) <= 200 for name in names) or len(names) > DEEPEST:
            raise ValueError(_("Đường dẫn đơn vị viết chưa đúng."))
        unit = None
        for depth in range(1, len(names) + 1):
            key = _key("/".join(names[:depth]))
            if key not in self._by_path:
                self._by_path[key] = Unit(name=names[depth - 1], parent=unit)
                self.added.append(self._by_path[key])
            unit = self._by_path[key]
        assert unit is not None
        return unit


def nearest_saved(unit: Unit | None) -> Unit | None:
    """Give the unit itself, or the first above it that stands in the database."""
    while unit is not None and not unit.pk:
        unit = unit.parent
    return unit


def _key(text: str) -> str:
    return "/".join(" ".join(part.split()) for part in text.split("/")).casefold()


def _path_of(unit: Unit, known: dict[int, Unit]) -> str:
    return "/".join(reversed(list(_names_upwards(unit, known))))


def _names_upwards(unit: Unit, known: dict[int, Unit]) -> Iterator[str]:
    seen: set[int] = set()
    at: Unit | None = unit
    # Nothing in the database keeps two units from being above each other.
    while at is not None and at.pk not in seen:
        seen.add(at.pk)
        yield at.name
        at = known.get(at.parent_id) if at.parent_id else None
