"""How the runs are listed: which columns, in which order, which groups are folded; kept from one use to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from core.runs.choosing.groups import Groups, RunGroup, folded
from core.runs.choosing.order import in_order
from tui.configuration.configuration import Configuration
from tui.configuration.settings import LIST, Setting
from tui.run_columns import MORE_COLUMNS, RUN_COLUMNS, SORTED_BY, Cell, group_cell

if TYPE_CHECKING:
    from core.runs.catalog import RunSummary
    from core.runs.choosing.conditions import Condition
    from core.runs.run import Run

    Row = RunSummary | RunGroup

MOST_FOLDED = 1000
NARROW = 64  # cells, below which states are signs
SIGN = ""  # their heading then
# The usual columns that stay longest where there is no room for all.
IMPORTANCE = ("epoch", "val", "best", "age", "preset", "data set", "train")


@dataclass(frozen=True)
class Arrangement:
    """What a user chose; nothing where it is as usual."""

    columns: tuple[str, ...] = ()
    sort: str = ""  # a column; the newest runs come first where there is none
    descending: bool = False
    filter: str = ""
    folded: tuple[str, ...] = ()
    preview: bool = False

    @property
    def shown(self) -> Sequence[str]:
        """The columns that are shown, in their order."""
        return [title for title in available() if title in self.columns] or [*RUN_COLUMNS]

    @property
    def importance(self) -> Sequence[str]:
        """Columns that stay where there is no room for all: what it is sorted by, and what was asked for besides."""
        asked_for = [title for title in self.shown if title not in RUN_COLUMNS]
        return [*dict.fromkeys([*filter(None, [self.sort]), "run", "state", *asked_for, *IMPORTANCE])]

    def sorted_by_next(self) -> Arrangement:
        """Sorted by the next of the columns that are shown; after the last one the newest come first again."""
        titles = [title for title in self.shown if title in SORTED_BY]
        place = titles.index(self.sort) + 1 if self.sort in titles else 0
        return replace(self, sort=titles[place] if place < len(titles) else "", descending=False)

    def sorted_by(self, title: str) -> Arrangement:
        """Sorted by a column; where it is already, the other way round."""
        if title not in SORTED_BY:
            return self
        return replace(self, sort=title, descending=title == self.sort and not self.descending)

    def reversed(self) -> Arrangement:
        """The other way round."""
        return replace(self, descending=not self.descending)

    def with_folded(self, key: str, is_folded: bool) -> Arrangement:
        """With a group folded, or not any more."""
        rest = [other for other in self.folded if other != key]
        return replace(self, folded=tuple([*rest, *[key] * is_folded][-MOST_FOLDED:]))


def available() -> Mapping[str, Cell]:
    """All columns."""
    return {**RUN_COLUMNS, **{title: cell for title, cell in MORE_COLUMNS.items() if title not in RUN_COLUMNS}}


def columns_for(width: int, titles: Iterable[str]) -> Mapping[str, Callable[[Row], Text]]:
    """What stands in the columns, for runs and for groups; where there is little room, states as signs."""
    cells = available()
    made = {title: _cell(title, cells[title]) for title in titles}
    if width >= NARROW:
        return made
    return {SIGN if title == "state" else title: _sign(made, title) for title in made}


def _cell(title: str, cell: Cell) -> Callable[[Row], Text]:
    return lambda row: group_cell(title, cell, row) if isinstance(row, RunGroup) else cell(row)


def _sign(cells: Mapping[str, Callable[[Row], Text]], title: str) -> Callable[[Row], Text]:
    """What stands in the column; of a run's state the sign alone."""
    cell = cells[title]
    return cell if title != "state" else lambda row: cell(row) if isinstance(row, RunGroup) else cell(row)[:1]


class Arranger:
    """Makes the rows of runs, which come the newest first."""

    def __init__(self) -> None:
        self._groups = Groups()
        self._shown: Sequence[RunSummary] = ()

    @property
    def groups(self) -> Mapping[Run, tuple[str, str]]:
        """The groups of the runs that are shown: looked for where one is folded, not with every news of a thousand."""
        return self._groups.of(self._shown)

    def rows(self, runs: Sequence[RunSummary], chosen: Arrangement, condition: Condition | None) -> list[Row]:
        """The rows of those runs that fulfil the condition."""
        self._shown = shown = [run for run in runs if condition is None or condition.holds(run)]
        if chosen.sort in SORTED_BY:
            shown = in_order(shown, SORTED_BY[chosen.sort], descending=chosen.descending)
        elif chosen.descending:
            shown = shown[::-1]
        return folded(shown, self.groups, {*chosen.folded}) if chosen.folded else [*shown]


def runs_of(row: Row | None) -> list[RunSummary]:
    """The runs that a row stands for."""
    if row is None:
        return []
    return list(row.runs) if isinstance(row, RunGroup) else [row]


def read(configuration: Configuration) -> Arrangement:
    """What was chosen."""
    return Arrangement(**{name: configuration[setting] for name, setting in LIST.items()})


def chosen(arrangement: Arrangement) -> Mapping[Setting[Any], Any]:
    """The settings that say so."""
    return {setting: getattr(arrangement, name) for name, setting in LIST.items()}
