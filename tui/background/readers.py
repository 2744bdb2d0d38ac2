"""What there is to see of runs now, in short, for screens that follow them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.runs.alerts.rules import Alert
from core.runs.catalog import RunSummary, Unreadable, newest_first, summarise
from core.runs.choosing.outcome import Outcome, outcomes
from core.runs.run import Run
from core.runs.watching import Catalog, with_alerts
from tui.messages import RunUpdate

if TYPE_CHECKING:
    from core.runs.alerts.following import RunAlerts


class RunUpdateReader:
    """One run without its metrics."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: tuple[object, ...] | None = None
        self._alerts: dict[str, RunAlerts] = {}

    def poll(self) -> RunUpdate | None:
        """An update when the state of the run, its alerts or weights changed, or another run took its place."""
        version, summary = self._run.weights_version(), summarise(self._run)
        if self._seen is not None or not summary.is_active:  # the first update is waited for
            summary = with_alerts(summary, self._alerts)
        seen = (summary.state, summary.alerts, summary.damage, summary.config, version)
        if seen == self._seen:
            return None
        self._seen = seen
        return RunUpdate(summary, version)


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


class OutcomeReader:
    """What a sweep of a folder came to so far; `key` is that of its group."""

    def __init__(self, runs_dir: Path, key: str) -> None:
        self._reader, self._key = RunsReader(runs_dir), key
        self._last: Outcome | None = None

    def poll(self) -> Outcome | None:
        """The outcome when one of its runs changed, or there are others."""
        summaries = self._reader.poll()
        if summaries is None:
            return None
        known = {trial.run: trial for trial in self._last.trials} if self._last else {}
        found = next((each for each in outcomes(summaries, known) if each.key == self._key), None)
        before, self._last = self._last, found or self._last
        return None if found == before else found


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
