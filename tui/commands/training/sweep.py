"""The command that trains several runs: a table follows them, or lines where there is no terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.console import Group as Lines
from rich.text import Text

from core.data import registry
from core.errors import RunError
from core.jobs.queue.together import MOST_TOGETHER
from core.jobs.search import MEMBERS_LIMIT, parse_choice
from core.jobs.sweep import Member, Sweep, company, enqueue, plan, plan_trials
from core.jobs.trainer.limit import TimeLimit as Limit
from core.runs.architecture.presets import DEFAULT_PRESET, PRESETS
from core.runs.catalog import RunSummary, find_run
from core.runs.choosing.seeds import Spread, spreads
from core.runs.config import OF_OWN, check_last_batch, check_values
from core.runs.first_stage import first_stage_settings, with_images
from core.runs.settings import SETTINGS
from core.runs.status import State
from core.text import printable
from tui import formatting
from tui.commands.options.common import DataDir, Json, OnFinish, Queue, RunsDir, TimeLimit
from tui.commands.options.settings import Shared, check_share, setting_option, takes_settings
from tui.commands.output import EXIT_FAILED, EXIT_TIME_LIMIT, LowestLines, echo, print_error, print_json, print_table
from tui.commands.training.cluster import Launcher, SlurmOptions, check_launcher, submit_members
from tui.commands.training.progress import going_on
from tui.commands.training.queue import await_turns, check_queue
from tui.commands.training.slots import find_slots
from tui.commands.training.train import check_time_limit
from tui.commands.words import RUNS_DIR
from tui.interrupts import Told
from tui.run_columns import RUN_COLUMNS
from tui.tables import PlainTable
from tui.terminal.guard import SHOW_CURSOR, guarded

POLL_SECONDS = 0.5
COLUMNS = ("state", "epoch", "train", "val")
DEFAULTS = {"preset": DEFAULT_PRESET, "seed": "0-2"}
RANGES = {"learning_rate": "1e-4..1e-2", "beta": "0.1..1"}


def _option(name: str) -> Any:
    """The option of a setting: a list of values where a sweep may vary it."""
    setting = SETTINGS[name]
    if name == "device":
        return setting_option(name, help="Device to train on; auto: every GPU, else the CPU.")
    if not setting.sweep:
        return setting_option(name)
    span = f", or {RANGES[name]}" if name in RANGES else ""
    values = f"{setting.help}; such as {setting.sweep}{span}."
    return setting_option(name, help=values, metavar="LIST", default=DEFAULTS.get(name, ""))


@takes_settings({name: _option(name) for name, setting in SETTINGS.items() if setting.in_sweep})
def sweep(
    settings: dict[str, Any],
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            help="Runs at a time.",
            min=1,
            metavar="N",
            show_default=f"{MOST_TOGETHER} on each GPU that can share a step, else one; one on the CPU",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            help="Draw so many members at random instead of all combinations; a larger N draws the same ones first.",
            min=1,
            max=MEMBERS_LIMIT,
            metavar="N",
            show_default="every combination",
        ),
    ] = None,
    search_seed: Annotated[int, typer.Option("--search-seed", help="Seed of what is drawn.", min=0, metavar="N")] = 0,
    queue: Queue = False,
    launcher: Launcher = None,
    slurm: SlurmOptions = None,
    name: Annotated[
        str, typer.Option("--name", help="What the names of the runs begin with.", metavar="NAME")
    ] = "sweep",
    as_json: Json = False,
    on_finish: OnFinish = None,
    time_limit: TimeLimit = None,
    share: Shared = None,
    runs_dir: RunsDir = RUNS_DIR,
    data_dir: DataDir = None,
) -> None:
    began = time.monotonic()
    shared, seconds = check_share(share), check_time_limit(time_limit)
    folder = (data_dir or registry.default_data_dir()).absolute()
    first_stage = find_run(runs_dir, settings["first_stage"]) if "first_stage" in settings else None
    if first_stage:
        settings["first_stage"] = first_stage.name  # which may have been given as a folder
    taken_over = first_stage_settings(first_stage) if first_stage else {}
    weights = first_stage.read_weights() if first_stage else None
    check_queue(queue, create_only=False, on_finish=on_finish, time_limit=seconds)
    given = {"--queue": queue, "--jobs": jobs is not None, "--on-finish": on_finish is not None, "--json": as_json}
    given["--time-limit"] = time_limit is not None
    check_launcher(launcher, slurm or [], given)
    usual = DEFAULTS if trials is None else DEFAULTS | {"seed": "0"}
    chosen = with_images(usual | settings, folder, taken_over)
    place = Path(chosen["data_dir"] or folder)
    of_images = {name: chosen.get(name) for name in ("holdout", "dataset", "data_dir", *OF_OWN)}
    source = check_values(**of_images).image_source.at(place)
    most_classes = PRESETS["prior" if first_stage else DEFAULT_PRESET].most_classes
    chosen["fingerprint"], said, images = registry.look_through(source, most_classes)
    varied = {
        name: parse_choice(name, chosen.pop(name)) for name in SETTINGS if SETTINGS[name].sweep and name in chosen
    }
    if trials is None:
        members = plan(runs_dir, name, varied, chosen)
    else:
        members = plan_trials(runs_dir, name, varied, chosen, trials, search_seed)
    for member in members:
        check_last_batch(member.config, images)
    for line in filter(None, (said, company(members, name))):
        print_error(line) if as_json else echo(line)
    if launcher is not None:
        submit_members(members, weights, shared, slurm or [], folder)
        echo(f"what comes out: vae-tui sweeps {name}")
        return
    if queue:
        await_turns(enqueue(members, weights, shared), len(members), name)
        return
    slots = find_slots(settings.get("device", "auto"), jobs)
    on_cpu = sum(slot == "cpu" for slot in slots)
    threads = max(1, (os.cpu_count() or 1) // on_cpu) if on_cpu > 1 else None
    together = MOST_TOGETHER if jobs is None else 1
    limit = None if seconds is None else Limit(seconds, began)
    runs = Sweep(members, slots, threads, weights, together, shared, on_finish, limit)
    if not train_all(runs, as_json):
        if runs.ended_by_limit:
            print_error(f"stopped, as its time limit of {limit} is reached; the same command goes on where it was")
        raise typer.Exit(EXIT_TIME_LIMIT if runs.ended_by_limit else EXIT_FAILED)


def train_all(runs: Sweep, as_json: bool) -> bool:
    """Train until all is done or the user stops it, and print the results; whether all runs have finished."""
    console = Console(stderr=as_json, markup=False)
    with guarded(SHOW_CURSOR), Told() as told, _shown(runs, console) as show:
        try:
            with going_on(member.run for member in runs.members):
                _follow(runs, show, told)
        finally:
            runs.end_unbegun()
    found = list(runs.summaries())
    if as_json:
        print_json(results(runs))
    else:
        print_table(table(runs))
        for line in group_lines(runs):
            echo(line)
        if differing := differing_losses(runs):
            echo(f"losses of another {differing} are other sums: vae-tui evaluate compares what comes out")
    for name, reason in runs.failures.items():
        print_error(f"{name} did not start: {reason}")
    for _, summary in found:
        if summary is not None and summary.status is not None and summary.status.error:
            print_error(f"{summary.run.name} failed: {summary.status.error}")
    done = all(summary is not None and summary.state is State.FINISHED for _, summary in found)
    if not done and (told.stops or runs.was_stopped):
        print_error("stopped; the same command goes on where it was")
    return done


def _follow(runs: Sweep, show: Callable[[], None], told: Told) -> None:
    stops = saves = 0
    while True:
        runs.advance()
        show()
        if not runs.active:
            return
        if saves < told.saves:
            saves = told.saves
            runs.save()
        if stops < told.stops:
            if stops == 0:
                runs.stop()
            stops = told.stops
            if stops > 1:
                raise RunError("left the sweep to itself; its runs were asked to save and stop")
        time.sleep(POLL_SECONDS)


@contextmanager
def _shown(runs: Sweep, console: Console) -> Iterator[Callable[[], None]]:
    """Gives what shows how far the sweep is."""
    if console.is_terminal:
        lines = LowestLines(console)
        try:
            yield lambda: lines.draw(Lines(table(runs), Text("Ctrl-C saves and stops", "dim")))
        finally:
            lines.erase()
        return
    said: dict[str, State] = {}

    def tell() -> None:
        for _, summary in runs.summaries():
            if summary is not None and summary.state is not None and said.get(summary.run.name) is not summary.state:
                said[summary.run.name] = summary.state
                if summary.state not in (State.CREATED, State.QUEUED):
                    loss = f"  val loss {formatting.loss(summary.val_loss)}" if summary.state is State.FINISHED else ""
                    console.print(f"{summary.run.name} {summary.state}{loss}", highlight=False, soft_wrap=True)

    yield tell


def table(runs: Sweep) -> PlainTable:
    """One row a run, in the order in which they train; the best validation loss is marked."""
    shown = PlainTable("run", *COLUMNS, "", box=None, pad_edge=False)
    if runs.active:
        shown.add_column("throughput")
    best = best_of(runs)
    for member, summary in runs.summaries():
        row = cells(member, summary, best is not None and member.run.name == best)
        shown.add_row(*row[: len(shown.columns)])
    return shown


def cells(member: Member, summary: RunSummary | None, best: bool) -> list[Text]:
    """A member as the cells of the table."""
    known = [RUN_COLUMNS[column](summary) for column in COLUMNS] if summary else []
    waiting = [Text("· waiting", "dim"), *[Text(formatting.NONE, justify="right")] * (len(COLUMNS) - 1)]
    is_running = summary is not None and summary.state is State.RUNNING
    speed = (
        summary.status.images_per_second if summary and summary.status and is_running else 0
    )  # before the first step
    return [
        Text(printable(member.run.name)),
        *(known or waiting),
        Text("best" if best else ""),
        Text(formatting.throughput(speed) if speed else "", justify="right"),
    ]


def best_of(runs: Sweep) -> str | None:
    """The name of the finished run of the lowest validation loss, where all minimise the same one."""
    if differing_losses(runs):
        return None
    losses = {
        summary.run.name: summary.val_loss
        for _, summary in runs.summaries()
        if summary is not None and summary.state is State.FINISHED and summary.val_loss is not None
    }
    return min(losses, key=lambda name: losses[name]) if len(losses) > 1 else None


def differing_losses(runs: Sweep) -> str:
    """The settings in which members differ that make their losses other sums, in words; nothing where none does."""
    varied = {name for member in runs.members for name in member.varied}
    return " or ".join(name.replace("_", " ") for name in SETTINGS if name in varied and SETTINGS[name].changes_loss)


def group_lines(runs: Sweep) -> Iterator[str]:
    """Mean and spread over the seeds, where there are several."""
    for settings, spread in _spreads(runs):
        if spread is not None and spread.n > 1:
            what = ", ".join(f"{setting.replace('_', ' ')} {value}" for setting, value in settings.items())
            yield f"{what + ': ' if what else ''}val loss {spread} over {spread.n} seeds"


def _spreads(runs: Sweep) -> list[tuple[Mapping[str, object], Spread | None]]:
    found = {
        member.run.name: summary.val_loss
        for member, summary in runs.summaries()
        if summary is not None and summary.state is State.FINISHED
    }
    return spreads((member.varied, found.get(member.run.name)) for member in runs.members)


def results(runs: Sweep) -> dict[str, object]:
    """The results for a program."""
    return {
        "runs": [
            {"name": member.run.name, "settings": dict(member.varied)} | (summary.as_json() if summary else {})
            for member, summary in runs.summaries()
        ],
        "groups": [
            {
                "settings": dict(settings),
                "val_loss": {"mean": None, "std": None, "n": 0} if spread is None else spread.as_json(),
            }
            for settings, spread in _spreads(runs)
        ],
        "best": best_of(runs),
    }
