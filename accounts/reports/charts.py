"""Draws figures as lines and columns: every place is worked out here, the template writes SVG.

Each chart is drawn twice, for wide and for narrow windows, so that its words stay legible; the
style sheet shows one of them. Series differ by dashes, marks and hatching, not by colour alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from accounts.reports.tables import number, percent, percent_sign


@dataclass(frozen=True)
class Series:
    """Values over the chart's days; None where nothing is known."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Paper:
    """How large a drawing is, and what its edges leave free (units are pixels at full size)."""

    name: str
    width: int
    height: int
    day_labels: int
    left: int = 62
    right: int = 76
    top: int = 14
    bottom: int = 36

    @property
    def inner_right(self) -> int:
        return self.width - self.right

    @property
    def base(self) -> int:
        return self.height - self.bottom

    def y(self, value: float, most: float) -> float:
        return round(self.base - (self.base - self.top) * value / most, 1)


WIDE = Paper("wide", 960, 300, day_labels=9)
NARROW = Paper("narrow", 340, 260, day_labels=4, left=44, right=56)
PAPERS = (WIDE, NARROW)
WIDEST_COLUMN = 48.0
CLEARANCE = 20  # between two words at the ends of lines, as large as they are printed


@dataclass(frozen=True)
class Place:
    """A word on the drawing."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Stroke:
    """A line of the chart, with its last point and the value there."""

    number: int
    path: str
    x: float
    y: float
    word: Place


@dataclass(frozen=True)
class Block:
    """A part of a column."""

    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawing:
    paper: Paper
    grid: Sequence[Place]
    days: Sequence[Place]
    ruling_end: int
    strokes: Sequence[Stroke] = ()
    blocks: Sequence[Block] = ()


@dataclass(frozen=True)
class Chart:
    """What all charts have: a key for the page, a title, and in words what is to be seen."""

    key: str
    title: str
    description: str
    labels: Sequence[str]  # along the bottom, one for each value
    series: Sequence[Series]
    unit: str = ""  # "%" where the scale is fixed at 100

    @property
    def legend(self) -> list[tuple[int, str]]:
        return [(n, each.label) for n, each in enumerate(self.series, 1)]

    @property
    def drawings(self) -> Iterator[Drawing]:
        for paper in PAPERS:
            yield self.draw(paper)

    @property
    def most(self) -> float:
        if self.unit == "%":
            return 100
        return round_up(self._highest())

    def draw(self, paper: Paper) -> Drawing:
        raise NotImplementedError

    def _highest(self) -> float:
        return max((value for each in self.series for value in each.values if value), default=0)

    def _grid(self, paper: Paper) -> list[Place]:
        """Give the rulings: where, and what stands beside them."""
        return [
            Place(paper.left - 8, paper.y(value, self.most), number(value) + self._sign)
            for value in _steps(self.most)
        ]

    @property
    def _sign(self) -> str:
        return percent_sign() if self.unit == "%" else ""

    def _word(self, value: float) -> str:
        return percent(value) if self.unit == "%" else number(value)


@dataclass(frozen=True)
class Lines(Chart):
    """A line for each series, from day to day; a day that nobody counted is a gap."""

    kind = "lines"

    def draw(self, paper: Paper) -> Drawing:
        last = len(self.labels) - 1

        def x(n: int) -> float:
            whole = paper.inner_right - paper.left
            return round(paper.left + (whole * n / last if last else whole), 1)

        strokes = [self._stroke(n, each, paper, x) for n, each in enumerate(self.series, 1)]
        return Drawing(
            paper,
            grid=self._grid(paper),
            days=[
                Place(x(n), paper.height - 8, self.labels[n])
                for n in _some(len(self.labels), paper.day_labels)
            ],
            ruling_end=paper.inner_right,
            strokes=_apart([stroke for stroke in strokes if stroke], lowest=paper.base),
        )

    def _stroke(
        self, n: int, series: Series, paper: Paper, x: Callable[[int], float]
    ) -> Stroke | None:
        pen, path, end = "M", [], None
        for day, value in enumerate(series.values):
            if value is None:
                pen = "M"
                continue
            end = (x(day), paper.y(value, self.most), value)
            path.append(f"{pen}{end[0]} {end[1]}")
            pen = "L"
        if end is None:
            return None
        word = Place(end[0] + 10, end[1] + 5, self._word(end[2]))
        return Stroke(n, " ".join(path), end[0], end[1], word)


@dataclass(frozen=True)
class Columns(Chart):
    """A column for each day, made of the series one upon the other."""

    kind = "columns"

    def draw(self, paper: Paper) -> Drawing:
        place = (paper.width - 12 - paper.left) / max(len(self.labels), 1)
        width = min(WIDEST_COLUMN, place * 0.75)
        return Drawing(
            paper,
            grid=self._grid(paper),
            days=[
                Place(round(paper.left + place * (n + 0.5), 1), paper.height - 8, self.labels[n])
                for n in _some(len(self.labels), paper.day_labels)
            ],
            ruling_end=paper.width - 12,
            blocks=[
                block
                for n in range(len(self.labels))
                for block in self._pile(n, paper, paper.left + place * (n + 0.5) - width / 2, width)
            ],
        )

    def _highest(self) -> float:
        days = zip(*(each.values for each in self.series), strict=True)
        return max((sum(value or 0 for value in day) for day in days), default=0)

    def _pile(self, n: int, paper: Paper, x: float, width: float) -> Iterator[Block]:
        below = 0.0
        for which, each in enumerate(self.series, 1):
            value = each.values[n] or 0
            if value:
                top = paper.y(below + value, self.most)
                height = round(paper.y(below, self.most) - top, 1)
                yield Block(which, round(x, 1), top, round(width, 1), height)
            below += value


def round_up(value: float) -> float:
    """Give the end of a scale whose four parts are round whole numbers."""
    power = 10.0 ** max(0, math.floor(math.log10(max(value, 1) / 4)))
    parts = (step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10))
    return next(4 * part for part in parts if part.is_integer() and 4 * part >= value)


def _steps(most: float) -> list[float]:
    return [most * n / 4 for n in range(5)]


def _some(count: int, most: int) -> list[int]:
    """Choose labels evenly, the last among them, so that there is room for each."""
    step = max(1, math.ceil(count / most))
    return sorted(range(count - 1, -1, -step))


def _apart(strokes: list[Stroke], *, lowest: float) -> list[Stroke]:
    """Move the words at the ends of lines from each other, and off the days along the bottom."""
    order = sorted(strokes, key=lambda stroke: stroke.word.y)
    heights: list[float] = []
    for stroke in order:
        heights.append(max([stroke.word.y, *(y + CLEARANCE for y in heights[-1:])]))
    for n in reversed(range(len(heights))):
        below = heights[n + 1] - CLEARANCE if n + 1 < len(heights) else lowest
        heights[n] = min(heights[n], below)
    placed = [
        replace(stroke, word=replace(stroke.word, y=round(y, 1)))
        for stroke, y in zip(order, heights, strict=True)
    ]
    return sorted(placed, key=lambda stroke: stroke.number)
