"""The figures of an evaluation as they read, in the table of the command, on the screen and in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.latents.options import SAMPLERS
from tui.formatting import count

if TYPE_CHECKING:
    from core.evaluation.results import Evaluation
    from core.explorer.results import EvaluationResult


SHARES = ("precision", "recall", "classifier_confidence", "class_balance")
NONE = "–"


def conditions(sampler: str, samples: int, seeds: int, dataset: str, wish: Mapping[str, float] | None = None) -> str:
    """What is measured, such as 10,000 samples from the prior N(0, I), 3 seeds, mnist."""
    granted = ", ".join(f"{name} {value:g}" for name, value in (wish or {}).items())
    source = f"{SAMPLERS[sampler]} ({granted})" if granted else SAMPLERS[sampler]
    return f"{samples:,} samples from {source}, {count(seeds, 'seed')}, {dataset}"


def name_shown(figure: str) -> str:
    """A figure as people read it."""
    return figure.replace("_", " ")


def cells(evaluation: Evaluation, figure: str) -> tuple[str, str]:
    """A figure and its spread over the seeds; a dash where there is none."""
    measured: Any = getattr(evaluation, figure)
    if measured is None or isinstance(measured, int):
        return (NONE if measured is None else str(measured)), NONE
    form = ".3f" if figure in SHARES else ".2f"
    if isinstance(measured, float):
        return format(measured, form), NONE
    return format(measured.mean, form), NONE if measured.std is None else format(measured.std, form)


def classifier(evaluation: Evaluation) -> str:
    """How well the classifier knows digits in whose features samples were compared."""
    return f"classifier: {float(evaluation.classifier['test_accuracy']):.2%} of MNIST's test images"


def epoch(measured: EvaluationResult) -> str:
    """After which epoch the weights were saved."""
    return "epoch unknown" if measured.epoch is None else f"epoch {measured.epoch}"


def as_json(run: str, measured: EvaluationResult) -> dict[str, Any]:
    """An evaluation, of which run and after which epoch."""
    return {"run": run, "epoch": measured.epoch, **measured.evaluation.as_json()}


def columns(measured: Sequence[EvaluationResult], meanings: Mapping[str, str]) -> dict[str, list[Any]]:
    """Everything that was measured as columns of a table, a line for each figure of each sampler."""
    lines = [_line(each, figure) | {"meaning": meaning} for each in measured for figure, meaning in meanings.items()]
    return {name: [line[name] for line in lines] for name in lines[0]}


def _line(measured: EvaluationResult, figure: str) -> dict[str, Any]:
    evaluation = measured.evaluation
    value: Any = getattr(evaluation, figure)
    mean, std = (value, None) if value is None or isinstance(value, int | float) else (value.mean, value.std)
    return {
        "sampler": evaluation.sampler,
        "samples": evaluation.samples,
        "draws": evaluation.frechet_samples.n,
        "epoch": measured.epoch,
        "figure": figure,
        "value": mean,
        "std": std,
    }
