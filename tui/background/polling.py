"""Follows runs off the UI thread and hands on one immutable snapshot whenever something changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from core.arrays import Column
from core.errors import DamagedFile, describe
from core.runs.catalog import Catalog, RunSummary, Unreadable, newest_first, summarise
from core.runs.metrics.lines import EPOCH_COLUMNS, STEP_COLUMNS
from core.runs.metrics.reader import MetricsReader, Table
from core.runs.run import Run
from tui.messages import RunUpdate, Snapshot

POLL_SECONDS = 0.5
News = TypeVar("News", covariant=True)


class Reader(Protocol[News]):
    """What a poller reads; tests put their own in its place."""

    def poll(self) -> News | None:
        """What there is to see now, None when nothing changed since the last call."""


class RunReader:
    """One run, its metrics included."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._metrics = MetricsReader(run.metrics_path)
        self._seen: tuple[object, ...] | None = None

    def poll(self) -> Snapshot | None:
        """A snapshot when any file of the run says something new."""
        summary = summarise(self._run)
        damage = None if summary.gone else self._poll_metrics()  # what was read of it is still true
        weights = self._run.weights_version()
        seen = (summary, weights, damage, len(self._metrics.steps), len(self._metrics.epochs))
        if seen == self._seen:
            return None
        self._seen = seen
        steps, epochs = self._metrics.steps, self._metrics.epochs
        return Snapshot(summary, columns(steps, STEP_COLUMNS), columns(epochs, EPOCH_COLUMNS), weights, damage)

    def _poll_metrics(self) -> str | None:
        try:
            self._metrics.poll()
        except (DamagedFile, OSError) as error:
            return describe(error)
        count = self._metrics.damaged_lines
        return f"metrics.jsonl: {count:,} damaged line{'s' * (count != 1)} left out" if count else None


class RunUpdateReader:
    """One run without its metrics."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: tuple[object, ...] | None = None

    def poll(self) -> RunUpdate | None:
        """An update when the state of the run or its weights changed, or another run took its place."""
        run_update = RunUpdate(summarise(self._run), self._run.weights_version())
        summary = run_update.summary
        seen = (summary.state, summary.damage, summary.config, run_update.weights_version)
        if seen == self._seen:
            return None
        self._seen = seen
        return run_update


class RunsReader:
    """All runs of a folder in short, newest first."""

    def __init__(self, runs_dir: Path) -> None:
        self._catalog = Catalog(runs_dir)
        self._seen: tuple[list[RunSummary], Unreadable] | None = None

    @property
    def unreadable(self) -> Unreadable:
        """What is beside them and cannot be looked into, as of the last poll."""
        return self._catalog.unreadable

    def poll(self) -> list[RunSummary] | None:
        """The runs when any of them changed; those that did not are the same objects as before."""
        seen, self._seen = self._seen, None  # after a failure there is news
        summaries = self._catalog.look()
        if (summaries, self.unreadable) == seen:
            self._seen = seen
            return None
        self._seen = summaries, self.unreadable
        return newest_first(summaries)


def columns(table: Table, names: tuple[str, ...]) -> dict[str, Column]:
    """The table as it is now."""
    return {name: table[name] for name in names}


class Poller(Generic[News]):
    """A thread that polls a reader twice a second and hands on what is new, until it is closed.

    An OSError of the reader, such as a folder that is gone for a moment, goes to `on_error` once until a poll succeeds.
    """

    def __init__(
        self,
        reader: Reader[News],
        on_update: Callable[[News], object],
        on_error: Callable[[OSError], object],
        seconds: float = POLL_SECONDS,
    ) -> None:
        self._reader, self._on_update, self._on_error, self._seconds = reader, on_update, on_error, seconds
        self._wake = threading.Event()
        self._resumed = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        self._resumed.set()
        self._thread.start()

    def close(self) -> None:
        """Hand on nothing more; the thread ends soon after."""
        self._closed = True
        self._resumed.set()
        self._wake.set()

    def pause(self) -> None:
        """Poll no more until `resume`."""
        self._resumed.clear()

    def resume(self) -> None:
        """Poll at once, and go on."""
        self._resumed.set()
        self.poll_now()

    def poll_now(self) -> None:
        """Do not wait for the next turn."""
        self._wake.set()

    def _poll(self) -> None:
        failing = False
        while not self._closed:
            self._wake.clear()
            try:
                news = self._reader.poll()
                failing = False
            except OSError as error:
                news = None
                if not failing:
                    failing = True
                    self._on_error(error)
            if news is not None and not self._closed:
                self._on_update(news)
            self._wake.wait(self._seconds)
            self._resumed.wait()
