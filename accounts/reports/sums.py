"""Figures that are added up: of units, of days, of suppliers."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Sums:
    """Figures of the same things, which are added one by one."""

    def __add__(self, other: Self) -> Self:
        return replace(self, **{name: own + vars(other)[name] for name, own in vars(self).items()})
