"""How far training or a download is: a progress bar, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from core import files
from core.data import download, registry
from core.errors import DamagedFile, RunError
from core.jobs import launch
from core.runs.metrics.reader import MetricsReader, Table
from core.runs.requests import Action
from core.runs.run import Run
from core.runs.status import State, Status
from tui import formatting
from tui.commands.output import LowestLines, echo, print_error
from tui.commands.words import command_hint
from tui.interrupts import Told, tidied_up
from tui.terminal.guard import SHOW_CURSOR, guarded

POLL_SECONDS = 0.25


class Follower:
    """Shows a run that a trainer has until it is done with it; `told` is what signals tell this process."""

    def __init__(self, run: Run, console: Console, told: Told) -> None:
        self.run = run
        self._console, self._told, self._line = console, told, LowestLines(console)
        self._reader = MetricsReader(run.metrics_path)
        self._shown = 0

    def follow(self) -> State:
        """Show the run until it ends; the state it ended in. Raises RunError when it is left before."""
        self._reader.poll()
        self._shown = len(self._reader.epochs)
        return self._follow_with_bar() if self._console.is_terminal else self._follow_in_lines()

    def _follow_with_bar(self) -> State:
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            expand=True,
        )
        task = progress.add_task(self.run.name, total=None, rate="")
        try:
            for status, state in self._observed():  # noqa: B007 - the last one counts
                progress.update(
                    task,
                    description=f"epoch {formatting.epochs(status)}",
                    total=(status.epochs * status.steps_per_epoch) or None,
                    completed=self._step(status),
                    rate=status.activity if status.activity != "training" else rate(status),
                )
                self._line.draw(progress)
        finally:
            self._line.erase()
        return state

    def _follow_in_lines(self) -> State:
        *_, (_, state) = self._observed()
        return state

    def _observed(self) -> Iterator[tuple[Status, State]]:
        """The status over and over, each time with what is new printed, until no trainer has the run."""
        stops = saves = 0
        while True:
            try:
                status, state = self.run.observe()
                self._reader.poll()
            except OSError as error:
                if not files.may_pass(error):
                    raise
                time.sleep(POLL_SECONDS)
                continue
            self._print_epochs(status)
            yield status, state
            if not state.active:
                return
            if saves < self._told.saves:
                saves = self._told.saves
                self._ask("save")
            if stops < self._told.stops:
                if stops == 0:
                    self._line.erase()
                    self._console.print("saving and stopping; Ctrl-C again leaves at once")
                    self._ask("stop")
                stops = self._told.stops
                if stops > 1:
                    raise RunError(f"left {self.run.name} to itself; it was asked to save and stop")
            time.sleep(POLL_SECONDS)

    def _ask(self, action: Action) -> None:
        with suppress(RunError):  # it ended just now, as the next look at it shows
            launch.send_request(self.run, action)

    def _step(self, status: Status) -> int:
        steps = self._reader.steps["step"]
        return max(status.step, int(steps[-1])) if len(steps) else status.step

    def _print_epochs(self, status: Status) -> None:
        epochs = self._reader.epochs
        if self._shown < len(epochs):
            self._line.erase()
        for row in range(self._shown, len(epochs)):
            self._console.print(epoch_line(epochs, row, status.epochs), highlight=False, soft_wrap=True)
        self._shown = len(epochs)


@contextmanager
def going_on(runs: Iterable[Run]) -> Iterator[None]:
    """Where this command can go on no more, say which of the runs train on and how to stop them."""
    try:
        yield
    except (OSError, DamagedFile, SystemExit) as error:  # rich ends the program where nobody reads its output
        for run in runs:
            with suppress(OSError, DamagedFile):
                status, state = run.observe()
                if state.active:
                    stop = command_hint(run, "control", "stop")
                    print_error(f"{run.name} trains on in process {status.pid}; stop it: {stop}")
        raise error


def epoch_line(epochs: Table, row: int, goal: int) -> str:
    """What one finished epoch came to."""
    value = {name: float(epochs[name][row]) for name in ("epoch", "train_loss", "val_loss", "images_per_second")}
    validated = f"  val loss {formatting.loss(value['val_loss'])}" if value["val_loss"] == value["val_loss"] else ""
    speed = formatting.throughput(value["images_per_second"])
    return f"epoch {value['epoch']:.0f}/{goal}  train loss {formatting.loss(value['train_loss'])}{validated}  {speed}"


def status_line(status: Status, state: State, reader: MetricsReader) -> str:
    """How far a run is and what it came to so far, in one line."""
    steps, epochs = reader.steps, reader.epochs
    parts = [str(state)]
    if status.epochs:
        parts += [f"epoch {status.epoch}/{status.epochs}", f"step {status.step:,}"]
    elif status.reason:  # of a run that was not trained here
        parts.append(status.reason)
    if len(steps):
        parts.append(f"loss {formatting.loss(float(steps['loss'][-1]))}")
    validated = [float(loss) for loss in epochs["val_loss"] if loss == loss] if len(epochs) else []
    if validated:
        parts.append(f"val loss {formatting.loss(validated[-1])}")
    if state.active:
        parts += [rate(status), "" if status.activity == "training" else status.activity]
    return "  ".join(filter(None, parts))


def rate(status: Status) -> str:
    """How fast a run trains, empty before that is known."""
    return formatting.throughput(status.images_per_second) if status.images_per_second else ""


def download_in_terminal(name: str, data_dir: Path) -> None:
    """Download a set that is not on disk. Raises DataError."""
    if registry.is_on_disk(name, data_dir):
        print(f"{name} is on disk already")
        return
    echo(f"downloading {name} to {data_dir}")
    with guarded(SHOW_CURSOR), tidied_up():
        _download(name, data_dir, Console())


def _download(name: str, data_dir: Path, console: Console) -> None:
    if not console.is_terminal:
        download.download(name, data_dir, _print_finished)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress, line = Progress(*columns), LowestLines(console)
    task = progress.add_task(name)

    def show(news: download.Progress) -> None:
        file = f"{news.file} ({news.file_index + 1} of {news.files})"
        progress.update(task, description=file, completed=news.bytes_done, total=news.bytes_total)
        line.draw(progress)

    try:
        download.download(name, data_dir, show)
    finally:
        line.erase()


def _print_finished(news: download.Progress) -> None:
    if news.bytes_done == news.bytes_total:
        print(f"{news.file} ({news.file_index + 1} of {news.files}): {news.bytes_done:,} bytes", flush=True)
