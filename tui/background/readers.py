"""What there is to see of runs now, in short, for screens that follow them."""

from __future__ import annotations

from pathlib import Path

from core.runs.alerts.rules import Alert
from core.runs.catalog import RunSummary, Unreadable, newest_first, summarise
from core.runs.run import Run
from core.runs.watching import Catalog
from tui.messages import RunUpdate


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


class AlertNews:
    """The alerts of all runs of a folder that were not there before, each with the name of its run."""

    def __init__(self, runs_dir: Path) -> None:
        self._catalog = Catalog(runs_dir)
        self._before: dict[str, set[str]] | None = None

    def poll(self) -> list[tuple[str, Alert]] | None:
        """What is new since the last poll; what there is at the first one is not."""
        summaries = self._catalog.look()
        if self._before is None:
            summaries = self._catalog.look()  # the first one says less
        before = self._before
        self._before = {summary.run.name: {alert.kind for alert in summary.alerts} for summary in summaries}
        news = [
            (summary.run.name, alert)
            for summary in summaries
            for alert in summary.alerts
            if before is not None and alert.kind not in before.get(summary.run.name, ())
        ]
        return news or None
