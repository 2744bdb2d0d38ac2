"""What was measured of runs, here or by others, and which of it screen 7 shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui import evaluation_table

if TYPE_CHECKING:
    from core.explorer.results import EvaluationResult
    from core.runs.run import Run

SAMPLES = (1_000, 10_000)


@dataclass
class Measured:
    """Evaluations by their runs, the newest first."""

    _results: dict[Run, list[EvaluationResult]] = field(default_factory=dict)

    def add(self, run: Run, result: EvaluationResult) -> None:
        """In front of the others, in place of what was measured in the same way."""
        how = evaluation_table.measured_with(result.evaluation)
        others = self._results.get(run, [])
        rest = [each for each in others if evaluation_table.measured_with(each.evaluation) != how]
        self._results[run] = [result, *rest]

    def forget(self, run: Run | None) -> None:
        """Another run took its place."""
        if run is not None:
            self._results.pop(run, None)

    def of(self, run: Run | None, newest: int) -> list[EvaluationResult]:
        """All of a run, of its newest weights first."""
        found = self._results.get(run, []) if run is not None else []
        return sorted(found, key=lambda result: result.weights != newest)


def by_sampler(results: Iterable[EvaluationResult], samples: int | None) -> dict[str, EvaluationResult]:
    """The first with each sampler, of so many samples; None stands for any number."""
    fitting = [each for each in results if samples in (None, each.evaluation.samples)]
    return {each.evaluation.sampler: each for each in reversed(fitting)}


def numbers(results: Iterable[EvaluationResult], sampler: str, samples: int) -> list[int]:
    """The numbers of samples that can be chosen: the usual ones, this one, and those that were measured."""
    measured = (each.evaluation for each in results)
    return sorted({*SAMPLES, samples, *(each.samples for each in measured if each.sampler == sampler)})


def without_classes(of: EvaluationResult | None) -> str:
    """Why there is nothing of single classes to see in what was measured, if anything was."""
    if of is not None and of.evaluation.left_out:  # of images with labels there are classes all the same
        return "these images have no labels, so nothing is measured of single classes"
    return "nothing of single classes was measured with this sampler: enter measures"
