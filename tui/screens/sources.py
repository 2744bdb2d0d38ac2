"""Where screens read from: the runs of a folder, explored with the images of another.

What reads is loaded when a poller opens it, off the UI thread: the list's first frame needs none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tui.background.garbage import collect_by_the_clock

if TYPE_CHECKING:
    from core.explorer.client import ExplorerProcess
    from core.explorer.protocol import Explorer, Report
    from core.runs.catalog import RunSummary
    from core.runs.run import Run
    from tui.background.polling import Reader
    from tui.background.readers import RunsReader
    from tui.messages import Moments, RunUpdate, Snapshot
    from tui.screens.runs.training import PicturesReader

Made = TypeVar("Made")


@dataclass(frozen=True)
class Sources:
    """Where screens read from; tests put their own readers in."""

    runs: Callable[[], Reader[list[RunSummary]]]
    snapshots: Callable[[Run], Reader[Snapshot]]
    pictures: Callable[[Run], PicturesReader]
    updates: Callable[[Run], Reader[RunUpdate]]
    explorer: Callable[[Run, Report], Explorer]
    moments: Callable[[Run], Reader[Moments]]
    other_runs: Callable[[Run], list[Run]]
    unreadable: Callable[[], object] = str  # what is beside the runs and cannot be read, in a line
    prepare: Callable[[], object] = lambda: None  # what explores, for questions that are about to come
    end_unused: Callable[[float], object] = lambda seconds: None  # what explores, if nothing was asked for so long
    close: Callable[[], object] = lambda: None


class Once(Generic[Made]):
    """Makes something where it is first asked for, in whichever thread that is, and gives the same from then on."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[Made] = []

    def __call__(self) -> Made:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    @property
    def is_made(self) -> bool:
        """Whether it was asked for."""
        return bool(self._made)


def real_sources(runs_dir: Path, data_dir: Path) -> Sources:
    """The runs of a folder, explored with the images of another in a process of its own."""

    def open_explorers() -> ExplorerProcess:
        from core.explorer.client import ExplorerProcess

        return ExplorerProcess(data_dir)

    explorers = Once(open_explorers)

    def end_unused(seconds: float) -> None:
        if explorers.is_made:
            explorers().end_unused(seconds)

    def close() -> None:
        if explorers.is_made:
            explorers().close()

    read = sources_of(runs_dir, lambda run, report: explorers().of(run, report))
    return replace(read, prepare=lambda: explorers().prepare(), end_unused=end_unused, close=close)


def sources_of(runs_dir: Path, explorer: Callable[[Run, Report], Explorer]) -> Sources:
    """The runs of a folder, explored by these explorers."""

    def open_runs() -> RunsReader:
        from tui.background.readers import RunsReader

        collect_by_the_clock()  # what was loaded just now is left out too
        return RunsReader(runs_dir)

    runs = Once(open_runs)

    def snapshots(run: Run) -> Reader[Snapshot]:
        from tui.background.snapshots import RunReader

        return RunReader(run, _standing)

    def updates(run: Run) -> Reader[RunUpdate]:
        from tui.background.readers import RunUpdateReader

        return RunUpdateReader(run)

    def moments(run: Run) -> Reader[Moments]:
        from tui.background.snapshots import MomentsReader

        return MomentsReader(run)

    def pictures(run: Run) -> PicturesReader:
        from tui.background.preview import PreviewReader

        return PreviewReader(run, explorer)

    def other_runs(run: Run) -> list[Run]:
        """Those that one would compare it with first: of its family, with weights, of its preset, of its loss, new."""
        from core.runs.catalog import find_runs, newest_first, summarise

        this = summarise(run)
        summaries = newest_first(summarise(found) for found in find_runs(runs_dir) if found != run)
        whole = [summary for summary in summaries if summary.damage is None]
        return [summary.run for summary in sorted(whole, key=partial(_distance, this))]

    return Sources(
        runs=runs,
        snapshots=snapshots,
        pictures=pictures,
        updates=updates,
        explorer=explorer,
        moments=moments,
        other_runs=other_runs,
        unreadable=lambda: runs().unreadable,
    )


def _distance(run: RunSummary, other: RunSummary) -> tuple[bool, bool, bool, bool]:
    """How little one run has to do with another."""
    related = _forked_from(other) == run.run.name or _forked_from(run) == other.run.name
    without_weights = not other.run.weights_version()
    return (
        not related,
        without_weights,
        run.preset != other.preset,
        run.preset.learns_prior != other.preset.learns_prior,
    )


def _forked_from(run: RunSummary) -> str | None:
    return run.config.forked_from.run if run.config and run.config.forked_from else None


def _standing(run: Run) -> str:
    from core.jobs.queue.waiting import standing

    return standing(run)
