"""The commands that manage runs, trainers and image sets, and measure this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from core import files, program
from core.data import registry
from core.data.registry import SetOnDisk
from core.errors import ConfigError, RunError
from core.jobs import launch
from core.runs.alerts.following import RunAlerts
from core.runs.catalog import RunSummary, Unreadable, find_run, find_runs, newest_first, summarise_whole, with_places
from core.runs.choosing.conditions import parse_condition
from core.runs.config import check_values
from core.runs.metrics.reader import MetricsReader
from core.runs.requests import ACTIONS
from core.runs.watching import with_alerts
from core.text import printable
from core.trash import TRASH, find_deleted, find_in_trash, restore
from tui import formatting
from tui.commands.options.common import DataDir, Json, RunName, RunsDir, expand
from tui.commands.output import EXIT_INTERRUPTED, echo, print_error, print_json, print_table, table_width
from tui.commands.training.progress import POLL_SECONDS, download_in_terminal, status_line
from tui.commands.words import RUNS_DIR
from tui.interrupts import Told
from tui.run_columns import fitted
from tui.tables import PlainTable

LOG_TAIL = 1 << 20  # bytes of a log in which its last lines are looked for
WATCH_SECONDS = 1.0


def control(
    run: RunName,
    action: Annotated[str, typer.Argument(metavar="|".join(ACTIONS), autocompletion=lambda: list(ACTIONS))],
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    if action not in ACTIONS:
        raise ConfigError({"action": f"action must be one of {', '.join(ACTIONS)}, not {action[:60]!r}"})
    found = find_run(runs_dir, run)
    launch.send_request(found, action)
    echo(f"asked {found.name} to {action}")


def set_rate(
    run: RunName,
    learning_rate: Annotated[
        str,
        typer.Option(
            "--learning-rate",
            help="The rate from now on; a cosine schedule continues from where it is.",
            metavar="X",
            show_default=False,
        ),
    ],
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    rate = check_values(learning_rate=learning_rate).learning_rate
    found = find_run(runs_dir, run)
    launch.send_learning_rate(found, rate)
    echo(f"asked {found.name} to go on with learning rate {rate:g}")


def runs(
    runs_dir: RunsDir = RUNS_DIR,
    as_json: Json = False,
    trash: Annotated[
        bool, typer.Option("--trash", help="List the runs that were deleted, the one deleted last first.")
    ] = False,
    to_restore: Annotated[
        str | None,
        typer.Option("--restore", help="Take back a run that was deleted.", metavar="NAME", show_default=False),
    ] = None,
    filter_: Annotated[
        str,
        typer.Option(
            "--filter",
            help="Only runs that are so: words, or such as 'preset=vae and val_loss<40', state=running.",
            metavar="CONDITION",
            show_default=False,
        ),
    ] = "",
) -> None:
    condition = parse_condition(filter_)
    deleted = find_deleted(runs_dir)
    if to_restore is not None:
        restored = restore(find_in_trash(deleted, to_restore))
        echo(f"{restored.name} is back in {restored.path}")
        return
    unreadable = Unreadable()
    found = deleted if trash else find_runs(runs_dir, unreadable)
    whole = with_places([with_alerts(summarise_whole(each), {}) for each in found])
    summaries = whole if trash else newest_first(whole)
    there, summaries = len(summaries), [summary for summary in summaries if condition.holds(summary)]
    if as_json:
        print_json([summary.as_json() for summary in summaries])
    elif there and not summaries:
        echo(f"none of {formatting.count(there, 'run')} is like that: {condition.text}")
    elif trash:
        print_trash(summaries, runs_dir)
    else:
        print_runs(summaries, runs_dir)
    if unreadable:
        print_error(str(unreadable))


def logs(
    run: RunName,
    runs_dir: RunsDir = RUNS_DIR,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing what comes, until training ends.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.", metavar="N", min=0)] = 20,
) -> None:
    found = find_run(runs_dir, run)
    if not files.exists(found.log_path):
        raise RunError(f"{found.name} has no {found.log_path.name}: no trainer has had it yet")
    with files.opened(found.log_path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as log:
        log.seek(max(0, os.fstat(descriptor).st_size - LOG_TAIL))
        begun = _echo_lines(deque(log, lines))
        while follow and found.observe()[1].active:
            time.sleep(POLL_SECONDS)
            begun = _echo_lines(log, begun)
        if begun := _echo_lines(log, begun):
            _echo_lines([b"\n"], begun)


def _echo_lines(lines: Iterable[bytes], begun: bytes = b"") -> bytes:
    """Print lines of which the first began so; what was not written to its end yet comes back."""
    for line in lines:
        begun += line
        if begun.endswith(b"\n"):
            echo(begun.decode("utf-8", "replace").rstrip("\n"))
            begun = b""
    return begun


def watch(run: RunName, runs_dir: RunsDir = RUNS_DIR) -> None:
    found = find_run(runs_dir, run)
    reader = MetricsReader(found.metrics_path)
    alerts, said = RunAlerts(found.metrics_path, reader), ""
    while True:
        status, state = found.observe()
        reader.poll()
        echo(status_line(status, state, reader))
        looked = alerts.add_to(RunSummary(found, state=state, config=found.config(), status=status))
        problems = "; ".join(alert.text for alert in looked.alerts if alert.is_problem)
        if problems and problems != said:
            echo(f"! {problems}")
        said = problems
        if not state.active:
            return
        time.sleep(WATCH_SECONDS)


def data_sets(
    data_dir: DataDir = None,
    as_json: Json = False,
    download: Annotated[
        str | None, typer.Option("--download", help="Fetch this set first.", metavar="SET", show_default=False)
    ] = None,
) -> None:
    folder = (data_dir or registry.default_data_dir()).absolute()
    if download is not None:
        download_in_terminal(registry.resolve(download, folder), folder)
    sets = registry.describe_sets(folder)
    if as_json:
        print_json([found.as_json() for found in sets])
        return
    print_sets(sets, folder)


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="training, others, viewer, curves or latents; may be given again.", metavar="PART"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, to see that it works.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", help="Compare with what --json printed into a file.", metavar="FILE", callback=expand
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    checkout = Path(__file__).parents[2]
    if not (checkout / "tests" / "benchmarks").is_dir():
        raise RunError("the benchmarks are part of the repository: install it with pip install -e '.[test]'")
    if find_spec("pyte") is None:
        raise RunError("the benchmarks need what the tests need: pip install -e '.[test]'")
    options = [*(f"--only={part}" for part in only or ()), *["--quick"] * quick, *["--json"] * as_json]
    options += [f"--against={against.absolute()}"] if against else []
    command = [*program.words("tests.benchmarks"), *options]
    with Told() as told:
        # In a session of its own, so that ctrl+c is told to this process only, and to none that is measured.
        measuring = subprocess.Popen(command, cwd=checkout, start_new_session=True)
        while measuring.poll() is None and not told.stops:
            time.sleep(POLL_SECONDS)
        measuring.terminate()
    raise typer.Exit(EXIT_INTERRUPTED if told.stops else measuring.returncode)


def print_runs(summaries: Sequence[RunSummary], runs_dir: Path) -> None:
    """One row a run; damaged runs with what is wrong."""
    if not summaries:
        echo(f"no runs in {runs_dir.absolute()} yet; train one with: vae-tui train")
        return
    titles, rows = fitted(summaries, table_width())
    table = PlainTable(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    print_table(table)
    for summary in summaries:
        status, problems = summary.status, [alert.text for alert in summary.alerts if alert.is_problem]
        for remark in (summary.damage or (status and (status.error or status.reason)), *problems, summary.newer):
            if remark:
                print(f"{printable(summary.run.name)}: {printable(remark)}")
    for reason in dict.fromkeys(summary.read_only for summary in summaries if summary.read_only):
        names = ", ".join(summary.run.name for summary in summaries if summary.read_only == reason)
        print(f"{reason}: {printable(names)}")


def print_trash(summaries: Sequence[RunSummary], runs_dir: Path) -> None:
    """One row a run, and how they are taken back or removed for good."""
    if not summaries:
        print(f"no run of {runs_dir.absolute()} is in the trash")
        return
    print_runs(summaries, runs_dir)
    print("\ntake one back with: vae-tui runs --restore NAME")
    print(f"free their space with: rm -r {shlex.quote(str(runs_dir.absolute() / TRASH))}")


def print_sets(sets: Sequence[SetOnDisk], folder: Path) -> None:
    """One row an image set, and how to get those that are missing."""
    table = PlainTable("set", "on disk", "images", "where", box=None, pad_edge=False)
    for found in sets:
        where = printable(str(found.folder)) if found.folder else "comes with vae-tui"
        table.add_row(found.name, "yes" if found.on_disk else "no", found.title, where if found.on_disk else "–")
    print_table(table)
    if any(not found.on_disk for found in sets):
        echo("")
        echo(f"get one into {folder} with: vae-tui data --download NAME")
