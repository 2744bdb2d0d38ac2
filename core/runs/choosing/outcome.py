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
from core.runs.choosing.groups import Groups
from core.runs.choosing.quantities import state_word
from core.runs.metrics.lines import last_lines
from core.runs.run import Run
from core.runs.settings import SETTINGS
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
class Outcome:
    """The runs of a sweep; `varied` are the settings in which they differ."""

    name: str
    varied: tuple[str, ...]
    trials: tuple[Trial, ...]
    key: str = ""  # which tells it from others of the same name

    @property
    def usual_figure(self) -> str:
        """What they are best compared by: losses where they are the same sums, else what was measured of samples."""
        if not self.differing_sums:
            return "val_loss"
        return next((name for name in ("frechet", "reconstruction") if self._all_have(name)), "val_loss")

    @property
    def differing_sums(self) -> tuple[str, ...]:
        """The settings that make losses different sums."""
        return tuple(name for name in self.varied if SETTINGS[name].changes_loss)

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
        if figure in LOSSES and self.differing_sums:
            named = " or ".join(name.replace("_", " ") for name in self.differing_sums)
            return f"losses of another {named} are other sums"
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

    def in_order(self, figure: str) -> list[Trial]:
        """The lowest first; those without the figure last, by their names."""
        return sorted(self.trials, key=lambda one: (one.figures.get(figure, math.inf), one.run.name))

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

    @property
    def left(self) -> list[RunSummary]:
        """Those that neither finished nor are trained or wait, in the order in which they were made."""
        done = (State.FINISHED, State.RUNNING, State.PAUSED, State.QUEUED)
        left = [trial.summary for trial in self.trials if trial.summary.state not in (None, *done)]
        return sorted(left, key=lambda one: (one.config.created if one.config else "", one.run.name))

    def as_json(self, figure: str) -> dict[str, Any]:
        """Plain values under stable names, for programs."""
        best = self.best(figure)
        return {
            "name": self.name,
            "varied": [*self.varied],
            "figure": figure,
            "best": best and best.run.name,
            "why_no_best": self.why_no_best(figure) or None,
            "states": dict(self.states),
            "runs": [
                {"settings": dict(one.settings), "figures": dict(one.figures)} | one.summary.as_json()
                for one in self.in_order(figure)
            ],
        }


def outcomes(summaries: Sequence[RunSummary], known: Mapping[Run, Trial] = MappingProxyType({})) -> list[Outcome]:
    """The sweeps among these runs, in the order of their first runs."""
    members: dict[str, list[RunSummary]] = {}
    titles: dict[str, str] = {}
    groups = Groups().of(summaries)
    for summary in summaries:
        key, title = groups.get(summary.run, ("", ""))
        if key.startswith("sweep/"):
            members.setdefault(key, []).append(summary)
            titles[key] = title
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
