"""What stands in the table of a sweep: a row for each run, or for those that differ in nothing but the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text

from core.runs.choosing.groups import RunGroup
from core.runs.choosing.outcome import FIGURES, Outcome, SeedGroup, Trial
from core.runs.run import Run
from core.runs.settings import as_text, title
from core.text import printable
from tui import formatting
from tui.run_columns import group_cell

Row = Trial | SeedGroup
Cell = Callable[[Row], Text]
ROOMY = 100  # cells, below which states are signs, and columns are called as in the list of runs
SHORT = {"learning_rate": "rate", "batch_size": "batch", "val_loss": "val", "best_val_loss": "best val"}
SHORT |= {"reconstruction": "error"}


def heading(name: str, width: int) -> str:
    """What the column of a setting or a figure is called in a table of that width."""
    return SHORT.get(name, title(name)) if width < ROOMY else title(name)


def rows_of(found: Outcome, figure: str, *, folded: bool) -> Sequence[Row]:
    """The rows, the lowest figure or mean first."""
    return found.groups_in_order(figure) if folded else found.in_order(figure)


def runs_of(row: Row | None) -> list[Run]:
    """The runs that a row stands for."""
    if isinstance(row, SeedGroup):
        return [trial.run for trial in row.trials]
    return [] if row is None else [row.run]


def columns_of(found: Outcome, best: Sequence[Run], width: int, *, folded: bool) -> Mapping[str, Cell]:
    """The columns, those of groups where the rows are that."""
    short = width < ROOMY
    cells: dict[str, Cell] = {"run": name, "": _sign} if short else {"run": name, "state": _state}
    settings = [setting for setting in found.varied if not folded or setting != "seed"]
    cells |= {heading(setting, width): _setting(setting) for setting in settings}
    cells |= {heading(figure, width): _figure(found, figure) for figure in FIGURES if found.has(figure)}
    return cells | {"best": lambda row: Text("best" if best and best == runs_of(row) else "")}


def importance(found: Outcome, figure: str, width: int) -> Sequence[str]:
    """The columns that stay where there is no room for all: what it is compared by, then what differs."""
    return heading(figure, width), *(heading(setting, width) for setting in found.varied), "", "state", "best"


def name(row: Row) -> Text:
    """The name of a run, or that of seeds with their number."""
    if isinstance(row, SeedGroup):
        return Text(f"▸ {printable(row.name)} ×{len(row.trials)}", "bold")
    return Text(printable(row.run.name))


def _state(row: Row) -> Text:
    if isinstance(row, SeedGroup):
        return group_cell("state", formatting.state, _as_runs(row))
    return formatting.state(row.summary)


def _sign(row: Row) -> Text:
    return _state(row) if isinstance(row, SeedGroup) else _state(row)[:1]


def _as_runs(group: SeedGroup) -> RunGroup:
    return RunGroup("", group.name, tuple(trial.summary for trial in group.trials))


def _setting(setting: str) -> Cell:
    return lambda row: Text(as_text(row.settings.get(setting, formatting.NONE)), justify="right")


def _figure(found: Outcome, name: str) -> Cell:
    places = formatting.decimals(trial.figures[name] for trial in found.trials if name in trial.figures)

    def cell(row: Row) -> Text:
        if isinstance(row, SeedGroup):
            said = formatting.mean_of_seeds(row, name, places)
        else:
            said = formatting.figure(row.figures[name], places) if name in row.figures else formatting.NONE
        return Text(said, justify="right")

    return cell
