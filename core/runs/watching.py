"""The runs of a folder as they are followed: read again only where files changed, and measured a few at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import files
from core.runs.alerts.rules import Facts, find_alerts
from core.runs.catalog import RunSummary, Unreadable, folders, is_run, summarise, with_places
from core.runs.keeping.measures import Measures
from core.runs.keeping.queued import Queued
from core.runs.run import Run

if TYPE_CHECKING:
    from core.runs.alerts.following import RunAlerts

# Of the runs that no trainer has, each is looked at in one of so many looks.
TURNS = 4
# Longer than a tick of any file system's clock, within which two changes may not be told apart; FAT's has 2 seconds.
TICK_SECONDS = 2.5
KEPT = ("best", "size", "evaluated", "evaluated_damage", "place")  # from one reading to the next
MEASURED_SECONDS = 0.01  # that a look takes for what takes a look at whole files


@dataclass(frozen=True)
class _Seen:
    """A folder as it was read, `since` when its files have been like that; one that is no run has no summary."""

    run: Run
    summary: RunSummary | None
    version: tuple[int, ...]
    since: float
    read: float

    @property
    def at_rest(self) -> bool:
        """Whether nothing but a file that changes can change the summary."""
        summary = self.summary
        return summary is None or not (summary.damage or summary.state is None or summary.is_active)


def with_alerts(summary: RunSummary, known: dict[str, RunAlerts]) -> RunSummary:
    """The summary with its alerts; `known` has what is kept from look to look of runs that train, by their names."""
    if not summary.is_active:
        known.pop(summary.run.name, None)
        cause = summary.status.cause if summary.status else None
        return replace(summary, alerts=find_alerts(Facts(summary.state, cause)))
    from core.runs.alerts.following import RunAlerts  # loads numpy

    return known.setdefault(summary.run.name, RunAlerts(summary.run.metrics_path)).add_to(summary)


class Catalog:
    """The runs of a folder, which are read again only where files changed.

    Every look reads the folder and the runs that a trainer has. The files of the others are looked at by turns. `clock`
    gives seconds.
    """

    def __init__(self, runs_dir: Path | str, clock: Callable[[], float] = time.monotonic) -> None:
        self._runs_dir, self._clock = Path(runs_dir).absolute(), clock
        self._seen: dict[str, _Seen] = {}
        self.unreadable = Unreadable()
        self._turn = 0
        self._alerts: dict[str, RunAlerts] = {}
        self._measures: dict[str, Measures] = {}
        self._measured: dict[str, tuple[int, ...]] = {}  # the versions that were, or are being
        self._measuring: Iterator[str] = iter(())
        self._queued: dict[str, Queued] = {}  # as they were numbered

    def look(self) -> list[RunSummary]:
        """The summaries, the same objects for runs that did not change; none when there is no such folder.

        Raises OSError.
        """
        self._turn = (self._turn + 1) % TURNS
        now, before = self._clock(), self._seen
        self.unreadable, self._seen = Unreadable(), {}
        for name in files.persist(lambda: folders(self._runs_dir)):
            try:
                self._seen[name] = self._look_at(name, before.get(name), now)
            except OSError as error:
                self.unreadable.note(name, error)
        if before:  # the first look is waited for
            self._measure()
        self._number()
        return [seen.summary for seen in self._seen.values() if seen.summary]

    def _number(self) -> None:
        """Number the runs that wait in the queue."""
        summaries = [seen.summary for seen in self._seen.values() if seen.summary]
        queued = {each.run.name: each.queued for each in summaries if each.queued}
        if queued != self._queued:
            self._queued = queued
            for each in with_places(summaries):
                self._seen[each.run.name] = replace(self._seen[each.run.name], summary=each)

    def _look_at(self, name: str, before: _Seen | None, now: float) -> _Seen:
        if before and before.at_rest and hash(name) % TURNS != self._turn:
            return before
        run = before.run if before else Run(self._runs_dir / name)
        version = run.summary_version()
        since = before.since if before and before.version == version else now
        settled = since + TICK_SECONDS  # what was read earlier may have changed once more in the same tick
        if before and before.at_rest and before.version == version and not before.read < settled <= now:
            return before
        summary = summarise(run) if is_run(run.path) else None
        if before and before.summary and summary:
            summary = replace(summary, **{name: getattr(before.summary, name) for name in KEPT})
        if summary and (before or not summary.is_active):  # the first look is waited for
            summary = with_alerts(summary, self._alerts)
        if before and summary == before.summary:
            summary = before.summary
        return _Seen(run, summary, version, since, now)

    def _measure(self) -> None:
        """Measure what changed since it was measured, for as long as a look may take."""
        self._measures = {name: known for name, known in self._measures.items() if name in self._seen}
        self._measured = {name: version for name, version in self._measured.items() if name in self._seen}
        self._alerts = {name: known for name, known in self._alerts.items() if name in self._seen}
        until = time.perf_counter() + MEASURED_SECONDS
        while True:
            if next(self._measuring, None) is not None:
                if time.perf_counter() >= until:
                    return
            else:
                changed = [name for name, seen in self._seen.items() if self._measured.get(name) != seen.version]
                if not changed:
                    return
                self._measuring = self._steps(changed)

    def _steps(self, names: list[str]) -> Iterator[str]:
        for name in names:
            seen = self._seen.get(name)
            if seen is None:
                continue
            self._measured[name] = seen.version
            if seen.summary is None:
                continue
            measures = self._measures.setdefault(name, Measures(seen.run))
            for _ in measures.measure():
                yield name
            now = self._seen.get(name)
            if now and now.summary and any(getattr(now.summary, key) != it for key, it in measures.found.items()):
                self._seen[name] = replace(now, summary=replace(now.summary, **measures.found))
            yield name
