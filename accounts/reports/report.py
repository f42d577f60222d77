"""What every report is made of: figures that come first, charts, and tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from accounts.reports.charts import Chart
from accounts.reports.tables import Table


@dataclass(frozen=True)
class Tile:
    """A figure that should be seen first."""

    label: str
    value: str
    detail: str = ""
    href: str = ""  # the list of those who are counted


@dataclass(frozen=True)
class Report:
    """What is on a page: figures, charts, and tables of which each is also a file."""

    tiles: Sequence[Tile]
    charts: Sequence[tuple[Chart, str]]  # each with the key of the table behind it
    tables: Sequence[Table]

    @property
    def sections(self) -> Iterator[tuple[Chart | None, Table]]:
        """Give the tables in their order, each with its chart."""
        drawn = {key: chart for chart, key in self.charts}
        for table in self.tables:
            yield drawn.get(table.key), table

    def without_lists(self) -> "Report":
        """Give the report for somebody who may see figures, and no list behind them."""
        return Report(
            [replace(tile, href="") for tile in self.tiles],
            self.charts,
            [
                replace(table, rows=[replace(row, lists=()) for row in table.rows])
                for table in self.tables
            ],
        )
