"""Where screens read from: the runs of a folder, explored with the images of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.explorer.protocol import Explorer, Report
from core.runs.catalog import RunSummary, find_runs, newest_first, summarise
from core.runs.run import Run
from tui.background.explorers import ExplorerCache
from tui.background.polling import Reader, RunReader, RunsReader, RunUpdateReader
from tui.messages import RunUpdate, Snapshot

if TYPE_CHECKING:
    from tui.screens.runs.training import PicturesReader


@dataclass(frozen=True)
class Sources:
    """Where screens read from; tests put their own readers in."""

    runs: Callable[[], Reader[list[RunSummary]]]
    snapshots: Callable[[Run], Reader[Snapshot]]
    pictures: Callable[[Run], PicturesReader]
    updates: Callable[[Run], Reader[RunUpdate]]
    explorer: Callable[[Run, Report], Explorer]
    other_runs: Callable[[Run], list[Run]]
    unreadable: Callable[[], object] = str  # what is beside the runs and cannot be read, in a line


def real_sources(runs_dir: Path, data_dir: Path) -> Sources:
    """The runs of a folder, explored with the images of another."""
    explorers = ExplorerCache(data_dir)
    runs = RunsReader(runs_dir)

    def pictures(run: Run) -> PicturesReader:
        from tui.background.preview import PreviewReader

        return PreviewReader(run, explorers.of)

    def other_runs(run: Run) -> list[Run]:
        """Those with a loss of the same kind first, of these the newest."""
        summaries = newest_first(summarise(found) for found in find_runs(runs_dir) if found != run)
        whole = [summary for summary in summaries if summary.damage is None]
        alike = summarise(run).preset.learns_prior
        return [summary.run for summary in sorted(whole, key=lambda summary: summary.preset.learns_prior != alike)]

    return Sources(
        runs=lambda: runs,
        snapshots=RunReader,
        pictures=pictures,
        updates=RunUpdateReader,
        explorer=explorers.of,
        other_runs=other_runs,
        unreadable=lambda: runs.unreadable,
    )
