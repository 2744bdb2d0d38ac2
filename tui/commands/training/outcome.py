"""The command that shows what sweeps came to, and stops or goes on with one as a whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text
from textual.strip import Strip

from core.errors import ConfigError
from core.jobs import launch
from core.jobs.queue.starting import start_waiting
from core.jobs.queue.waiting import enqueue
from core.jobs.sweep import stop_member
from core.runs.catalog import RunSummary, find_runs, newest_first, summarise_whole, with_places
from core.runs.choosing.outcome import FIGURES, Outcome, find_outcome, outcomes
from core.runs.settings import as_text, title
from core.runs.status import State
from core.text import either, printable
from tui import export, formatting
from tui.commands.options.common import Json, RunsDir, out_option
from tui.commands.output import echo, print_json, print_table
from tui.commands.printing import print_written
from tui.commands.training.queue import SECONDS
from tui.commands.words import RUNS_DIR
from tui.drawing.sweeps.parallel import draw_parallel
from tui.drawing.sweeps.scatter import draw_scatter
from tui.tables import PlainTable
from tui.terminal.capabilities import color_depth_of

PLOT_WIDTH, PLOT_HEIGHT = 80, 18


def sweeps(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Sweep to show; all of them without.")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help=f"Figure by which runs are compared: {', '.join(FIGURES)}.",
            metavar="FIGURE",
            show_default="val_loss, where losses are the same sums",
            autocompletion=lambda: list(FIGURES),
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot",
            help="Draw this setting against the figure, or all settings as parallel coordinates: parallel.",
            metavar="SETTING",
            show_default=False,
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Have all that train save and stop, and none wait.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Have all that are left wait in the queue.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, out_option("Write the table of a sweep instead of printing it.", ".csv")] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    if out is not None and (name is None or out.suffix.lower() != ".csv"):
        raise ConfigError({"out": f"out must be a .csv for the sweep that is named, not {out.name[:60]!r}"})
    if by is not None and by not in FIGURES:
        raise ConfigError({"by": f"by must be {either(list(FIGURES))}, not {by[:60]!r}"})
    summaries = newest_first(with_places([summarise_whole(run) for run in find_runs(runs_dir)]))
    if name is None:
        _print_all(outcomes(summaries), by, as_json=as_json)
        return
    found = find_outcome(summaries, name)
    if stop or resume:
        _stop(found) if stop else _resume(found, runs_dir)
        return
    figure = by or found.usual_figure
    if as_json:
        print_json(found.as_json(figure))
        return
    if out is not None:
        export.save_table(out, found.as_table(figure), replace=True)
        print_written(out)
        return
    if plot is not None:
        _draw(found, plot.replace("-", "_").replace(" ", "_"), figure)
    else:
        _print(found, figure)


def _print_all(found: Sequence[Outcome], by: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json([each.as_json(by or each.usual_figure) for each in found])
        return
    if not found:
        echo("no sweep is there; vae-tui sweep trains one")
        return
    with_seeds = any(each.groups for each in found)
    heads = ["sweep", "runs", "states", "varied", "best", "by", "", *["lowest mean of seeds", ""] * with_seeds]
    table = PlainTable(*heads, box=None, pad_edge=False)
    for each in found:
        figure = by or each.usual_figure
        best = each.best(figure)
        states = ", ".join(f"{count} {word}" for word, count in each.states.items())
        said = [printable(best.run.name), figure, f"{best.figures[figure]:.4g}"] if best else []
        if group := each.best_group(figure):
            said += [f"{printable(group.name)} ×{len(group.trials)}", group.said(figure)]
        table.add_row(printable(each.name), str(len(each.trials)), states, ", ".join(map(title, each.varied)), *said)
    print_table(table)


def _print(found: Outcome, figure: str) -> None:
    known = [name for name in FIGURES if found.has(name)]
    table = PlainTable("run", "state", *map(title, found.varied), *known, "", box=None, pad_edge=False)
    for column in table.columns[2:-1]:
        column.justify = "right"
    places = {name: _decimals(found, name) for name in known}
    best = found.best(figure)
    for trial in found.in_order(figure):
        settings = [as_text(trial.settings[name]) for name in found.varied]
        given = [(trial.figures.get(name), places[name]) for name in known]
        figures = [formatting.NONE if value is None else formatting.figure(value, after) for value, after in given]
        mark = f"best{found.so_far}" if trial is best else ""
        table.add_row(printable(trial.run.name), formatting.state(trial.summary), *settings, *figures, Text(mark))
    print_table(table)
    if found.groups:
        echo("")
        _print_seeds(found, figure, known)
    echo(found.summary(figure))
    if found.groups:
        echo(found.summary_of_seeds(figure))


def _print_seeds(found: Outcome, figure: str, known: Sequence[str]) -> None:
    """The means and standard deviations of runs that differ in nothing but the seed, the lowest first."""
    varied = [name for name in found.varied if name != "seed"]
    table = PlainTable("mean ± std", "seeds", *map(title, varied), *known, "", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
    best = found.best_group(figure)
    for group in found.groups_in_order(figure):
        settings = [as_text(group.settings[name]) for name in varied]
        figures = [formatting.mean_of_seeds(group, name, _decimals(found, name)) for name in known]
        mark = f"best{found.so_far}" if group == best else ""
        table.add_row(printable(group.name), str(len(group.trials)), *settings, *figures, mark)
    print_table(table)


def _decimals(found: Outcome, name: str) -> int:
    return formatting.decimals(trial.figures[name] for trial in found.trials if name in trial.figures)


def _draw(found: Outcome, setting: str, figure: str) -> None:
    """Draw in the terminal, or in plain characters in a pipe. Raises ConfigError."""
    console = Console(highlight=False)
    depth = color_depth_of(console, sys.__stdout__, no_color="NO_COLOR" in os.environ)
    width = min(console.width, 160) if console.is_terminal else PLOT_WIDTH
    height = max(8, min(console.height - 2, 40)) if console.is_terminal else PLOT_HEIGHT
    best = found.best(figure)
    drawn = figure, width, height, depth, [best.run] if best else []
    if setting == "parallel":
        strips = draw_parallel(found, *drawn)
    elif setting in found.varied:
        strips = draw_scatter(found, setting, *drawn)
    else:
        raise ConfigError({"plot": f"plot must be {either([*found.varied, 'parallel'])}, not {setting[:60]!r}"})
    _show(console, strips)
    echo(found.summary(figure))


def _show(console: Console, strips: Sequence[Strip]) -> None:
    for strip in strips:
        console.print(Segments([*strip, Segment("\n")]), end="", soft_wrap=True)


def _stop(found: Outcome) -> None:
    """Take those out of the queue that wait, then have those that train save and stop."""
    for each in found.going:
        stop_member(each)
    waiting = sum(each.state is State.QUEUED for each in found.going)
    asked = formatting.count(len(found.going) - waiting, "run")
    echo(f"{asked} asked to save and stop, {formatting.count(waiting, 'run')} taken out of the queue")


def _resume(found: Outcome, runs_dir: Path) -> None:
    left = found.left
    for each in left:
        launch.prepare_resume(each.run)
        enqueue(each.run)
    begun = len(start_waiting([runs_dir], SECONDS))
    echo(f"{formatting.count(len(left), 'run')} of {len(found.trials)} put into the queue, {begun} begun")


def _names(runs: Sequence[RunSummary]) -> str:
    return formatting.count(len(runs), "run")
