"""The metrics of an evaluation in words, for the command, the screen and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.latents.options import SAMPLERS
from tui.formatting import count

if TYPE_CHECKING:
    from core.evaluation.results import Evaluation
    from core.explorer.results import EvaluationResult
    from core.latents.options import SamplingOptions


FRACTIONS = ("precision", "recall", "classifier_confidence", "class_balance")
NONE = "–"


def conditions(sampler: str, samples: int, seeds: int, dataset: str, options: Mapping[str, float] | None = None) -> str:
    """What is measured, such as 10,000 samples from the prior N(0, I), 3 seeds, mnist."""
    chosen = ", ".join(f"{name} {value:g}" for name, value in (options or {}).items())
    source = f"{SAMPLERS[sampler]} ({chosen})" if chosen else SAMPLERS[sampler]
    return f"{samples:,} samples from {source}, {count(seeds, 'seed')}, {dataset}"


# Whether less or more is better.
BETTER = {
    **dict.fromkeys(("frechet_samples", "frechet_reconstructions", "test_squared_error"), "↓"),
    **dict.fromkeys(("precision", "recall", "classifier_confidence", "class_balance", "elbo", "iwae"), "↑"),
}


def name_shown(figure: str) -> str:
    """A metric as people read it."""
    return figure.replace("_", " ")


def cells(evaluation: Evaluation, figure: str) -> tuple[str, str]:
    """The value of a metric and its standard deviation over the seeds; a dash where there is none."""
    measured: Any = getattr(evaluation, figure)
    if measured is None or isinstance(measured, int):
        return (NONE if measured is None else str(measured)), NONE
    form = ".3f" if figure in FRACTIONS else ".2f"
    if isinstance(measured, float):
        return format(measured, form), NONE
    return format(measured.mean, form), NONE if measured.std is None else format(measured.std, form)


def plain_options(sampler: str, options: SamplingOptions) -> dict[str, float] | None:
    """The options of a learned prior as an evaluation names them."""
    return {"guidance": options.guidance, "steps": options.steps} if sampler == "learned" else None


def measured_with(evaluation: Evaluation) -> tuple[str, int, int, dict[str, float] | None]:
    """The sampler, how many samples of how many seeds, and the options of a learned prior."""
    return evaluation.sampler, evaluation.samples, evaluation.frechet_samples.n, evaluation.sampling_options


def classifier(evaluation: Evaluation) -> str:
    """The accuracy of the classifier in whose features samples were compared."""
    return f"classifier: {float(evaluation.classifier['test_accuracy']):.2%} of MNIST's test images"


def epoch(measured: EvaluationResult) -> str:
    """The epoch after which the weights were saved."""
    return "epoch unknown" if measured.epoch is None else f"epoch {measured.epoch}"


def as_json(run: str, measured: EvaluationResult) -> dict[str, Any]:
    """An evaluation, with its run and the epoch of the weights."""
    return {"run": run, "epoch": measured.epoch, **measured.evaluation.as_json()}


def columns(measured: Sequence[EvaluationResult], meanings: Mapping[str, str]) -> dict[str, list[Any]]:
    """Everything that was measured as columns of a table, a line for each metric of each sampler."""
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
