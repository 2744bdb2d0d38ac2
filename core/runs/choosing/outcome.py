"""What a sweep came to: its runs with the settings in which they differ, and by which figure which is the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.errors import DamagedFile, RunError
from core.runs.catalog import RunSummary
from core.runs.choosing.groups import sweep_key
from core.runs.choosing.quantities import state_word
from core.runs.choosing.seeds import Spread, spread_of, without_seed
from core.runs.metrics.lines import last_lines
from core.runs.run import Run
from core.runs.settings import SETTINGS, other_losses
from core.runs.status import State
from core.text import alternatives

Value = float | int | str
# What the runs of a sweep can be compared by, and what each is called. The lower the better, but for the KL divergence.
FIGURES: Mapping[str, str] = {
    "val_loss": "validation loss",
    "best_val_loss": "best validation loss",
    "reconstruction": "error of validation images",
    "kl": "KL divergence of validation images",
    "frechet": "Fréchet distance",
}
LOSSES = ("val_loss", "best_val_loss")  # other sums where runs differ in what weighs their parts
NOT_RANKED = ("kl",)
NOT_BEGUN = (State.CREATED, State.QUEUED)
NOT_VARIED = ("device", "processes")


@dataclass(frozen=True)
class Trial:
    """One run of a sweep; `figures` holds what is known of it."""

    summary: RunSummary
    settings: Mapping[str, Value]
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return self.summary.run


@dataclass(frozen=True)
class SeedGroup:
    """Runs of a sweep that differ in nothing but the seed; `settings` are the others in which those of it differ."""

    settings: Mapping[str, Value]
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """The name of its first run without the seed."""
        first = self.trials[0]
        before, _, after = first.run.name.rpartition(f"-{SETTINGS['seed'].prefix}{first.settings['seed']}")
        return before + after

    def spread(self, figure: str) -> Spread | None:
        """That of a figure over the runs of which it is known."""
        return spread_of([trial.figures[figure] for trial in self.trials if figure in trial.figures])

    def mean(self, figure: str) -> float:
        """The mean of a figure, infinite where it is not known of any run."""
        spread = self.spread(figure)
        return math.inf if spread is None else spread.mean

    def said(self, figure: str) -> str:
        """Its mean and deviation, and of how many seeds where it is not known of all; nothing where of none."""
        spread = self.spread(figure)
        if spread is None:
            return ""
        return f"{spread}" if spread.n == len(self.trials) else f"{spread} (n {spread.n})"

    def as_json(self) -> dict[str, Any]:
        """Plain values under stable names, for programs."""
        known = {figure: spread.as_json() for figure in FIGURES if (spread := self.spread(figure))}
        return {"settings": dict(self.settings), "runs": [trial.run.name for trial in self.trials]} | known


@dataclass(frozen=True)
class Outcome:
    """The runs of a sweep; `varied` are the settings in which they differ."""

    name: str
    varied: tuple[str, ...]
    trials: tuple[Trial, ...]
    key: str = ""  # which tells it from others of the same name

    @property
    def usual_figure(self) -> str:
        """What they are best compared by: losses where they are the same sums, else what was measured of samples."""
        if not self.other_sums("val_loss"):
            return "val_loss"
        return next((name for name in ("frechet", "reconstruction") if not self.why_no_best(name)), "val_loss")

    def other_sums(self, figure: str) -> str:
        """Why the values of a figure do not compare; nothing where they do."""
        if figure == "reconstruction" and "likelihood" in self.varied:
            return "squared errors and cross-entropies do not compare"
        return other_losses(self.varied) if figure in LOSSES else ""

    def has(self, figure: str) -> bool:
        """Whether it is known of any run."""
        return any(figure in trial.figures for trial in self.trials)

    @property
    def finished(self) -> list[Trial]:
        """Those that have finished."""
        return [trial for trial in self.trials if trial.summary.state is State.FINISHED]

    @property
    def so_far(self) -> str:
        """What is said behind the best while it may still change: nothing once all runs have finished."""
        return " so far" if len(self.finished) < len(self.trials) else ""

    def _all_have(self, figure: str) -> bool:
        """Whether it is known of all runs that finished: what was measured of some cannot tell the best of all."""
        return self.has(figure) and all(figure in trial.figures for trial in self.finished)

    def _measured(self, figure: str) -> str:
        """Of how many of the finished runs it is known."""
        return f"{sum(figure in one.figures for one in self.finished)} of {len(self.finished)} measured"

    def why_no_best(self, figure: str) -> str:
        """Why none is the best by a figure; nothing where one can be."""
        if figure in NOT_RANKED:
            return f"a lower {FIGURES[figure]} is not better by itself"
        if why := self.other_sums(figure):
            return why
        how = "; vae-tui evaluate RUN measures it" if figure == "frechet" else ""
        if not self.has(figure):
            return f"no run has a {FIGURES[figure]} yet{how}"
        if not self._all_have(figure):
            return f"not all that finished have a {FIGURES[figure]}, {self._measured(figure)}{how}"
        return ""

    def best(self, figure: str) -> Trial | None:
        """The best of those there are, None where none can be."""
        if self.why_no_best(figure):
            return None
        return min((one for one in self.trials if figure in one.figures), key=lambda one: one.figures[figure])

    @property
    def groups(self) -> list[SeedGroup]:
        """Its runs, those together that differ in nothing but the seed; nothing where no two do."""
        found: dict[tuple[tuple[str, Value], ...], list[Trial]] = {}
        for trial in self.trials if "seed" in self.varied else ():
            found.setdefault(without_seed(trial.settings), []).append(trial)
        several = any(len(trials) > 1 for trials in found.values())
        return [SeedGroup(dict(key), tuple(trials)) for key, trials in found.items()] if several else []

    def best_group(self, figure: str) -> SeedGroup | None:
        """That of the lowest mean, None where there can be none.

        Where a figure is known of all seeds of some, the others are left out: a lucky seed is no mean.
        """
        if self.why_no_best(figure):
            return None
        known = [group for group in self.groups if group.spread(figure)]
        whole = [group for group in known if all(figure in trial.figures for trial in group.trials)]
        return min(whole or known, key=lambda group: group.mean(figure), default=None)

    def groups_in_order(self, figure: str) -> list[SeedGroup]:
        """The lowest mean first; those without the figure last; by their names where means do not compare."""
        compare = not self.other_sums(figure)
        return sorted(self.groups, key=lambda group: (compare and group.mean(figure), group.name))

    def in_order(self, figure: str) -> list[Trial]:
        """The lowest first; those without the figure last; by their names where values do not compare."""
        compare = not self.other_sums(figure)
        return sorted(self.trials, key=lambda one: (compare and one.figures.get(figure, math.inf), one.run.name))

    @property
    def states(self) -> Mapping[str, int]:
        """How many runs are in which state."""
        words = [state_word(trial.summary) for trial in self.trials]
        return {word: words.count(word) for word in dict.fromkeys(words)}

    def summary(self, figure: str) -> str:
        """How far the sweep is, and the best by a figure, or why there is none."""
        states = ", ".join(f"{count} {word}" for word, count in self.states.items())
        best = self.best(figure)
        if best is None:
            return f"{states}; no best: {self.why_no_best(figure)}"
        said = f"{states}; lowest {FIGURES[figure]}{self.so_far} {best.figures[figure]:.4g}: {best.run.name}"
        passed = figure != "frechet" and self.has("frechet") and not self._all_have("frechet")
        return f"{said}; {FIGURES['frechet']}: {self._measured('frechet')}" if passed else said

    def summary_of_seeds(self, figure: str) -> str:
        """The best by the mean of those that differ in nothing but the seed, or why there is none."""
        group = self.best_group(figure)
        if group is None:
            return f"no best mean: {self.why_no_best(figure)}"
        return f"lowest mean of seeds{self.so_far} {group.said(figure)}: {group.name} ×{len(group.trials)}"

    @property
    def going(self) -> list[RunSummary]:
        """Those that wait, begin or are trained; those that wait come first."""
        going = [one.summary for one in self.trials if one.summary.is_active or one.summary.state in NOT_BEGUN]
        return sorted(going, key=lambda one: one.state is not State.QUEUED)

    @property
    def left(self) -> list[RunSummary]:
        """Those that neither finished nor are trained or wait, in the order in which they were made."""
        done = (State.FINISHED, State.RUNNING, State.PAUSED, State.QUEUED)
        left = [trial.summary for trial in self.trials if trial.summary.state not in (None, *done)]
        return sorted(left, key=lambda one: (one.config.created if one.config else "", one.run.name))

    def as_json(self, figure: str) -> dict[str, Any]:
        """Plain values under stable names, for programs."""
        best, best_group = self.best(figure), self.best_group(figure)
        return {
            "name": self.name,
            "varied": [*self.varied],
            "figure": figure,
            "best": best and best.run.name,
            "best_group": best_group and dict(best_group.settings),
            "why_no_best": self.why_no_best(figure) or None,
            "states": dict(self.states),
            "runs": [
                {"settings": dict(one.settings), "figures": dict(one.figures)} | one.summary.as_json()
                for one in self.in_order(figure)
            ],
            "groups": [group.as_json() for group in self.groups_in_order(figure)],
        }

    def as_table(self, figure: str) -> Mapping[str, Sequence[Any]]:
        """Columns with a row for each run; beside each figure the mean, deviation and number of its seeds."""
        trials, group_of = self.in_order(figure), {one.run: group for group in self.groups for one in group.trials}
        table: dict[str, Sequence[Any]] = {
            "run": [one.run.name for one in trials],
            "state": [state_word(one.summary) for one in trials],
        }
        table |= {name: [one.settings[name] for one in trials] for name in self.varied}
        for name in filter(self.has, FIGURES):
            table[name] = [one.figures.get(name) for one in trials]
            if group_of:
                spreads = [group_of[one.run].spread(name) for one in trials]
                table[f"{name}_mean"] = [spread and spread.mean for spread in spreads]
                table[f"{name}_std"] = [spread and spread.deviation for spread in spreads]
                table[f"{name}_n"] = [spread.n if spread else 0 for spread in spreads]
        return table


def outcomes(summaries: Sequence[RunSummary], known: Mapping[Run, Trial] = MappingProxyType({})) -> list[Outcome]:
    """The sweeps among these runs, in the order of their first runs."""
    members: dict[str, list[RunSummary]] = {}
    titles: dict[str, str] = {}
    for summary in summaries:
        if summary.config and summary.config.sweep:
            key = sweep_key(summary.config)
            members.setdefault(key, []).append(summary)
            titles[key] = summary.config.sweep
    return [outcome(titles[key], runs, key, known) for key, runs in members.items()]


def outcome(
    name: str, runs: Iterable[RunSummary], key: str = "", known: Mapping[Run, Trial] = MappingProxyType({})
) -> Outcome:
    """What these runs came to, which are a sweep; those that did not change since they were known are not read."""
    whole = [run for run in runs if run.config is not None]
    values = {setting: [getattr(run.config, setting) for run in whole] for setting in SETTINGS}
    varied = tuple(name for name, found in values.items() if name not in NOT_VARIED and len(set(found)) > 1)
    return Outcome(name, varied, tuple(_trial(run, varied, known.get(run.run)) for run in whole), key)


def find_outcome(summaries: Sequence[RunSummary], name: str) -> Outcome:
    """The sweep of that name. Raises RunError naming those there are."""
    found = outcomes(summaries)
    for each in found:
        if each.name == name:
            return each
    raise RunError(f"no sweep named {name[:100]!r}; {alternatives(name, [each.name for each in found])}")


def _trial(summary: RunSummary, varied: Sequence[str], before: Trial | None) -> Trial:
    if before is not None and before.summary is summary and (*before.settings,) == (*varied,):
        return before
    figures: dict[str, float | None] = {
        "val_loss": summary.validation and summary.validation[1],
        "best_val_loss": summary.best[1] if summary.best else summary.validation and summary.validation[1],
    }
    with suppress(DamagedFile, OSError):  # the list of runs says so
        epoch = last_lines(summary.run.metrics_path).get("epoch", {})
        figures |= {"reconstruction": epoch.get("val_reconstruction"), "kl": epoch.get("val_kl")}
        figures["frechet"] = epoch.get("frechet")
    if summary.evaluation and summary.evaluation.frechet is not None:
        figures["frechet"] = summary.evaluation.frechet
    known = {name: float(value) for name, value in figures.items() if value is not None and math.isfinite(value)}
    return Trial(summary, {name: getattr(summary.config, name) for name in varied}, known)
