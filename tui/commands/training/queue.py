"""The command that shows and changes the queue, and what commands do that have a run wait in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from core.errors import ConfigError, DamagedFile, UserError, describe
from core.jobs import launch
from core.jobs.queue.register import MOST_AT_ONCE, read_register
from core.jobs.queue.starting import PAUSED, STARTS, Waiting, reasons, start_waiting, waiting_runs
from core.jobs.queue.trainers import Devices
from core.jobs.queue.waiting import leave, move, place_of, set_at_once, set_paused, standing
from core.runs.catalog import find_run
from core.runs.run import Run
from core.text import printable
from tui import formatting
from tui.commands.options.common import Json, RunsDir, complete_run
from tui.commands.output import echo, print_error, print_json, print_table
from tui.commands.words import RUNS_DIR, command_hint
from tui.tables import PlainTable

SECONDS = 5.0  # that a command waits for others which start runs
HELD = f"{PAUSED}: nothing that waits begins; vae-tui queue --continue goes on with it"


def _run_option(name: str, purpose: str) -> Any:
    return typer.Option(name, help=purpose, metavar="RUN", show_default=False, autocompletion=complete_run)


def queue(
    cancel: Annotated[str | None, _run_option("--cancel", "Take a run out of the queue; it stays as it is.")] = None,
    move_: Annotated[str | None, _run_option("--move", "Give a run another place.")] = None,
    to: Annotated[int, typer.Option("--to", help="The place that it is moved to.", metavar="N", min=1)] = 1,
    at_once: Annotated[
        str | None,
        typer.Option(
            "--at-once",
            help="From now on so many runs train at a time on each GPU, and on the processor; or auto.",
            metavar="N",
            show_default="one on a GPU, one for every four cores",
        ),
    ] = None,
    pause: Annotated[
        bool | None,
        typer.Option(
            "--pause/--continue",
            help="Have nothing that waits begin, or let it begin again; what trains continues.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    if pause is not None:
        set_paused(pause)
    if at_once is not None:
        set_at_once(_number(at_once))
    if cancel is not None:
        run = find_run(runs_dir, cancel)
        leave(run)
        echo(f"{run.name} waits no more; go on with it: {command_hint(run, 'resume')}")
    if move_ is not None:
        run = find_run(runs_dir, move_)
        before = place_of(run)
        place = move(run, to - before if before else 0)
        echo(f"{run.name} is number {place} in the queue")
    if cancel is not None or move_ is not None:
        return
    start_waiting([runs_dir], SECONDS)
    problems: dict[str, str] = {}
    waiting = waiting_runs(runs_dir.absolute(), problems)
    if as_json:
        print_json([_as_json(each) for each in waiting])
    else:
        _print(waiting)
    for name, problem in problems.items():
        print_error(f"{name} cannot wait in the queue: {problem}")


def _number(text: str) -> int | None:
    """How many runs train at once, None for as usual. Raises ConfigError."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text[:10]) <= MOST_AT_ONCE:
        raise ConfigError({"at_once": f"at once must be auto or 1 to {MOST_AT_ONCE}, not {text[:40]!r}"})
    return int(text)


def _as_json(each: Waiting) -> dict[str, Any]:
    """Plain values under stable names, for programs."""
    entry = each.entry
    return {"name": each.run.name, "path": str(each.run.path), "place": place_of(each.run), "host": entry.host} | {
        "since": entry.order,
        "epochs": entry.epochs,
        "learning_rate": entry.learning_rate,
    }


def _print(waiting: Sequence[Waiting]) -> None:
    if waiting:
        elsewhere = any(not each.entry.is_of_this_host for each in waiting)
        table = PlainTable("", "run", "preset", "data set", *["host"] * elsewhere, "", box=None, pad_edge=False)
        why = reasons(waiting)
        for each in waiting:
            cells = [str(place_of(each.run)), printable(each.run.name), *_trained(each.run)]
            begins = STARTS if why[each.run] == STARTS else ""
            table.add_row(*cells, *[printable(each.entry.host)] * elsewhere, begins)
        print_table(table)
        for line in _waits(waiting, why):
            echo(line)
    else:
        echo("no run waits")
    register = read_register()
    room = Devices(register.at_once, ())
    most = ", ".join(f"{count} on {'the processor' if name == 'cpu' else name}" for name, count in room.room.items())
    count = launch.training_here()
    echo(f"{formatting.count(count, 'run')} train{'s' * (count == 1)} now on this machine; at a time {most}")
    if register.paused:
        echo(HELD)


def _trained(run: Run) -> tuple[str, str]:
    """The preset of a run and its data set; nothing where they cannot be read, which is why it waits."""
    try:
        config = run.config()
    except (DamagedFile, OSError):
        return "", ""
    return config.preset, printable(config.dataset_title)


def _waits(waiting: Sequence[Waiting], why: Mapping[Run, str]) -> Iterator[str]:
    """How many wait for what, a line for each reason."""
    found = Counter(why[each.run] for each in waiting if each.entry.is_of_this_host)
    for reason, count in found.items():
        if reason not in ("", STARTS, PAUSED):
            yield f"{formatting.count(count, 'run')} wait{'s' * (count == 1)}: {printable(reason)}"


def check_queue(queue: bool, *, create_only: bool, on_finish: str | None, time_limit: float | None) -> None:
    """Raise ConfigError where a run is to wait and something else that does not go with that."""
    given = {"--create-only": create_only, "--on-finish": on_finish is not None, "--time-limit": time_limit is not None}
    if queue and any(given.values()):
        other = next(name for name, is_given in given.items() if is_given)
        raise ConfigError({"queue": f"--queue must be left out with {other}"})


def await_turn(runs: Sequence[Run]) -> None:
    """Start what there is room for, and say which of these runs wait."""
    started = start_waiting({run.path.parent for run in runs}, SECONDS)
    for run in runs:
        if run in started:
            echo(f"{run.name} trains; look at it with: {command_hint(run)}")
        else:
            echo(f"{run.name} is {standing(run)}; look at it with: vae-tui queue")


def await_turns(entered: Sequence[Run], of: int, sweep: str) -> None:
    """Start what there is room for of a sweep that was entered, and say where it is looked at."""
    started = start_waiting({run.path.parent for run in entered}, SECONDS)
    begun = sum(run in entered for run in started)
    echo(f"{len(entered)} of {formatting.count(of, 'run')} put into the queue, {begun} of them begin")
    if read_register().paused:
        echo(HELD)
    echo(f"what comes out: vae-tui sweeps {sweep}")


def start_what_waits() -> None:
    """Start what there is room for: a trainer may have been killed, which then started nothing."""
    try:
        start_waiting()
    except (UserError, OSError) as error:
        print_error(f"cannot start what waits in the queue: {describe(error)}")
